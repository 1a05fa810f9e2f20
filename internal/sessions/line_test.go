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
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestLineFirst: what a Line and its first session say of themselves.
func TestLineFirst(t *testing.T) {
	in(t, func(t *testing.T) {
		empty := New(nil, Config{})
		if empty.Renews() || empty.Session() != nil || empty.Closing() || empty.Draining() || empty.Busy() {
			t.Error("a new Line is something already")
		}
		empty.Wait() // nobody redials

		w := newWorld(t)
		s := w.ln.Session()
		if !w.ln.Renews() || s.Seq != 1 || s.Lost() || s.Link != s.Native || s.Native.State() != conn.StateUp || s.Mux == nil {
			t.Errorf("the first session is %+v", s)
		}
		if b := w.ln.Blank(); b.Seq != 2 || b.Link != nil || b.Native != nil || b.Notifies.IsOpen() || b.Publications.IsOpen() {
			t.Errorf("the next one would be %+v", b)
		}
		if !w.ln.Drain() || w.ln.Drain() || !w.ln.Draining() {
			t.Error("Drain does not say when it was the first")
		}
		w.close()
		if !w.ln.Closing() || s.Ctx.Err() == nil {
			t.Error("closed, and goes on")
		}
		w.wantCalls("finished")
	})
}

// TestLineResumed: a carrier that breaks is replaced, and nobody but the link notices.
func TestLineResumed(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.ln.Session()
		<-time.After(time.Minute)
		for range 3 {
			w.cut()
			<-time.After(time.Minute)
		}
		if w.ln.Session() != s || s.Lost() || s.Ctx.Err() != nil || s.Native.State() != conn.StateUp || s.Native.Stats().Resumes != 3 {
			t.Errorf("the session is %v, lost: %v, after %d resumes", s.Native.State(), s.Lost(), s.Native.Stats().Resumes)
		}
		w.wantCalls()
	})
}

// TestLineRenewed: a session that the server has lost is replaced by a new one.
func TestLineRenewed(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		for seq := uint64(2); seq < 5; seq++ {
			old := w.ln.Session()
			w.set(func(w *world) {
				w.fresh = func(s *Session) {
					if s.Native.Stats().FramesIn > 0 {
						t.Error("the peer was heard before Fresh")
					}
					if old.Ctx.Err() == nil {
						t.Error("the old session's context goes on")
					}
				}
			})
			s := w.lose()
			if s == old || s.Seq != seq || s != w.ln.Session() || s.Lost() || !old.Lost() || s.Ctx.Err() != nil {
				t.Errorf("session %d is %+v", seq, s)
			}
			if err := context.Cause(old.Ctx); !errors.Is(err, conn.ErrSessionLost) || !w.ln.LostOn(old, err) {
				t.Errorf("session %d ended with %v", seq-1, err)
			}
			if s.Native.LocalID() != "client" {
				t.Errorf("it is called %q", s.Native.LocalID())
			}
		}
		w.wantCalls("lost", "fresh", "lost", "fresh", "lost", "fresh")
		if w.ln.Context().Err() != nil {
			t.Error("the Line ends")
		}
	})
}

// TestLineFirstFrames: what the server hears first in a new session. Its first stream has ended, and a Line that drains
// says so.
func TestLineFirstFrames(t *testing.T) {
	for _, drains := range []bool{false, true} {
		in(t, func(t *testing.T) {
			w := newWorld(t)
			want := []frame.Type{frame.TypeReset}
			if drains {
				w.ln.Drain()
				want = []frame.Type{frame.TypeDrain, frame.TypeReset}
			}
			w.lose()
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if !slices.Equal(w.frames, want) {
				t.Errorf("draining: %v, the server heard %v", drains, w.frames)
			}
		})
	}
}

// TestLineEnds: what ends a session ends the Line, unless that can have another one.
func TestLineEnds(t *testing.T) {
	tests := []struct {
		name   string
		renews bool
		end    func(w *world)
		is     error // what the Line ends with
		isNot  error
	}{
		{"the carrier, without Renew", false, func(w *world) { w.cut() }, conn.ErrSessionLost, net.ErrClosed},
		{"the peer closes", true, func(w *world) {
			w.eachLink(func(l *conn.Link) { l.Close(context.Background(), frame.PermissionDenied, "") })
		}, frame.PermissionDenied, conn.ErrSessionLost},
		{"the peer finds a protocol error", true, func(w *world) { w.eachLink(func(l *conn.Link) { l.Fail(errors.New("x")) }) }, frame.Internal, conn.ErrSessionLost},
		{"Abort", true, func(w *world) { w.ln.Session().Link.Abort(errClosed) }, errClosed, conn.ErrSessionLost},
		{"Finish", true, func(w *world) { w.ln.Finish(errClosed) }, errClosed, conn.ErrSessionLost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorldOf(t, tt.renews)
				tt.end(w)
				<-time.After(time.Minute)
				w.wantCalls("finished")
				if err := context.Cause(w.ln.Context()); !errors.Is(err, tt.is) || errors.Is(err, tt.isNot) || err != w.finished {
					t.Errorf("it ends with %v, and Finished is called with %v", err, w.finished)
				}
				w.ln.Finish(errors.New("again"))
				w.wantCalls("finished")
			})
		})
	}
}

func (w *world) eachLink(f func(l *conn.Link)) {
	w.mu.Lock()
	links := w.links
	w.mu.Unlock()
	for _, l := range links {
		f(l)
	}
}

// TestLineClosedWhileRenewing: a Line that is closed while a new session is under way gets none, and the server learns that
// it is not wanted.
func TestLineClosedWhileRenewing(t *testing.T) {
	tests := []struct {
		name string
		open func(w *world, near *memnet.Conn, gate chan struct{}) // where the attempt waits
	}{
		{"in the handshake", func(_ *world, near *memnet.Conn, gate chan struct{}) {
			near.BlockReads(true)
			go func() { <-gate; near.BlockReads(false) }()
		}},
		{"for what the old session sends again", func(w *world, _ *memnet.Conn, gate chan struct{}) {
			w.ln.Session().Resending.Go(func() { <-gate })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				old := w.ln.Session()
				gate := make(chan struct{})
				w.set(func(w *world) {
					w.dial = func(ctx context.Context) (net.Conn, error) {
						nc, err := w.connect(ctx)
						if HintOf(ctx).Home == nil { // for the new session
							tt.open(w, nc.(*memnet.Conn), gate)
						}
						return nc, err
					}
				})
				w.forget()
				w.cut()
				<-time.After(2 * time.Second)
				if s := w.ln.Close()[0]; s != old || !s.Lost() {
					t.Fatal("there is a new session already")
				}
				w.mu.Lock()
				w.ends = nil
				w.mu.Unlock()
				close(gate)
				w.ln.Wait()
				synctest.Wait()
				w.mu.Lock()
				ends := w.ends
				w.mu.Unlock()
				var bye *conn.ClosedError
				if len(ends) != 1 || !errors.As(ends[0], &bye) || !bye.Remote || bye.Code != frame.OK {
					t.Errorf("the server's links end with %v", ends)
				}
				w.ln.Finish(errClosed)
				if w.ln.Session() != old {
					t.Error("there is a new session")
				}
				w.wantCalls("lost", "finished")
			})
		})
	}
}

// TestLineLostWhileClosing: a session that is lost while the Line is being closed is the last one.
func TestLineLostWhileClosing(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.ln.Close()[0]
		w.forget()
		w.cut()
		<-time.After(time.Minute)
		if s != w.ln.Session() || s.Lost() || !errors.Is(context.Cause(w.ln.Context()), conn.ErrSessionLost) {
			t.Errorf("session %d, and the Line ends with %v", w.ln.Session().Seq, context.Cause(w.ln.Context()))
		}
		w.wantCalls("finished")
	})
}
