package gantline

import (
	"context"
	"errors"
	"testing"
)

// TestCallNestedCancel: a call made with a handler's context is given up when the handler's caller gives up, and
// when the session ends; the chain has no other way to hear of it.
func TestCallNestedCancel(t *testing.T) {
	for _, how := range []string{"cancel", "close"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, nil)
				inner, inside := make(chan error, 1), make(chan struct{})
				outer := make(chan error, 1)
				c.Handle("inner", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
					close(inside)
					<-ctx.Done()
					inner <- ctx.Err()
					return nil, ctx.Err()
				}))
				s.Handle("outer", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
					_, err := FromContext(ctx).Call(ctx, "inner", nil)
					outer <- err
					return nil, err
				}))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() {
					_, err := c.Call(ctx, "outer", nil)
					done <- err
				}()
				<-inside
				if how == "cancel" {
					cancel()
				} else {
					s.session().Link.Abort(nil)
				}
				if err := <-inner; !errors.Is(err, context.Canceled) {
					t.Errorf("the inner handler's context ended with %v", err)
				}
				if err := <-outer; how == "cancel" && !errors.Is(err, context.Canceled) || err == nil {
					t.Errorf("the call from the handler ended with %v", err)
				}
				if err := <-done; err == nil {
					t.Error("the outer call succeeded")
				}
			})
		})
	}
}
