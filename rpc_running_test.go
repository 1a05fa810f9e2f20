package gantline

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRunning: handlers of one peer's calls run as many at a time as Limits.Running says, streaming ones included. What
// waits goes on in turn, or is given up.
func TestRunning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Running: 3}})
		var running, most, ran atomic.Int32
		end := make(chan struct{})
		busy := func() {
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			<-end
			running.Add(-1)
			ran.Add(1)
		}
		s.Handle("busy", HandlerFunc(func(context.Context, *Request) ([]byte, error) { busy(); return nil, nil }))
		s.HandleStream("streaming", func(context.Context, *Request, *CallStream) error { busy(); return nil })
		s.Handle("limited", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, nil }), MaxConcurrent(1))
		s.Handle("inline", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, nil }), Inline())
		notified := make(chan struct{}, 1)
		s.Handle("notified", HandlerFunc(func(context.Context, *Request) ([]byte, error) { notified <- struct{}{}; return nil, nil }))
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if i%2 == 0 {
					_, err := c.Call(t.Context(), "busy", nil)
					must(t, err)
					return
				}
				cs, err := c.OpenCall(t.Context(), "streaming")
				must(t, err)
				if _, err = cs.Recv(t.Context()); err != io.EOF {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if running.Load() != 3 {
			t.Errorf("%d run, want 3", running.Load())
		}
		// What has a limit of its own, or none to run beside, does not wait for them.
		for _, method := range []string{"limited", "inline"} {
			_, err := c.Call(t.Context(), method, nil)
			must(t, err)
		}
		must(t, c.Notify(t.Context(), "notified", nil))
		<-notified
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Call(ctx, "busy", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call that waits: %v", err)
		}
		synctest.Wait()
		close(end)
		wg.Wait()
		synctest.Wait()
		if most.Load() != 3 || ran.Load() != 20 {
			t.Errorf("at most %d ran at once, and %d in all", most.Load(), ran.Load())
		}
	})
}

// TestRunningNested: handlers on both sides that call back, as many as may run and more, never wait for each other for ever.
func TestRunningNested(t *testing.T) {
	for _, limit := range []int{1, 2, 0} {
		bubble(t, func(t *testing.T) {
			cfg := &Config{Limits: Limits{Running: limit}}
			c, s := pair(t, cfg, cfg)
			var ran atomic.Int32
			for _, e := range []*End{c, s} {
				e.Handle("hop", HandlerFunc(func(ctx context.Context, r *Request) ([]byte, error) {
					ran.Add(1)
					if r.Body[0] == 0 {
						return nil, nil
					}
					return FromContext(ctx).Call(ctx, "hop", []byte{r.Body[0] - 1})
				}))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for i := range 600 {
				wg.Go(func() {
					_, err := []*End{c, s}[i%2].Call(ctx, "hop", []byte{byte(i % 16)})
					must(t, err)
				})
			}
			wg.Wait()
			want := int32(0)
			for i := range 600 {
				want += int32(i%16) + 1
			}
			if ran.Load() != want {
				t.Errorf("%d handlers ran, want %d", ran.Load(), want)
			}
		})
	}
}
