package gantline

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// writeHook is a connection that runs a function before its first write.
type writeHook struct {
	*memnet.Conn
	f func()
}

func (c *writeHook) Write(b []byte) (int, error) {
	if f := c.f; f != nil {
		c.f = nil
		f()
	}
	return c.Conn.Write(b)
}

// TestAttachResumedAndOver: whoever attaches a connection that resumes an End gets that End, also when it is over before
// Attach returns.
func TestAttachResumedAndOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s Sessions
		dial := func(f func(), got chan<- *End) *memnet.Conn {
			a, b := memnet.Pipe()
			go func() {
				e, _, err := s.Attach(context.Background(), &writeHook{b, f}, quiet(nil))
				if err != nil {
					t.Error(err)
				}
				got <- e
			}()
			return a
		}
		first, again := make(chan *End, 1), make(chan *End, 1)
		var e *End
		nc := dial(nil, first)
		c, err := Client(t.Context(), nc, quiet(&Config{Redial: func(context.Context) (net.Conn, error) {
			return dial(func() { s.remove(e) }, again), nil
		}}))
		must(t, err)
		defer c.Close()
		e = <-first
		defer e.Close()
		synctest.Wait()
		nc.Cut()
		if got := <-again; got != e {
			t.Errorf("attached %p, want %p", got, e)
		}
	})
}

// TestSuspendedHolds: what a client has sent and nobody has taken counts for the budget of suspended Ends, whatever it is,
// and what was only announced does not.
func TestSuspendedHolds(t *testing.T) {
	md := WithMetadata(Metadata{"k": {string(make([]byte, 4000))}})
	big := make([]byte, 50<<10)
	for _, c := range []struct {
		name        string
		send        func(ctx context.Context, c *End)
		least, most int // bytes of 10 of them
	}{
		{"nothing", func(context.Context, *End) {}, 0, 0},
		{"messages that nobody receives", func(ctx context.Context, c *End) { go c.Publish(ctx, "t", big) }, 500 << 10, 600 << 10},
		{"metadata of calls", func(ctx context.Context, c *End) { c.Go(ctx, "wait", nil, md) }, 80 << 10, 120 << 10},
		{"streams that nobody reads", func(ctx context.Context, c *End) {
			st, err := c.OpenStream(ctx)
			must(t, err)
			must(t, second(st.Write(big)))
		}, 500 << 10, 600 << 10},
		{"bodies that wait for the rest", func(ctx context.Context, c *End) { go c.Publish(ctx, "t", make([]byte, 4<<20)) }, 400 << 10, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := Sessions{Limits: SuspendLimits{Idle: time.Hour}}
				a, b := memnet.Pipe()
				got := make(chan *End, 1)
				go func() {
					e, _, err := s.Attach(context.Background(), b, quiet(&Config{Setup: func(e *End) error {
						e.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, nil }))
						return nil
					}}))
					if err != nil {
						t.Error(err)
					}
					got <- e
				}()
				end, err := Client(t.Context(), a, quiet(nil))
				must(t, err)
				defer end.Abort(nil)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e := <-got
				defer e.Abort(nil)
				before := e.session().Mux.Held()
				for range 10 {
					c.send(ctx, end)
				}
				synctest.Wait()
				a.Cut()
				synctest.Wait()
				n := s.Suspended().Bytes - endBytes - e.session().Native.Stats().LogMemory - before
				if n < c.least || n > c.most {
					t.Errorf("%d bytes count, want %d to %d", n, c.least, c.most)
				}
			})
		})
	}
}
