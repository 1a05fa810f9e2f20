package gantline

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestDedupUnderWay: a copy that comes while the first one is worked on waits for that. It is handed out only if the
// first was not acked.
func TestDedupUnderWay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first func() error // ends the function that has the first copy
		runs  int
	}{
		{"acked", func() error { return nil }, 1},
		{"failed", func() error { return errors.New("its context has ended") }, 2},
		{"panicked", func() error { panic("on purpose") }, 2},
		{"Goexit", func() error { runtime.Goexit(); return nil }, 2},
		{"left open", func() error { return ErrAckLater }, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var runs, others int
				end := make(chan struct{})
				r := new(Router)
				r.Subscribe("t", func(context.Context, *Message) error {
					if runs++; runs == 1 {
						<-end
						return tt.first()
					}
					return nil
				})
				r.Subscribe("other", func(context.Context, *Message) error { others++; return nil })
				h := newTestServer(t, &Config{Router: r, Dedup: NewDedup(100, time.Hour)})
				c := h.client(nil)
				p, err := c.PublishAsync(t.Context(), "t", nil)
				must(t, err)
				synctest.Wait()
				h.stop()
				h.start()
				must(t, c.Publish(t.Context(), "other", nil)) // after the copy, and not held up by it
				<-time.After(time.Second)
				synctest.Wait()
				if runs != 1 || p.Err() != ErrPending {
					t.Errorf("while the first copy is worked on: %d runs, %v", runs, p.Err())
				}
				close(end)
				must(t, p.Wait(short(t)))
				if runs != tt.runs || others != 1 {
					t.Errorf("%d runs, want %d; %d of the other topic", runs, tt.runs, others)
				}
				synctest.Wait()
				if n := copies.Len(); n != 0 {
					t.Errorf("%d messages are claimed still", n)
				}
			})
		})
	}
}
