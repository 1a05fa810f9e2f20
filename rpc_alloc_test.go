//go:build !race

package gantline

import (
	"context"
	"testing"
)

// TestCallAllocations counts those of both ends together: at the handler the serving and the body, at the caller the
// answer, and nothing for the call itself.
func TestCallAllocations(t *testing.T) {
	c, s := pair(t, nil, nil)
	handled := make(chan struct{}, 1)
	s.Handle("echo", echo)
	s.Handle("note", HandlerFunc(func(context.Context, *Request) ([]byte, error) {
		handled <- struct{}{}
		return nil, nil
	}))
	body := make([]byte, 128)
	call := func(ctx context.Context) func() {
		return func() {
			_, err := c.Call(ctx, "echo", body)
			must(t, err)
		}
	}
	for _, tc := range []struct {
		name  string
		limit float64
		f     func()
	}{
		{"Call", 3, call(context.Background())},
		{"Call with a context that can end", 3, call(t.Context())},
		{"Notify", 2, func() {
			must(t, c.Notify(context.Background(), "note", body))
			<-handled
		}},
		{"Go", 5, func() { // the PendingCall and its channel
			_, err := c.Go(t.Context(), "echo", body).Wait(context.Background())
			must(t, err)
		}},
	} {
		if n := testing.AllocsPerRun(300, tc.f); n > tc.limit {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, n, tc.limit)
		}
	}
}
