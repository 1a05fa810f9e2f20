package sessions

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestRedialAtOnce: a carrier that was up for a while is replaced at once; one that was not is not, but soon.
func TestRedialAtOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(2 * progressUp)
		cut := time.Now()
		w.cut()
		synctest.Wait()
		if got := w.since(cut); !slices.Equal(got, []time.Duration{0}) {
			t.Errorf("dialled after %v", got)
		}
		w.cut()
		<-time.After(redialIdle)
		if got := w.since(cut); len(got) != 2 || got[1] == 0 || got[1] > redialIdle {
			t.Errorf("without progress dialled after %v", got)
		}
	})
}

// TestRedialHint: a dial learns where the session is, and a dial for a new one does not.
func TestRedialHint(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		home := w.ln.Session().Link.RemoteAddr()
		<-time.After(time.Minute)
		w.lose()
		if got := w.hints(); !slices.Equal(got, []Hint{{Home: home}, {}}) {
			t.Errorf("hints %v", got)
		}
		if h := HintOf(t.Context()); h != (Hint{}) {
			t.Errorf("a context without a hint has %v", h)
		}
	})
}

// TestRedialRefusedDials: when nobody listens the first pauses are short, and then long enough for a crowd.
func TestRedialRefusedDials(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		w.set(func(w *world) { w.dial = refused })
		cut := time.Now()
		w.cut()
		<-time.After(redialSoon)
		at := w.since(cut)
		if len(at) < 6 || at[0] != 0 || at[1]-at[0] > redialSpread || at[2]-at[1] > redialHerd {
			t.Fatalf("dialled after %v", at)
		}
		for i := 3; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < redialStep || d > redialStep+redialSway {
				t.Errorf("pause %d is %v", i, d)
			}
		}
		<-time.After(time.Hour)
		at = w.since(cut)
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; at[i-1] > redialSoon && (d > 2*redialMax || d > at[i-1]) {
				t.Errorf("%v after the loss the pause is %v", at[i-1], d)
			}
		}
		if n := len(at); n < 3600/30 {
			t.Errorf("%d dials in an hour", n)
		}
	})
}

// TestRedialUnanswered: a server that takes connections and does not answer is tried about once a second.
func TestRedialUnanswered(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(func(w *world) {
			w.dial = func(context.Context) (net.Conn, error) {
				near, far := memnet.Pipe()
				_ = far.Close()
				return near, nil
			}
		})
		cut := time.Now()
		w.cut()
		<-time.After(time.Minute)
		at := w.since(cut)
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d > redialIdle {
				t.Errorf("pause %d is %v", i, d)
			}
		}
	})
}

// TestRedialRetryAfter: a server that names a time is asked again then.
func TestRedialRetryAfter(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		in(t, func(t *testing.T) {
			w := newWorld(t)
			<-time.After(time.Minute)
			no := &conn.RefusedError{Code: frame.Unavailable, Text: "full", RetryAfter: 7 * time.Second}
			w.set(func(w *world) {
				if w.resume = no; fresh {
					w.resume, w.welcome = nil, no
				}
			})
			if fresh {
				w.forget()
			}
			cut := time.Now()
			w.cut()
			<-time.After(20 * time.Second)
			at := w.since(cut)
			if fresh {
				at = at[1:] // that one asked for the old session
			}
			if !slices.Equal(at, []time.Duration{0, 7 * time.Second, 14 * time.Second}) {
				t.Errorf("fresh: %v, dialled after %v", fresh, at)
			}
		})
	}
}

// TestRedialRedirects: addresses that servers name are tried at once, up to a limit. An address that cannot be dialled is
// forgotten.
func TestRedialRedirects(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		w.set(func(w *world) { w.resume = &conn.RefusedError{Code: frame.Unavailable, Addr: "elsewhere"} })
		cut := time.Now()
		w.cut()
		synctest.Wait()
		at := w.since(cut)
		if len(at) != 1+maxRedirects || at[maxRedirects] != 0 {
			t.Errorf("dialled after %v", at)
		}
		for i, h := range w.hints() {
			if want := map[bool]string{true: "elsewhere"}[i > 0]; h.Addr != want {
				t.Errorf("dial %d: %q", i, h.Addr)
			}
		}
		w.set(func(w *world) { w.dial, w.dials = refused, nil })
		<-time.After(5 * time.Second)
		if h := w.hints(); h[0].Addr != "elsewhere" || h[1].Addr != "" {
			t.Errorf("hints %v", h)
		}
	})
}

// TestRedialStale: an attempt that the server says is old is made again at once, a few times.
func TestRedialStale(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		w.set(func(w *world) { w.resume = &conn.RefusedError{Code: frame.Aborted, Epoch: 40} })
		cut := time.Now()
		w.cut()
		synctest.Wait()
		at := w.since(cut)
		if len(at) != 1+maxStale || at[maxStale] != 0 || w.ln.Session().Native.Epoch() < 40 {
			t.Errorf("dialled after %v, epoch %d", at, w.ln.Session().Native.Epoch())
		}
		w.set(func(w *world) { w.resume = nil })
		<-time.After(time.Minute)
		if s := w.ln.Session(); s.Native.State() != conn.StateUp || s.Seq != 1 {
			t.Errorf("session %d is %v", s.Seq, s.Native.State())
		}
	})
}

// TestRedialRefused: what a refusal means to the session and to the Line.
func TestRedialRefused(t *testing.T) {
	tests := []struct {
		name            string
		resume, welcome *conn.RefusedError
		seq             uint64 // of the session a minute later
		state           conn.State
		cause           error // why the Line ends, nil = it does not
		text            string
	}{
		{"later", &conn.RefusedError{Code: frame.Unavailable}, nil, 1, conn.StateBroken, nil, ""},
		{"later, for lack of room", &conn.RefusedError{Code: frame.ResourceExhausted}, nil, 1, conn.StateBroken, nil, ""},
		{"the session is lost", &conn.RefusedError{Code: frame.NotFound}, nil, 2, conn.StateUp, nil, ""},
		{"the session is lost, and no new one now", &conn.RefusedError{Code: frame.NotFound}, &conn.RefusedError{Code: frame.Unavailable}, 1, conn.StateClosed, nil, ""},
		{"the session is lost, and no new one ever", &conn.RefusedError{Code: frame.NotFound}, &conn.RefusedError{Code: frame.PermissionDenied, Text: "go away"}, 1, conn.StateClosed,
			conn.ErrSessionLost, "gantline: session lost, and the server wants no new one: "},
		{"nor with another proof", &conn.RefusedError{Code: frame.NotFound}, &conn.RefusedError{Code: frame.Unauthenticated}, 1, conn.StateClosed, frame.Unauthenticated, ""},
		{"closed", &conn.RefusedError{Code: frame.OK, Text: "bye", HasPosition: true, Closed: true}, nil, 1, conn.StateClosed, net.ErrClosed, ""},
		{"another one has the id", &conn.RefusedError{Code: frame.AlreadyExists, HasPosition: true, Closed: true}, nil, 1, conn.StateClosed, frame.AlreadyExists, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				w.set(func(w *world) {
					w.resume = tt.resume
					if tt.welcome != nil {
						w.welcome = tt.welcome
					}
				})
				w.cut()
				<-time.After(30 * time.Second) // before the session expires
				s, err := w.ln.Session(), context.Cause(w.ln.Context())
				if s.Seq != tt.seq || s.Native.State() != tt.state || (err == nil) != (tt.cause == nil) || !errors.Is(err, tt.cause) {
					t.Errorf("session %d is %v, and the Line ends with %v", s.Seq, s.Native.State(), err)
				}
				if err != nil && !strings.HasPrefix(err.Error(), tt.text) {
					t.Errorf("the error says %q", err)
				}
				n := len(w.since(time.Now()))
				<-time.After(30 * time.Second)
				if again := len(w.since(time.Now())) > n; again != (tt.cause == nil && s.Native.State() != conn.StateUp) {
					t.Errorf("dials go on: %v", again)
				}
			})
		})
	}
}
