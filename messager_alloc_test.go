//go:build !race

package gantline

import (
	"context"
	"testing"
	"unsafe"
)

// TestPublishAllocations counts those of both ends together: the message, its body and the session's books at
// the receiver; at the publisher a Publication, and nothing for Publish.
func TestPublishAllocations(t *testing.T) {
	c, s := pair(t, nil, nil)
	acker(s)
	ctx, body := context.Background(), make([]byte, 128)
	acked := make(chan struct{}, 1)
	done := OnDone(func(error) { acked <- struct{}{} })
	for _, tc := range []struct {
		name  string
		limit float64
		f     func()
	}{
		{"Publish", 2, func() { must(t, c.Publish(ctx, "t", body)) }},
		{"PublishAsync", 3, func() {
			if _, err := c.PublishAsync(ctx, "t", body, done); err != nil {
				t.Error(err)
			}
			<-acked
		}},
		{"PublishAsync with a context that can end", 3, func() {
			if _, err := c.PublishAsync(t.Context(), "t", body, done); err != nil {
				t.Error(err)
			}
			<-acked
		}},
		{"NoAck", 2, func() { must(t, c.Publish(ctx, "t", body, NoAck())) }},
	} {
		if n := testing.AllocsPerRun(300, tc.f); n > tc.limit {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, n, tc.limit)
		}
	}
}

// TestMessageSizes: with the 8 bytes that the runtime adds, a message and a call are in the class of 576 bytes. The next one is
// 640.
func TestMessageSizes(t *testing.T) {
	if m, sv := unsafe.Sizeof(Message{}), unsafe.Sizeof(serving{}); unsafe.Sizeof(uintptr(0)) == 8 && max(m, sv) > 568 {
		t.Errorf("a message has %d bytes and a call %d, want at most 568", m, sv)
	}
}
