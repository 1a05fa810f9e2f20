package gantline

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

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
