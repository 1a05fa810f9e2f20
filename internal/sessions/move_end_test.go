package sessions

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
)

// TestMovedClosed: a Line that is closed sends nothing again, and what waits learns why.
func TestMovedClosed(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		old := w.ln.Session()
		w.move()
		all := w.ln.Close()
		if len(all) != 2 || all[1] != old {
			t.Fatalf("%d sessions have not ended", len(all))
		}
		w.ln.AddLost(&w.ln.Publications, old, 1, p.item("a"))
		synctest.Wait()
		p.want(t)
		if v, why := w.ln.outlives(old, net.ErrClosed); v != goesOn || !errors.Is(why, net.ErrClosed) || errors.Is(why, conn.ErrSessionLost) {
			t.Errorf("what the older session carried learns %v", why)
		}
		old.lost.Store(false)
		over, err := w.ln.Hangup(t.Context(), frame.OK, "")
		if !over || err != nil || !errors.Is(context.Cause(w.ln.Context()), net.ErrClosed) {
			t.Errorf("over: %v, %v", over, err)
		}
		p.want(t, "drop a: "+context.Cause(w.ln.Context()).Error())
	})
}

// TestHangupMoved: the goodbye is said on all sessions.
func TestHangupMoved(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		all := []*Session{w.ln.Session()}
		for range 3 {
			all = append(all, w.move())
		}
		if w.ln.Close(); len(w.ln.older()) != 3 {
			t.Fatalf("%d are older", len(w.ln.older()))
		}
		if over, err := w.ln.Hangup(t.Context(), frame.NotFound, "x"); !over || err != nil {
			t.Errorf("over: %v, %v", over, err)
		}
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.ends) != len(all) {
			t.Errorf("%d sessions heard a goodbye, of %d", len(w.ends), len(all))
		}
		for _, err := range w.ends {
			var bye *conn.ClosedError
			if !errors.As(err, &bye) || !bye.Remote || bye.Code != frame.NotFound {
				t.Errorf("one ends with %v", err)
			}
		}
	})
}

// TestLineAbort: all sessions end at once, in every state of the Line.
func TestLineAbort(t *testing.T) {
	reason := errors.New("enough")
	tests := map[string]func(w *world){
		"up":     func(*world) {},
		"broken": func(w *world) { w.set(func(w *world) { w.dial = refused }); w.cut() },
		"lost": func(w *world) {
			w.set(func(w *world) { w.dial = refused })
			w.forget()
			w.cut()
			<-time.After(time.Hour)
		},
		"dialling": func(w *world) {
			w.set(func(w *world) {
				w.dial = func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
			})
			w.leave(w.ln.Session(), comeAgain)
		},
		"shaking hands":       func(w *world) { w.t.Cleanup(w.gate()); w.leave(w.ln.Session(), comeAgain) },
		"moved":               func(w *world) { w.move(); w.move() },
		"moved, older broken": func(w *world) { cut := w.cutter(); w.move(); w.set(func(w *world) { w.dial = blocked }); cut() },
		"moved, newest lost": func(w *world) {
			w.move()
			w.set(func(w *world) { w.dial = refused })
			w.forgetOnly(w.ln.Session())
		},
		"closing": func(w *world) { w.set(func(w *world) { w.dial = refused }); w.cut(); synctest.Wait(); go w.close() },
	}
	for name, to := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				p := new(post)
				to(w)
				synctest.Wait()
				w.ln.Publications.Push(p.item("a"))
				all := append([]*Session{w.ln.Session()}, w.ln.older()...)
				began := time.Now()
				w.ln.Abort(reason)
				w.ln.Abort(errors.New("again"))
				<-w.ln.Context().Done()
				synctest.Wait()
				if took := time.Since(began); took > 0 {
					t.Errorf("it took %v", took)
				}
				for _, s := range all {
					if s.Native.State() != conn.StateClosed || s.Ctx.Err() == nil {
						t.Errorf("session %d is %v", s.Seq, s.Native.State())
					}
				}
				cause := context.Cause(w.ln.Context())
				if !errors.Is(cause, net.ErrClosed) || name != "closing" && !errors.Is(cause, reason) {
					t.Errorf("it ends with %v", cause)
				}
				if log := p.take(); len(log) != 1 {
					t.Errorf("what waited: %q", log)
				}
				if n := slices.Index(w.calls, "finished"); n != len(w.calls)-1 {
					t.Errorf("the Host was called with %q", w.calls)
				}
			})
		})
	}
}

func blocked(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, syscall.ETIMEDOUT
}
