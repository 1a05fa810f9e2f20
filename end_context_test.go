package gantline

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestHandlerContextEnds: how and why a handler's context ends, for handlers that wait for it and for those
// that only look.
func TestHandlerContextEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		method string
		call   func(t *testing.T, c *End, nc *memnet.Conn) error // makes the call and ends it
		err    error                                             // of the handler's context
		cause  error
		caller []error
	}{
		{"deadline", "wait", func(t *testing.T, c *End, _ *memnet.Conn) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.Call(ctx, "wait", nil)
			return err
		}, context.DeadlineExceeded, context.DeadlineExceeded, []error{DeadlineExceeded, context.DeadlineExceeded}},
		{"cancel", "wait", func(t *testing.T, c *End, _ *memnet.Conn) error {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := c.Call(ctx, "wait", nil)
			return err
		}, context.Canceled, Canceled, []error{Canceled, context.Canceled}},
		{"pending call cancelled", "wait", func(t *testing.T, c *End, _ *memnet.Conn) error {
			ctx, cancel := context.WithCancel(t.Context())
			p := c.Go(ctx, "wait", nil)
			synctest.Wait()
			cancel()
			_, err := p.Wait(t.Context())
			return err
		}, context.Canceled, Canceled, []error{Canceled, context.Canceled}},
		{"session lost", "wait", func(t *testing.T, c *End, nc *memnet.Conn) error {
			time.AfterFunc(time.Second, nc.Cut)
			_, err := c.Call(t.Context(), "wait", nil)
			return err
		}, context.Canceled, ErrSessionLost, []error{ErrUnknownOutcome, ErrSessionLost}},
		{"caller's end closed", "wait", func(t *testing.T, c *End, _ *memnet.Conn) error {
			time.AfterFunc(time.Second, func() { _ = c.Close() })
			_, err := c.Call(t.Context(), "wait", nil)
			return err
		}, context.Canceled, net.ErrClosed, []error{ErrUnknownOutcome, net.ErrClosed}},
		{"notify, session lost", "wait", func(t *testing.T, c *End, nc *memnet.Conn) error {
			err := c.Notify(t.Context(), "wait", nil)
			synctest.Wait()
			nc.Cut()
			return err
		}, context.Canceled, ErrSessionLost, nil},
	} {
		for _, look := range []bool{false, true} {
			name := test.name
			if look {
				name += ", looking only"
			}
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, s, nc := cutPair(t, nil, nil)
					ended := make(chan context.Context, 1)
					s.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
						if look {
							for tick := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-tick.C {
							}
						} else {
							<-ctx.Done()
						}
						ended <- ctx
						return nil, ctx.Err()
					}))
					want(t, errOr(test.call(t, c, nc), test.caller), test.caller...)
					ctx := <-ended
					want(t, ctx.Err(), test.err)
					want(t, context.Cause(ctx), test.cause)
					select {
					case <-ctx.Done():
					default:
						t.Error("Err is set and Done is open")
					}
				})
			})
		}
	}
}

// errOr passes err on unless none is wanted.
func errOr(err error, wanted []error) error {
	if err == nil && len(wanted) > 0 {
		return errors.New("no error")
	}
	return err
}

func TestHandlerContextIsOverAfterwards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		var kept context.Context
		s.Handle("keep", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			kept = ctx
			return nil, ctx.Err()
		}))
		_, err := c.Call(t.Context(), "keep", nil)
		must(t, err)
		synctest.Wait()
		want(t, kept.Err(), context.Canceled)
		<-kept.Done()
	})
}

// TestHandlerContextValues: contexts derived from a handler's know its End and depth.
func TestHandlerContextValues(t *testing.T) {
	c, _ := pair(t, nil, nil)
	hc := new(handlerContext)
	hc.init(c, c.session(), 2, 0)
	defer hc.finish()
	child, cancel := context.WithCancel(hc)
	defer cancel()
	if depthFrom(child) != 3 || FromContext(child) != c || RequestFromContext(child) != nil {
		t.Error("values are lost on the way")
	}
}

func TestContextOutsideHandlers(t *testing.T) {
	if FromContext(t.Context()) != nil || RequestFromContext(t.Context()) != nil || depthFrom(t.Context()) != 0 {
		t.Error("a context that is no handler's has a handler's values")
	}
}

// TestTimeoutTravels: the handler sees what remained of the caller's deadline.
func TestTimeoutTravels(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Handle("left", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			d, ok := ctx.Deadline()
			if !ok {
				return nil, nil
			}
			return []byte(time.Until(d).String()), nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		for want, ctx := range map[string]context.Context{"": t.Context(), "1.5s": ctx} {
			got, err := c.Call(ctx, "left", nil)
			must(t, err)
			if string(got) != want {
				t.Errorf("handler had %q left, want %q", got, want)
			}
		}
	})
}
