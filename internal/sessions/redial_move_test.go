package sessions

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
)

// TestPause: nothing but the end of the Line ends a pause, and a kick does not.
func TestPause(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		r, start := w.ln.redial, time.Now()
		time.AfterFunc(time.Second/2, w.ln.Kick)
		if !r.pause(0) || !r.pause(time.Second) || time.Since(start) != time.Second {
			t.Error("it does not wait")
		}
		time.AfterFunc(time.Minute, func() { w.ln.Finish(errClosed) })
		if r.pause(time.Hour) || r.pause(0) || time.Since(start) != time.Second+time.Minute {
			t.Error("the end of the Line does not end it")
		}
	})
}

// unreachable has dials for new sessions refused, and lets those for old ones through.
func (w *world) unreachable() {
	w.set(func(w *world) {
		w.dial = func(ctx context.Context) (net.Conn, error) {
			if HintOf(ctx).Home == nil {
				return refused(ctx)
			}
			return w.connect(ctx)
		}
	})
}

// TestLeaveBroken: a session that is left and breaks is resumed, and after that the next one begins.
func TestLeaveBroken(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		old := w.ln.Session()
		w.unreachable()
		w.leave(old, comeAgain)
		<-time.After(10 * time.Second)
		w.cut()
		synctest.Wait()
		w.set(func(w *world) { w.dial = w.connect })
		<-time.After(10 * time.Second)
		if s := w.ln.Session(); s.Seq != 2 || s.Native.State() != conn.StateUp || old.Native.State() != conn.StateUp || old.Native.Stats().Resumes != 1 {
			t.Errorf("session %d is %v, the older one %v after %d resumes", s.Seq, s.Native.State(), old.Native.State(), old.Native.Stats().Resumes)
		}
	})
}

// TestLeaveLater: until the server wants to see its client, the session that is left goes on, also over other carriers.
func TestLeaveLater(t *testing.T) {
	for _, lost := range []bool{false, true} {
		in(t, func(t *testing.T) {
			w := newWorld(t)
			<-time.After(time.Minute)
			old, began := w.ln.Session(), time.Now()
			w.leave(old, frame.Drain{Code: frame.Unavailable, RetryAfter: uint32(time.Hour.Milliseconds())})
			<-time.After(time.Minute)
			if lost {
				w.bye(old, frame.Unavailable)
			} else {
				w.cut()
				<-time.After(time.Second)
				if old.Native.State() != conn.StateUp || old.Native.Stats().Resumes != 1 {
					t.Errorf("it is %v after %d resumes", old.Native.State(), old.Native.Stats().Resumes)
				}
			}
			<-time.After(50 * time.Minute)
			if s := w.ln.Session(); s != old || s.Lost() != lost {
				t.Errorf("after 51 minutes session %d, lost: %v", s.Seq, s.Lost())
			}
			<-time.After(10 * time.Minute)
			at := w.since(began)
			if s := w.ln.Session(); s.Seq != 2 || s.Native.State() != conn.StateUp || at[len(at)-1] != time.Hour {
				t.Errorf("after an hour session %d is %v; dials after %v", s.Seq, s.Native.State(), at)
			}
		})
	}
}

// TestRetiredBroken: a retired session that breaks is resumed at once, also while the newest one is lost and no other one
// can be had.
func TestRetiredBroken(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		old, cut := w.ln.Session(), w.cutter()
		newest := w.move()
		w.unreachable()
		w.bye(newest, frame.Unavailable)
		<-time.After(time.Hour)
		cut()
		<-time.After(time.Second)
		if old.Native.State() != conn.StateUp || old.Native.Stats().Resumes != 1 || old.Lost() {
			t.Errorf("it is %v after %d resumes", old.Native.State(), old.Native.Stats().Resumes)
		}
		w.set(func(w *world) { w.dial = w.connect })
		<-time.After(time.Minute)
		if s := w.ln.Session(); s.Seq != 3 || s.Native.State() != conn.StateUp {
			t.Errorf("session %d is %v", s.Seq, s.Native.State())
		}
	})
}

// TestRetiredGone: one attempt is made to resume a retired session. Its failure is no other session's.
func TestRetiredGone(t *testing.T) {
	tests := map[string]func(w *world){
		"nobody listens": func(w *world) { w.dial = refused },
		"unknown":        func(w *world) { w.resume = &conn.RefusedError{Code: frame.NotFound} },
		"later":          func(w *world) { w.resume = &conn.RefusedError{Code: frame.Unavailable, RetryAfter: time.Minute} },
		"somewhere else": func(w *world) { w.resume = &conn.RefusedError{Code: frame.Unavailable, Addr: "b"} },
		"another has the id": func(w *world) {
			w.resume = &conn.RefusedError{Code: frame.AlreadyExists, Closed: true, HasPosition: true}
		},
		"closed": func(w *world) {
			w.resume = &conn.RefusedError{Code: frame.PermissionDenied, Closed: true, HasPosition: true}
		},
		"for good": func(w *world) { w.resume = &conn.RefusedError{Code: frame.Unauthenticated} },
	}
	for name, how := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				<-time.After(time.Minute)
				old, cut := w.ln.Session(), w.cutter()
				newest := w.move()
				w.set(func(w *world) { w.dials = nil; how(w) })
				cut()
				<-time.After(time.Minute)
				if n := len(w.hints()); n != 1 || !old.Lost() || !errors.Is(context.Cause(old.Ctx), conn.ErrSessionLost) {
					t.Errorf("%d dials, and it is lost: %v, by %v", n, old.Lost(), context.Cause(old.Ctx))
				}
				if w.ln.Session() != newest || newest.Native.State() != conn.StateUp || w.ln.Context().Err() != nil {
					t.Errorf("the newest one is %v", newest.Native.State())
				}
			})
		})
	}
}

// TestLeaveHint: the address in an invitation is for the next session. The one that is left is where it was.
func TestLeaveHint(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		old, cut := w.ln.Session(), w.cutter()
		home := old.Link.RemoteAddr()
		w.unreachable()
		w.leave(old, frame.Drain{Code: frame.Unavailable, Addr: "b"})
		<-time.After(50 * time.Millisecond)
		cut() // while it leaves
		w.set(func(w *world) { w.dial = w.connect })
		<-time.After(10 * time.Second)
		hints := w.hints()
		if n := len(hints); n < 3 || hints[0] != (Hint{Addr: "b"}) || !slices.Contains(hints, Hint{Home: home}) || hints[n-1].Home != nil {
			t.Errorf("hints %v", hints)
		}
		for _, h := range hints {
			if h.Home != nil && h.Addr != "" {
				t.Errorf("the session that is left was looked for at %q", h.Addr)
			}
		}

		// And after it.
		second := w.ln.Session()
		cut = w.cutter()
		w.leave(second, frame.Drain{Code: frame.Unavailable, Addr: "c"})
		<-time.After(10 * time.Second)
		w.set(func(w *world) { w.dials = nil })
		cut()
		<-time.After(time.Second)
		if h := w.hints(); len(h) != 1 || h[0].Addr != "" || h[0].Home == nil {
			t.Errorf("hints %v", h)
		}
		// An invitation without an address does not lead where the last one did.
		w.set(func(w *world) { w.dials = nil })
		w.move()
		if h := w.hints(); len(h) != 1 || h[0] != (Hint{}) {
			t.Errorf("hints %v", h)
		}
	})
}

// TestLeaveRefused: a client whom no other server wants goes on while the one that it leaves lasts.
func TestLeaveRefused(t *testing.T) {
	for _, code := range []frame.Code{frame.Unauthenticated, frame.PermissionDenied} {
		in(t, func(t *testing.T) {
			w := newWorld(t)
			<-time.After(time.Minute)
			old := w.ln.Session()
			w.set(func(w *world) { w.welcome = &conn.RefusedError{Code: code} })
			w.leave(old, comeAgain)
			<-time.After(time.Minute)
			if old.Lost() || old.Native.State() != conn.StateUp || w.ln.Context().Err() != nil {
				t.Fatalf("the session that is left is %v, and the Line ends with %v", old.Native.State(), context.Cause(w.ln.Context()))
			}
			if n := len(w.hints()); n < 2 || n > 200 {
				t.Errorf("%d dials in a minute", n)
			}
			w.bye(old, frame.Unavailable)
			<-time.After(time.Minute)
			if err := context.Cause(w.ln.Context()); !errors.Is(err, conn.ErrSessionLost) || !errors.Is(err, code) {
				t.Errorf("the Line ends with %v", err)
			}
			w.wantCalls("lost", "finished")
		})
	}
}

// TestLeaveWithoutEnd: servers that ask a client to go on again and again, and do not end, make it hold a few sessions.
func TestLeaveWithoutEnd(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		all := []*Session{w.ln.Session()}
		for range 4 * maxOlder {
			<-time.After(time.Minute)
			all = append(all, w.move())
		}
		<-time.After(time.Minute)
		older := w.ln.older()
		if len(older) != maxOlder || w.ln.Session() != all[len(all)-1] {
			t.Fatalf("%d older ones", len(older))
		}
		for i, s := range all {
			kept := i >= len(all)-1-maxOlder
			if s.Lost() == kept || (s.Native.State() == conn.StateUp) != kept {
				t.Errorf("session %d of %d: %v, lost: %v", s.Seq, len(all), s.Native.State(), s.Lost())
			}
			if err := context.Cause(s.Ctx); !kept && !errors.Is(err, conn.ErrSessionLost) {
				t.Errorf("session %d ends with %v", s.Seq, err)
			}
		}
	})
}

// TestLeaveAtOnce: servers that send a client on as soon as it is there are not asked without a pause, whatever way they
// choose. A session that has lasted ends the pauses.
func TestLeaveAtOnce(t *testing.T) {
	ways := map[string]func(w *world, s *Session){
		"DRAIN": func(w *world, s *Session) { w.leave(s, comeAgain) },
		"BYE":   func(w *world, s *Session) { _ = w.far(s).Close(context.Background(), frame.Unavailable, "") },
		"DRAIN and BYE": func(w *world, s *Session) {
			w.leave(s, comeAgain)
			_ = w.far(s).Close(context.Background(), frame.OK, "")
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				<-time.After(time.Minute)
				w.set(func(w *world) {
					w.fresh = func(s *Session) { time.AfterFunc(10*time.Millisecond, func() { way(w, s) }) }
				})
				began := time.Now()
				way(w, w.ln.Session())
				<-time.After(3 * time.Minute)
				at := w.since(began)
				if at[0] != 0 || len(at) < 8 || len(at) > 60 {
					t.Errorf("%d dials in 3 minutes, first %v", len(at), at[:min(10, len(at))])
				}
				w.set(func(w *world) { w.fresh = nil })
				<-time.After(2 * time.Minute)
				w.set(func(w *world) { w.dials = nil })
				began = time.Now()
				way(w, w.ln.Session())
				<-time.After(time.Second)
				if at := w.since(began); !slices.Equal(at, []time.Duration{0}) {
					t.Errorf("after a session that lasted, dials after %v", at)
				}
			})
		})
	}
}
