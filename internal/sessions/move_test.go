package sessions

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

var comeAgain = frame.Drain{Code: frame.Unavailable}

// leave has the peer of s drain.
func (w *world) leave(s *Session, d frame.Drain) {
	if begin := w.ln.Leave(s, d); begin != nil {
		begin()
	}
}

// far returns the server's link of s.
func (w *world) far(s *Session) *conn.Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.links[s.Native.Peer().Session]
}

// bye has the server end s with the code.
func (w *world) bye(s *Session, code frame.Code) {
	w.t.Helper()
	_ = w.far(s).Close(context.Background(), code, "")
	synctest.Wait()
}

// move has the server invite the newest session to come again, and returns the next one.
func (w *world) move() *Session {
	w.t.Helper()
	old := w.ln.Session()
	w.leave(old, comeAgain)
	s, how := w.ln.Next(w.t.Context(), old)
	if how != Renewed {
		w.t.Fatalf("no next session: %v", how)
	}
	synctest.Wait()
	return s
}

// cutter returns what cuts the carrier that is the newest now.
func (w *world) cutter() (cut func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	nc := w.carrier
	return func() { nc.Cut(); synctest.Wait() }
}

// gate holds up the handshakes of new sessions until it is opened.
func (w *world) gate() (open func()) {
	gate := make(chan struct{})
	w.set(func(w *world) {
		w.dial = func(ctx context.Context) (net.Conn, error) {
			nc, err := w.connect(ctx)
			if near := nc.(*memnet.Conn); err == nil && HintOf(ctx).Home == nil {
				near.BlockReads(true)
				go func() { <-gate; near.BlockReads(false) }()
			}
			return nc, err
		}
	})
	return func() { close(gate) }
}

// TestLeave: who leaves when its peer drains.
func TestLeave(t *testing.T) {
	tests := []struct {
		name  string
		do    func(w *world) (s *Session, d frame.Drain)
		dials int
	}{
		{"asked to come again", func(w *world) (*Session, frame.Drain) { return w.ln.Session(), comeAgain }, 1},
		{"at another address", func(w *world) (*Session, frame.Drain) {
			return w.ln.Session(), frame.Drain{Code: frame.Unavailable, Addr: "b"}
		}, 1},
		{"sent away", func(w *world) (*Session, frame.Drain) {
			return w.ln.Session(), frame.Drain{Code: frame.PermissionDenied}
		}, 0},
		{"a plain end", func(w *world) (*Session, frame.Drain) { return w.ln.Session(), frame.Drain{} }, 0},
		{"to another address for good", func(w *world) (*Session, frame.Drain) {
			return w.ln.Session(), frame.Drain{Code: frame.NotFound, Addr: "b"}
		}, 0},
		{"NoFresh", func(w *world) (*Session, frame.Drain) {
			w.ln.cfg.NoFresh = true
			return w.ln.Session(), comeAgain
		}, 0},
		{"no redial", func(w *world) (*Session, frame.Drain) {
			w.ln.redial = nil
			return w.ln.Session(), comeAgain
		}, 0},
		{"closed", func(w *world) (*Session, frame.Drain) { return w.ln.Close()[0], comeAgain }, 0},
		{"an older session", func(w *world) (*Session, frame.Drain) {
			old := w.ln.Session()
			w.move()
			w.set(func(w *world) { w.dials = nil })
			return old, comeAgain
		}, 0},
		{"twice", func(w *world) (*Session, frame.Drain) {
			s := w.ln.Session()
			w.leave(s, comeAgain)
			return s, frame.Drain{Code: frame.Unavailable, Addr: "b"}
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				before := w.ln.Session()
				s, d := tt.do(w)
				now := w.ln.Session()
				w.leave(s, d)
				<-time.After(time.Minute)
				hints := w.hints()
				if len(hints) != tt.dials || tt.dials > 0 && hints[0].Home != nil {
					t.Fatalf("dials %v, want %d", hints, tt.dials)
				}
				if moved := w.ln.Session() != now; moved != (tt.dials > 0 && s == before && now == before) {
					t.Errorf("there is another session: %v", moved)
				}
				if before.Lost() || before.Native.State() == conn.StateBroken {
					t.Error("the session that was left has ended")
				}
			})
		})
	}
}

// TestOutlives: what becomes of a Line when a session ends, and what the session's work learns.
func TestOutlives(t *testing.T) {
	lost := fmt.Errorf("torn: %w", conn.ErrSessionLost)
	again := &conn.ClosedError{Remote: true, Code: frame.Unavailable}
	plain := &conn.ClosedError{Remote: true}
	kicked := &conn.ClosedError{Remote: true, Code: frame.PermissionDenied}
	broke := &conn.ProtocolError{Code: frame.Internal, Err: errors.New("rule")}
	own := &conn.ClosedError{}
	// What a session is when it ends.
	newest := func(*world) {}
	leaving := func(w *world) { w.set(func(w *world) { w.dial = refused }); w.leave(w.ln.Session(), comeAgain) }
	retired := func(w *world) { w.move() }
	noFresh := func(w *world) { w.ln.cfg.NoFresh = true }
	noRedial := func(w *world) { w.ln.redial = nil }
	closed := func(w *world) { w.ln.Close() }
	over := func(w *world) { w.ln.Finish(errClosed) }
	tests := []struct {
		name string
		is   func(w *world)
		err  error
		want verdict
	}{
		{"newest", newest, lost, anotherOne}, {"newest", newest, again, anotherOne}, {"newest", newest, plain, lineEnds},
		{"newest", newest, kicked, lineEnds}, {"newest", newest, broke, lineEnds}, {"newest", newest, own, lineEnds},
		{"leaving", leaving, lost, anotherOne}, {"leaving", leaving, again, anotherOne}, {"leaving", leaving, plain, anotherOne},
		{"leaving", leaving, kicked, lineEnds}, {"leaving", leaving, broke, lineEnds}, {"leaving", leaving, own, lineEnds},
		{"retired", retired, lost, goesOn}, {"retired", retired, again, goesOn}, {"retired", retired, plain, goesOn},
		{"retired", retired, kicked, goesOn}, {"retired", retired, broke, goesOn}, {"retired", retired, own, goesOn},
		{"NoFresh", noFresh, lost, lineEnds}, {"NoFresh", noFresh, again, lineEnds}, {"NoFresh", noFresh, plain, lineEnds},
		{"no redial", noRedial, lost, lineEnds}, {"no redial", noRedial, again, lineEnds}, {"no redial", noRedial, plain, lineEnds},
		{"closed", closed, lost, lineEnds}, {"closed", closed, again, lineEnds}, {"closed", closed, own, lineEnds},
		{"over", over, lost, lineEnds}, {"over", over, again, lineEnds},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s, %v", tt.name, tt.err), func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				s := w.ln.Session()
				tt.is(w)
				synctest.Wait()
				v, why := w.ln.outlives(s, tt.err)
				if v != tt.want || s.Lost() != (v != lineEnds) {
					t.Errorf("the verdict is %d, want %d; the session is lost: %v", v, tt.want, s.Lost())
				}
				if slices.Contains(w.ln.older(), s) {
					t.Error("it has ended and counts as one of the older ones")
				}
				if v == lineEnds && why != tt.err || v != lineEnds && (!errors.Is(why, conn.ErrSessionLost) || errors.Is(why, net.ErrClosed)) {
					t.Errorf("its work learns %v", why)
				}
				s.lost.Store(false) // for the end of the test
			})
		})
	}
}

// TestMoved: a session that was left goes on until it ends, and the Line goes on after that.
func TestMoved(t *testing.T) {
	ends := map[string]func(w *world, old *Session){
		"asked to come again": func(w *world, old *Session) { w.bye(old, frame.Unavailable) },
		"a plain end":         func(w *world, old *Session) { w.bye(old, frame.OK) },
		"sent away":           func(w *world, old *Session) { w.bye(old, frame.PermissionDenied) },
		"a protocol error":    func(w *world, old *Session) { old.Native.Fail(errors.New("rule")) },
		"gone":                func(w *world, old *Session) { w.forgetOnly(old) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				old := w.ln.Session()
				s := w.move()
				if s.Seq != 2 || old.Lost() || old.Ctx.Err() != nil || old.Native.State() != conn.StateUp || !slices.Equal(w.ln.older(), []*Session{old}) {
					t.Fatalf("session %d; the older one is %v", s.Seq, old.Native.State())
				}
				w.wantCalls("lost", "fresh")
				end(w, old)
				<-time.After(time.Minute)
				if w.ln.Session() != s || s.Lost() || s.Native.State() != conn.StateUp || w.ln.Context().Err() != nil {
					t.Errorf("the newer one is %v", s.Native.State())
				}
				if !old.Lost() || !errors.Is(context.Cause(old.Ctx), conn.ErrSessionLost) || len(w.ln.older()) != 0 {
					t.Errorf("the older one ends with %v, %d are left", context.Cause(old.Ctx), len(w.ln.older()))
				}
				w.wantCalls("lost", "fresh")
			})
		})
	}
}

// TestMovedWhileItEnds: the older session ends while the next one is being begun. The Host learns of the loss before it
// learns of the next session, and what was lost is sent there.
func TestMovedWhileItEnds(t *testing.T) {
	for name, hold := range map[string]func(w *world) (open func()){
		"in the handshake": func(w *world) func() { return w.gate() },
		"while it sends again": func(w *world) func() {
			gate := make(chan struct{})
			w.ln.Session().Resending.Go(func() { <-gate })
			return func() { close(gate) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				p := new(post)
				old := w.ln.Session()
				<-time.After(time.Minute) // the first dial is at once then
				open := hold(w)
				ending := make(chan struct{})
				w.set(func(w *world) {
					w.lost = func() { // what the session carried learns of the end
						<-ending
						w.ln.Publications.Add(1, p.item("a"))
					}
				})
				w.leave(old, comeAgain)
				synctest.Wait()
				go func() { _ = w.far(old).Close(context.Background(), frame.Unavailable, "") }()
				synctest.Wait()
				open()
				<-time.After(time.Second)
				w.wantCalls("lost")
				close(ending)
				<-time.After(time.Second)
				w.wantCalls("lost", "fresh")
				if s := w.ln.Session(); s.Seq != 2 || s.Lost() {
					t.Fatalf("session %d, lost: %v", s.Seq, s.Lost())
				}
				p.want(t, "send a")
			})
		})
	}
}

// TestMovedLate: what an older session does not settle while the newest is being replaced goes with the next one.
func TestMovedLate(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		second := w.move()
		w.set(func(w *world) {
			w.making = func() { // the queues were collected
				w.ln.Notifies.Add(3, p.item("n"))
				w.ln.Publications.Add(1, p.item("a"))
			}
		})
		w.forgetOnly(second)
		<-time.After(time.Second)
		if w.ln.Session().Seq != 3 {
			t.Fatalf("session %d", w.ln.Session().Seq)
		}
		if got := slices.Sorted(slices.Values(p.take())); !slices.Equal(got, []string{"send a", "send n"}) {
			t.Errorf("it went %q", got)
		}
	})
}
