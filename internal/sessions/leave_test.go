package sessions

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
)

var invitation = frame.Drain{Code: frame.Unavailable, Text: "restart"}

// TestLeaveBye: which goodbyes, after which DRAIN, the Line outlives.
func TestLeaveBye(t *testing.T) {
	for _, tt := range []struct {
		name    string
		drain   *frame.Drain
		noFresh bool
		bye     frame.Code
		again   bool
	}{
		{"plain", nil, false, frame.OK, false},
		{"plain, after a DRAIN that says nothing", &frame.Drain{}, false, frame.OK, false},
		{"plain, after an invitation", &invitation, false, frame.OK, true},
		{"plain, after an invitation, NoFresh", &invitation, true, frame.OK, false},
		{"an invitation", nil, false, frame.Unavailable, true},
		{"an invitation, NoFresh", nil, true, frame.Unavailable, false},
		{"sent away after an invitation", &invitation, false, frame.PermissionDenied, false},
		{"invited after a DRAIN that says nothing", &frame.Drain{}, false, frame.Unavailable, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				w.ln.cfg.NoFresh = tt.noFresh
				s := w.ln.Session()
				w.set(func(w *world) {
					w.dial = func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
				})
				if tt.drain != nil {
					w.leave(s, *tt.drain)
				}
				synctest.Wait()
				w.eachLink(func(l *conn.Link) { l.Close(context.Background(), tt.bye, "") })
				synctest.Wait()
				w.set(func(w *world) { w.dial = w.connect })
				<-time.After(time.Minute)
				if !tt.again {
					if err := context.Cause(w.ln.Context()); !errors.Is(err, net.ErrClosed) || w.ln.Session() != s {
						t.Errorf("the Line ends with %v, session %d", err, w.ln.Session().Seq)
					}
					return
				}
				if err := context.Cause(s.Ctx); !errors.Is(err, conn.ErrSessionLost) || errors.Is(err, net.ErrClosed) {
					t.Errorf("what the session carried ends with %v", err)
				}
				if w.ln.Context().Err() != nil || w.ln.Session().Seq != 2 {
					t.Errorf("session %d, the Line: %v", w.ln.Session().Seq, context.Cause(w.ln.Context()))
				}
				w.wantCalls("lost", "fresh")
			})
		})
	}
}

// TestLeaveOften: a server that asks again and again has one session that leaves, beside the newest.
func TestLeaveOften(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.ln.Session()
		for range 100 {
			w.leave(first, invitation)
			<-time.After(time.Second)
		}
		if s := w.ln.Session(); s.Seq != 2 || len(w.ln.older()) != 1 || first.Lost() || first.Ctx.Err() != nil {
			t.Errorf("session %d, %d older ones, the first is lost: %v", s.Seq, len(w.ln.older()), first.Lost())
		}
		if s := w.ln.Close(); len(s) != 2 || s[1] != first {
			t.Errorf("%d sessions are to be closed", len(s))
		}
	})
}
