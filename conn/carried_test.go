package conn

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// oneWay is a net.Conn whose writes fail once closed is set, while its reads go on.
type oneWay struct {
	net.Conn
	closed atomic.Bool
}

func (c *oneWay) Write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, errors.New("no way out")
	}
	return c.Conn.Write(p)
}

// TestCarried: a link says whether a carrier takes what is appended, and its handler learns when there is another one.
func TestCarried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server *Link
		dial := func() *oneWay {
			a, b := memnet.Pipe()
			go func() { // ends with the handshake
				l, resumed, err := Accept(context.Background(), b, &Config{Logger: quiet, OnBroken: func(*Link, error) {}, Find: func([16]byte) (*Link, error) { return server, nil }})
				if err == nil && !resumed {
					l.Start(newTap())
					server = l
				}
			}()
			return &oneWay{Conn: a}
		}
		nc := dial()
		c, err := Client(t.Context(), nc, &Config{Logger: quiet, OnBroken: func(*Link, error) {}})
		if err != nil {
			t.Fatal(err)
		}
		check := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			c.Lock()
			defer c.Unlock()
			if c.Carried() != want {
				t.Errorf("%s: carried is %v", when, !want)
			}
		}
		check("before Start", true)
		ct := newTap()
		c.Start(ct)
		check("up", true)

		nc.closed.Store(true)
		send(c, 1, []byte("x"))
		check("a write failed", false)
		if c.State() != StateUp {
			t.Errorf("the state is %v: whoever looks at that would take it for carried", c.State())
		}
		<-time.After(2 * lingerTimeout)
		check("broken", false)

		server.Release(1, 7)
		nc = dial()
		if err := c.Resume(t.Context(), nc); err != nil {
			t.Fatal(err)
		}
		check("resumed", true)
		ct.mu.Lock()
		if ct.released[1] != 7 {
			t.Error("the handler does not know that there is a carrier")
		}
		ct.mu.Unlock()

		send(c, 1, []byte("y"))
		<-time.After(time.Second)
		c.Lock()
		if c.Acked() == 0 || c.Acked() != c.Appended() {
			t.Errorf("acknowledged up to %d of %d", c.Acked(), c.Appended())
		}
		c.Unlock()
		_ = c.Close(t.Context(), frame.OK, "")
		check("closed", false)
		abort(c, server)
	})
}
