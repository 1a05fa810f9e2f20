package gantline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestHalvesMeetTheEnd: the halves of a scope are made by many at once, while the stream ends in each way. Nothing
// hangs, and what waits on the scope learns of the end.
func TestHalvesMeetTheEnd(t *testing.T) {
	for name, end := range map[string]func(c, s *End, st *Stream){
		"closed":      func(_, _ *End, st *Stream) { _ = st.Close() },
		"reset":       func(_, _ *End, st *Stream) { _ = st.Reset(Aborted) },
		"End closed":  func(c, _ *End, _ *Stream) { _ = c.Close() },
		"peer closed": func(_, s *End, _ *Stream) { _ = s.Close() },
		"lost":        func(c, _ *End, _ *Stream) { c.session().Link.Abort(errors.New("cut")) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 30 {
				bubble(t, func(t *testing.T) { // a message that nobody takes waits 10 s
					c, s := Pipe(quiet(nil), quiet(nil))
					st, err := c.OpenStream(short(t))
					must(t, err)
					peer, err := s.AcceptStream(short(t))
					must(t, err)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					var wg sync.WaitGroup
					begin := make(chan struct{})
					for _, x := range []*Stream{st, peer} {
						for _, f := range []func(){
							func() { x.Handle("m", echo) },
							func() { defer x.Subscribe("t", func(context.Context, *Message) error { return nil })() },
							func() { _, _ = x.Call(ctx, "m", nil) },
							func() { _, _ = x.Call(ctx, "nobody", nil) },
							func() { _ = x.Publish(ctx, "t", nil) },
							func() {
								for _, err := range x.Messages(ctx) {
									if err != nil && ctx.Err() != nil {
										t.Errorf("Receive did not learn of the end: %v", err)
									}
								}
							},
						} {
							wg.Go(func() { <-begin; f() })
						}
					}
					wg.Go(func() { <-begin; end(c, s, st) })
					close(begin)
					if name == "closed" { // which leaves the peer's direction open
						wg.Go(func() { <-begin; _ = peer.Close() })
					}
					wg.Wait()
					cancel()
					closeBoth(c, s)
				})
			}
		})
	}
}

// TestRouterHalvesMeet: the parts of a Router are made while Ends that share it come, work and go.
func TestRouterHalvesMeet(t *testing.T) {
	for range 20 {
		router := new(Router)
		var wg sync.WaitGroup
		begin := make(chan struct{})
		wg.Go(func() { <-begin; router.Handle("m", echo) })
		wg.Go(func() { <-begin; router.Use(func(next Handler) Handler { return next }) })
		wg.Go(func() {
			<-begin
			for range 10 {
				router.Subscribe("t", func(context.Context, *Message) error { return nil })()
			}
		})
		for range 4 {
			wg.Go(func() {
				<-begin
				c, s := Pipe(quiet(nil), quiet(&Config{Router: router, OnPeerMethod: func(*End, string, bool) {}}))
				defer closeBoth(c, s)
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				if _, err := c.Call(ctx, "m", nil); err != nil && !errors.Is(err, Unimplemented) {
					t.Errorf("Call: %v", err)
				}
				_ = c.Publish(ctx, "t", nil) // nobody may be there
			})
		}
		close(begin)
		wg.Wait()
	}
}
