package gantline

import (
	"fmt"
	"strings"
	"testing"
)

// TestFreshFullMetadata: a message with as much metadata as Publish takes can be published again, marked as redelivered.
func TestFreshFullMetadata(t *testing.T) {
	for name, grow := range map[string]func(n int) Metadata{
		"pairs": func(n int) Metadata {
			m := make(Metadata)
			for i := range n {
				m.Add(fmt.Sprint("k", i), "v")
			}
			return m
		},
		"bytes": func(n int) Metadata { return Metadata{"k": {strings.Repeat("v", 8100+n)}} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var b mailbox
				box := newMemoryBox()
				h := newTestServer(t, b.config(Config{}))
				c := h.client(&Config{Outbox: box})
				var last *Publication
				n := 0
				for ; ; n++ {
					p, err := c.PublishAsync(t.Context(), "t", nil, WithMetadata(grow(n)))
					if err != nil {
						want(t, err, InvalidArgument)
						break
					}
					last = p
				}
				b.take()
				h.stop()
				b.acks(true)
				h.start()
				must(t, last.Wait(short(t)))
				got := b.take()
				if m := got[len(got)-1]; len(got) != n || !m.Redelivered || fmt.Sprint(m.Metadata) != fmt.Sprint(grow(n-1)) {
					t.Errorf("%d of %d messages came, the last one with %v", len(got), n, m.Metadata)
				}
			})
		})
	}
}
