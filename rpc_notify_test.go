package gantline

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
)

// TestNotifyOrder: notifies are handled one at a time in the order they were sent, in every handler mode,
// whatever their size.
func TestNotifyOrder(t *testing.T) {
	const n = 3000
	for _, mode := range handlerModes {
		t.Run(mode.name, func(t *testing.T) {
			c, s := pair(t, nil, nil)
			var next uint64
			done := make(chan error, 1)
			s.Handle("n", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
				if got := binary.BigEndian.Uint64(req.Body); got != next {
					done <- errors.New("out of order")
				}
				if next++; next == n {
					done <- nil
				}
				return nil, nil
			}), mode.opts...)
			ctx := short(t)
			for i := range n {
				body := binary.BigEndian.AppendUint64(nil, uint64(i))
				if i%500 == 499 {
					body = append(body, make([]byte, 300<<10)...)
				}
				must(t, c.Notify(ctx, "n", body))
			}
			select {
			case err := <-done:
				must(t, err)
			case <-ctx.Done():
				t.Fatalf("%d of %d were handled", next, n)
			}
		})
	}
}

// TestNotifySurvivesHandlers: an error, a panic and an unknown method do not stop what comes after.
func TestNotifySurvivesHandlers(t *testing.T) {
	c, s := pair(t, nil, nil)
	done := make(chan struct{})
	s.Handle("error", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, NotFound }))
	s.Handle("panic", HandlerFunc(func(context.Context, *Request) ([]byte, error) { panic("boom") }))
	s.Handle("done", HandlerFunc(func(context.Context, *Request) ([]byte, error) { close(done); return nil, nil }))
	s.HandleStream("stream", func(context.Context, *Request, *CallStream) error { return nil })
	ctx := short(t)
	for _, m := range []string{"error", "unknown", "panic", "stream", "error", "done"} {
		must(t, c.Notify(ctx, m, nil))
	}
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("the last notify was not handled")
	}
}

// TestNotifyFlood: senders wait while the receiver is busy; nothing is dropped.
func TestNotifyFlood(t *testing.T) {
	c, s := pair(t, nil, &Config{Limits: Limits{Calls: 8}})
	gate := make(chan struct{})
	count := make(chan struct{}, 100)
	s.Handle("n", HandlerFunc(func(context.Context, *Request) ([]byte, error) {
		<-gate
		count <- struct{}{}
		return nil, nil
	}))
	ctx := short(t)
	sent := make(chan error, 1)
	go func() {
		for range 100 {
			if err := c.Notify(ctx, "n", nil); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	close(gate)
	must(t, <-sent)
	for range 100 {
		select {
		case <-count:
		case <-ctx.Done():
			t.Fatal("a notify got lost")
		}
	}
}
