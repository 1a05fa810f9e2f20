package sessions

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
)

// TestLatch: a latch opens once, for those who ask and for those who wait.
func TestLatch(t *testing.T) {
	l := Latch{ch: make(chan struct{})}
	if l.IsOpen() {
		t.Error("it is open from the start")
	}
	l.Open()
	<-l.ch
	if !l.IsOpen() {
		t.Error("it does not open")
	}
}

// waits are the ends of a wait for a session that is lost, whose successor is not there yet.
var waits = []struct {
	name string
	end  func(w *world, cancel func())
	want Wait
}{
	{"renewed", func(w *world, _ func()) { w.set(func(w *world) { w.dial = w.connect }) }, Renewed},
	{"its context", func(_ *world, cancel func()) { cancel() }, GaveUp},
	{"closed", func(w *world, _ func()) { w.close() }, Finished},
	{"finished", func(w *world, _ func()) { w.ln.Finish(errClosed) }, Finished},
}

// TestNext: a wait for the session after a lost one.
func TestNext(t *testing.T) {
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) { in(t, func(t *testing.T) { testWait(t, tt.end, tt.want, (*Line).Next) }) })
	}
}

// TestCaughtUp: the same for a wait until a session has caught up, which it never did before it was lost.
func TestCaughtUp(t *testing.T) {
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				testWait(t, tt.end, tt.want, func(ln *Line, ctx context.Context, s *Session) (*Session, Wait) {
					return ln.CaughtUp(ctx, s, publications)
				})
			})
		})
	}
	t.Run("itself", func(t *testing.T) {
		in(t, func(t *testing.T) {
			w := newWorld(t)
			s := w.ln.Session()
			if got, how := w.ln.CaughtUp(t.Context(), s, publications); got != s || how != Renewed {
				t.Errorf("a session that has caught up: %v", how)
			}
			s.Publications = Latch{ch: make(chan struct{})}
			done := make(chan *Session, 1)
			go func() {
				got, _ := w.ln.CaughtUp(t.Context(), s, publications)
				done <- got
			}()
			synctest.Wait()
			s.Publications.Open()
			if got := <-done; got != s {
				t.Error("another one")
			}
		})
	})
}

func testWait(t *testing.T, end func(w *world, cancel func()), want Wait, wait func(*Line, context.Context, *Session) (*Session, Wait)) {
	w := newWorld(t)
	old := w.ln.Session()
	old.Publications = Latch{ch: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.forget()
	w.set(func(w *world) {
		w.dial = func(ctx context.Context) (nc net.Conn, err error) {
			if HintOf(ctx).Home == nil {
				return refused(ctx)
			}
			return w.connect(ctx)
		}
	})
	w.cut()
	type result struct {
		s   *Session
		how Wait
	}
	done := make(chan result, 1)
	go func() {
		s, how := wait(w.ln, ctx, old)
		done <- result{s, how}
	}()
	<-time.After(time.Minute)
	select {
	case r := <-done:
		t.Fatalf("it does not wait: %v", r.how)
	default:
	}
	end(w, cancel)
	r := <-done
	if r.how != want || (r.s != nil) != (want == Renewed) {
		t.Errorf("it ends with %v and %v, want %v", r.how, r.s, want)
	}
	if r.s != nil && (r.s != w.ln.Session() || r.s == old) {
		t.Error("it is another session than the newest")
	}
}

// TestBusy: who waits for a session counts.
func TestBusy(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			w.ln.Next(ctx, w.ln.Session())
			close(done)
		}()
		synctest.Wait()
		if !w.ln.Busy() {
			t.Error("one that waits does not count")
		}
		cancel()
		<-done
		if w.ln.Busy() {
			t.Error("one that has given up counts")
		}
	})
}

// TestLostOn: an error is the loss of a session if it says so, and the Line goes on.
func TestLostOn(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.ln.Session()
		lost := errors.Join(errors.New("open"), conn.ErrSessionLost)
		if w.ln.LostOn(s, lost) {
			t.Error("a session that is up")
		}
		w.lose()
		if !w.ln.LostOn(s, lost) || w.ln.LostOn(s, errClosed) {
			t.Error("a session that is lost")
		}
		w.ln.redial = nil
		if w.ln.LostOn(s, lost) {
			t.Error("a Line that does not go on")
		}
	})
}
