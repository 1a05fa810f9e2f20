package sessions

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/mux"
)

// dialect is one side of a session with a peer that speaks yamux.
type dialect struct {
	w *world
	s *Session
	l *YamuxLink
}

// newDialect returns both sides, not begun, and the connection.
func newDialect(t *testing.T) (c, s *dialect, nc *memnet.Conn) {
	t.Helper()
	near, far := memnet.Pipe()
	side := func(nc net.Conn, client bool, id string) *dialect {
		w := &world{t: t}
		w.ln = New(w, Config{Closed: errClosed})
		d := &dialect{w: w, s: w.ln.Blank()}
		cfg := &mux.YamuxConfig{Acceptor: nobody{}, OnEnd: func(err error) error { return err }}
		var err error
		if d.l, err = w.ln.NewYamux(d.s, nc, client, id, cfg); err != nil {
			t.Fatal(err)
		}
		w.ln.Put(d.s)
		return d
	}
	return side(near, true, "worker"), side(far, false, ""), near
}

// want checks how the Line of d has ended.
func (d *dialect) want(t *testing.T, is, isNot error) {
	t.Helper()
	<-d.s.ended
	<-d.w.ln.Context().Done()
	d.w.wantCalls("finished")
	if err := d.w.finished; !errors.Is(err, is) || errors.Is(err, isNot) || d.s.Ctx.Err() == nil || d.s.Lost() {
		t.Errorf("it ends with %v", err)
	}
	if st := d.l.State(); st != conn.StateClosed {
		t.Errorf("and is %v", st)
	}
}

// TestYamux: a session with a peer that speaks yamux has the same face as any other, and is the only one of its Line.
func TestYamux(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, s, _ := newDialect(t)
			c.s.Begin()
			s.s.Begin()
			if rtt, err := c.l.Ping(t.Context()); err != nil || c.l.State() != conn.StateUp {
				t.Errorf("ping: %v, %v; %v", rtt, err, c.l.State())
			}
			if !c.l.Client() || s.l.Client() || c.l.LocalID() != "worker" || s.l.LocalID() == "" || s.l.Peer().ID == "" || c.s.Native != nil ||
				c.l.Stats().FramesIn == 0 || c.l.LocalAddr().String() != s.l.RemoteAddr().String() {
				t.Error("the sides do not know each other")
			}
			if err := c.l.Close(t.Context(), frame.OK, ""); err != nil {
				t.Errorf("Close = %v", err)
			}
			c.want(t, net.ErrClosed, conn.ErrSessionLost)
			s.want(t, net.ErrClosed, conn.ErrSessionLost)
		})
	})
	t.Run("lost", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, s, nc := newDialect(t)
			c.s.Begin()
			s.s.Begin()
			nc.Cut()
			c.want(t, conn.ErrSessionLost, net.ErrClosed)
			s.want(t, conn.ErrSessionLost, net.ErrClosed)
			if _, err := c.l.Ping(t.Context()); !errors.Is(err, conn.ErrSessionLost) {
				t.Errorf("ping: %v", err)
			}
			if err := c.l.Close(context.Background(), frame.OK, ""); !errors.Is(err, conn.ErrSessionLost) {
				t.Errorf("Close = %v", err)
			}
		})
	})
	t.Run("dropped before it began", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, s, _ := newDialect(t)
			c.l.Drop(errClosed)
			c.want(t, errClosed, conn.ErrSessionLost)
			s.l.Drop(nil)
		})
	})
	t.Run("closed before it began", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, s, _ := newDialect(t)
			_ = c.l.Close(t.Context(), frame.OK, "")
			c.want(t, net.ErrClosed, conn.ErrSessionLost)
			s.l.Abort(nil)
			s.s.Begin()
			s.want(t, net.ErrClosed, conn.ErrSessionLost)
		})
	})
}
