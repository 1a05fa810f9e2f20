package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/conn"
)

const soon = 200 * time.Millisecond

// TestFailover: a client at a loses its connection, and a behaves in some way from then on. It comes back to its session
// if that can be had, and is at b after some seconds if not.
func TestFailover(t *testing.T) {
	tests := []struct {
		name    string
		a, b    way
		timeout time.Duration
		mends   time.Duration // when a works again, 0 = never
		peer    string
		fresh   bool
		least   time.Duration // until then
		most    time.Duration
	}{
		{"a works", works, works, 0, 0, "a", false, 0, soon},
		{"a refuses", refuses, works, 0, 0, "b", true, 0, soon},
		{"a hangs", hangs, works, 0, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a is silent", silent, works, 0, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a ignores the context", ignores, works, 0, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a loses its answers", mute, works, 0, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a resets", resets, works, 0, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a is slow", slow, works, 0, 0, "a", false, 3 * time.Second, 3*time.Second + soon},
		{"a is silent for a moment, short timeout", silent, works, time.Second, 3 * time.Second, "a", false, 3 * time.Second, 4 * time.Second},
		{"a resets for a moment", resets, works, 0, 3 * time.Second, "a", false, 3 * time.Second, 4100 * time.Millisecond},
		{"a is silent, short timeout", silent, works, time.Second, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a hangs, no timeout", hangs, works, -1, 0, "b", true, 4 * time.Second, 5*time.Second + soon},
		{"a hangs, b resets, a mends", hangs, resets, 0, 8 * time.Second, "a", false, 8 * time.Second, 12 * time.Second},
		{"both silent, a mends", silent, silent, 0, 8 * time.Second, "a", false, 8 * time.Second, 17 * time.Second},
		{"both hang, a mends", hangs, hangs, 2 * time.Second, 8 * time.Second, "a", false, 8 * time.Second, 13 * time.Second},
		{"both refuse, a mends", refuses, refuses, 0, 5 * time.Second, "a", false, 5 * time.Second, 7 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newStreets(t)
				x.serve("a", gantline.Config{})
				b := x.serve("b", gantline.Config{})
				d := x.dialer("b")
				d.Timeout = tt.timeout
				end := x.dialWatched(d, "a")
				<-time.After(time.Minute)
				x.set("a", tt.a)
				x.set("b", tt.b)
				start := time.Now()
				if tt.mends > 0 {
					time.AfterFunc(tt.mends, func() { x.set("a", works) })
				}
				x.cut()
				fresh := <-end.sessions
				if took := time.Since(start); fresh != tt.fresh || end.PeerID() != tt.peer || took < tt.least || took > tt.most {
					t.Errorf("fresh %v at %q after %v", fresh, end.PeerID(), took)
				}
				if _, err := end.Ping(t.Context()); err != nil {
					t.Error(err)
				}
				<-time.After(time.Minute)
				if n := len(slices.Collect(b.Ends())); n != map[string]int{"b": 1}[tt.peer] {
					t.Errorf("b has %d Ends", n)
				}
				if len(end.sessions) > 0 || end.State() != gantline.StateUp {
					t.Errorf("later it is %v", end.State())
				}
			})
		})
	}
}

// TestFailoverSameServer: both addresses lead to the server that has the session. It goes on over the one that answers.
func TestFailoverSameServer(t *testing.T) {
	for _, w := range []way{refuses, hangs, silent, slow, mute, resets, ignores} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			x.alias("b", "a")
			end := x.dialWatched(x.dialer("b"), "a")
			for range 3 {
				<-time.After(time.Minute)
				x.set("a", w)
				start := time.Now()
				x.cut()
				if fresh := <-end.sessions; fresh || time.Since(start) > 3*time.Second+soon {
					t.Errorf("way %d: fresh %v after %v", w, fresh, time.Since(start))
				}
				if _, err := end.Ping(t.Context()); err != nil {
					t.Error(err)
				}
				<-time.After(time.Minute) // whatever was late has arrived
				if end.State() != gantline.StateUp || len(end.sessions) > 0 {
					t.Errorf("way %d: later it is %v", w, end.State())
				}
			}
		})
	}
}

// TestFailoverComeAgain: a server shuts down. Its clients are at the other one soon, however its address behaves then.
func TestFailoverComeAgain(t *testing.T) {
	for _, w := range []way{refuses, hangs, silent, mute, resets, ignores} {
		for _, busy := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				x := newStreets(t)
				a := x.serve("a", gantline.Config{Setup: func(e *gantline.End) error {
					e.Handle("work", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
						<-time.After(10 * time.Second)
						return []byte("done"), nil
					}))
					return nil
				}})
				x.serve("b", gantline.Config{})
				end := x.dialWatched(x.dialer("b"), "a")
				<-time.After(time.Minute)
				answer := make(chan error, 1)
				if busy {
					go func() {
						_, err := end.Call(t.Context(), "work", nil)
						answer <- err
					}()
					synctest.Wait()
				} else {
					answer <- nil
				}
				x.set("a", w)
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				go func() { _ = a.Shutdown(ctx) }()
				if fresh := <-end.sessions; !fresh || end.PeerID() != "b" || time.Since(start) > 3*time.Second+soon {
					t.Errorf("way %d: fresh %v at %q after %v", w, fresh, end.PeerID(), time.Since(start))
				}
				if err := <-answer; err != nil {
					t.Errorf("way %d: the call that ran: %v", w, err)
				}
				if _, err := end.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFailoverFresh: the session is lost for good. Whatever a does, the client is at b after some seconds.
func TestFailoverFresh(t *testing.T) {
	for _, w := range []way{refuses, hangs, silent, mute, resets, ignores} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			b := x.serve("b", gantline.Config{})
			d := x.dialer("b")
			d.Config.SessionExpiry = 2 * time.Second
			end := x.dialWatched(d, "a")
			x.set("a", refuses)
			x.set("b", refuses)
			x.cut()
			<-time.After(15 * time.Second)
			x.set("a", w)
			x.set("b", works)
			start := time.Now()
			if fresh := <-end.sessions; !fresh || end.PeerID() != "b" || time.Since(start) > 18*time.Second {
				t.Errorf("way %d: fresh %v at %q after %v", w, fresh, end.PeerID(), time.Since(start))
			}
			<-time.After(time.Minute)
			if n := len(slices.Collect(b.Ends())); n != 1 || end.State() != gantline.StateUp {
				t.Errorf("way %d: %d Ends, %v", w, n, end.State())
			}
		})
	}
}

// TestDialBeside: a first dial is at b soon, whatever a does, and nothing is left at a.
func TestDialBeside(t *testing.T) {
	tests := []struct {
		name string
		way  way
		took time.Duration
		peer string
	}{
		{"works", works, 0, "a"},
		{"refuses", refuses, 0, "b"},
		{"resets", resets, 0, "b"},
		{"hangs", hangs, 2 * time.Second, "b"},
		{"ignores its context", ignores, 2*time.Second + 50*time.Millisecond, "b"},
		{"silent", silent, 2 * time.Second, "b"},
		{"slow", slow, 2 * time.Second, "b"},
		{"mute", mute, 2 * time.Second, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newStreets(t)
				a := x.serve("a", gantline.Config{})
				x.serve("b", gantline.Config{})
				x.set("a", tt.way)
				setups := 0
				d := x.dialer("b")
				d.Config.Setup = func(*gantline.End) error { setups++; return nil }
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				start := time.Now()
				end, err := d.Dial(ctx, "mem", "a")
				cancel() // as one does
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != tt.took || end.PeerID() != tt.peer || setups != 1 {
					t.Errorf("at %q after %v, %d setups", end.PeerID(), took, setups)
				}
				<-time.After(30 * time.Second)
				if n := len(slices.Collect(a.Ends())); n != map[string]int{"a": 1}[tt.peer] {
					t.Errorf("a has %d Ends", n)
				}
				_ = end.Close()
			})
		})
	}
}

// TestDialBesideRefusal: a server that sends its clients elsewhere is followed while another address is silent.
func TestDialBesideRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newStreets(t)
		x.serve("b", gantline.Config{Setup: sendTo("c")})
		x.serve("c", gantline.Config{})
		x.set("a", silent)
		start := time.Now()
		end := x.dialWatched(x.dialer("b"), "a")
		if end.PeerID() != "c" || time.Since(start) != 2*time.Second {
			t.Errorf("at %q after %v", end.PeerID(), time.Since(start))
		}
		x.set("c", refuses)
		_, err := x.dialer().Dial(t.Context(), "mem", "b")
		var no *conn.RefusedError
		if !errors.Is(err, gantline.Unavailable) || !errors.As(err, &no) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("without a server there: %v", err)
		}
	})
}

// TestRedialElsewhereBeside: the same for a fresh session, with and without a wait.
func TestRedialElsewhereBeside(t *testing.T) {
	for _, wait := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			x.serve("b", gantline.Config{Setup: func(*gantline.End) error {
				return &conn.RefusedError{Code: gantline.Unavailable, Text: "full", Addr: "c", RetryAfter: wait}
			}})
			x.serve("c", gantline.Config{})
			end := x.dialWatched(x.dialer("b"), "a")
			<-time.After(time.Minute)
			x.set("a", refuses)
			start := time.Now()
			x.cut()
			if fresh := <-end.sessions; !fresh || end.PeerID() != "c" && wait == 0 || time.Since(start) > wait+2*time.Second {
				t.Errorf("wait %v: fresh %v at %q after %v", wait, fresh, end.PeerID(), time.Since(start))
			}
		})
	}
}

// TestFailoverSmallTimeout: Dialer.Timeout bounds the handshake of a redial, with one address and with a Redial of the
// application's own.
func TestFailoverSmallTimeout(t *testing.T) {
	for _, own := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			d := x.dialer()
			d.Timeout = time.Second
			if own {
				d.Config.Redial = func(ctx context.Context) (net.Conn, error) {
					if _, home := gantline.Redialing(ctx); home == nil {
						t.Error("the hint is lost")
					}
					return x.dial(ctx, "", "a")
				}
			}
			end := x.dialWatched(d, "a")
			<-time.After(time.Minute)
			x.set("a", silent)
			start := time.Now()
			x.cut()
			<-time.After(4 * time.Second)
			x.set("a", works)
			if fresh := <-end.sessions; fresh || time.Since(start) > 6*time.Second {
				t.Errorf("own Redial %v: fresh %v after %v", own, fresh, time.Since(start))
			}
			addrs, _ := x.dialled()
			if n := len(addrs); n < 4 || n > 8 {
				t.Errorf("%d dials", n)
			}
		})
	}
}

// TestRedialIgnoresContext: a Redial of the application's own that takes longer than it should still leads back.
func TestRedialIgnoresContext(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			d := x.dialer()
			d.Timeout = timeout
			d.Config.Redial = func(ctx context.Context) (net.Conn, error) { return x.dial(ctx, "", "a") }
			end := x.dialWatched(d, "a")
			<-time.After(time.Minute)
			x.set("a", ignores)
			start := time.Now()
			x.cut()
			if fresh := <-end.sessions; fresh || time.Since(start) > 20*time.Second+soon {
				t.Errorf("timeout %v: fresh %v after %v", timeout, fresh, time.Since(start))
			}
			x.cut()
			<-time.After(time.Second)
			_ = end.Close() // waits for it
			if addrs, _ := x.dialled(); len(addrs) != 1 {
				t.Errorf("timeout %v: dialled %q", timeout, addrs)
			}
		})
	}
}

// TestFailoverCloses: an End that is closed during attempts side by side ends, and so do they.
func TestFailoverCloses(t *testing.T) {
	for _, w := range []way{hangs, silent, slow, mute, ignores} {
		for _, fresh := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				x := newStreets(t)
				x.serve("a", gantline.Config{})
				x.serve("b", gantline.Config{})
				d := x.dialer("b")
				d.Config.SessionExpiry = 2 * time.Second
				end := x.dialWatched(d, "a")
				if fresh {
					x.set("a", refuses)
					x.set("b", refuses)
					x.cut()
					<-time.After(10 * time.Second)
				}
				x.set("a", w)
				x.set("b", w)
				x.cut()
				<-time.After(2900 * time.Millisecond)
				start := time.Now()
				_ = end.Close()
				if took := time.Since(start); took > 5*time.Second+soon && w != ignores {
					t.Errorf("way %d, fresh %v: Close took %v", w, fresh, took)
				}
				if end.Context().Err() == nil {
					t.Errorf("way %d, fresh %v: it is %v", w, fresh, end.State())
				}
			})
		}
	}
}

// TestDialBesideContext: the context ends a first dial at both addresses.
func TestDialBesideContext(t *testing.T) {
	for _, w := range []way{hangs, silent, mute, ignores} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			x.serve("b", gantline.Config{})
			x.set("a", w)
			x.set("b", w)
			for _, how := range []error{context.DeadlineExceeded, context.Canceled} {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				if how == context.Canceled {
					time.AfterFunc(2500*time.Millisecond, cancel)
				}
				start := time.Now()
				_, err := x.dialer("b").Dial(ctx, "mem", "a")
				cancel()
				if took := time.Since(start); !errors.Is(err, how) || took > 3*time.Second+soon {
					t.Errorf("way %d: %v after %v", w, err, took)
				}
			}
		})
	}
}

// TestFailoverOff: without redialling nothing is tried.
func TestFailoverOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newStreets(t)
		x.serve("a", gantline.Config{})
		x.serve("b", gantline.Config{})
		d := x.dialer("b")
		d.NoRedial = true
		end := x.dialWatched(d, "a")
		x.cut()
		<-end.Context().Done()
		if addrs, _ := x.dialled(); len(addrs) > 0 || !errors.Is(context.Cause(end.Context()), gantline.ErrSessionLost) {
			t.Errorf("dialled %q, %v", addrs, context.Cause(end.Context()))
		}
	})
}

// TestFailoverCrowd: clients of a server that is merely slow do not dial it twice, and do not come to the next one all
// at once.
func TestFailoverCrowd(t *testing.T) {
	const clients, most, window = 200, 40, 100 * time.Millisecond
	for _, addrs := range [][]string{nil, {"b"}} {
		synctest.Test(t, func(t *testing.T) {
			x := newStreets(t)
			x.serve("a", gantline.Config{})
			x.serve("b", gantline.Config{})
			for range clients {
				d := x.dialer(addrs...)
				d.Config.ID = ""
				end, err := d.Dial(t.Context(), "mem", "a")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = end.Close() })
			}
			<-time.After(time.Minute)
			x.set("a", slow)
			x.cut()
			<-time.After(time.Minute)
			_, all := x.dialled()
			var atB []time.Time
			for _, d := range all {
				if d.addr == "b" {
					atB = append(atB, d.at)
				}
			}
			if n := len(all) - len(atB); n != clients {
				t.Errorf("%d dials to a, of %d clients", n, clients)
			}
			peak := 0
			for i, j := 0, 0; i < len(atB); i++ {
				for atB[i].Sub(atB[j]) >= window {
					j++
				}
				peak = max(peak, i-j+1)
			}
			if len(atB) > clients*len(addrs) || peak > most {
				t.Errorf("%d dials to b, at most %d within %v", len(atB), peak, window)
			}
		})
	}
}

// TestFailoverCallback: a DialFunc may close the End that it redials for. What would wait for the peer fails inside it.
func TestFailoverCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newStreets(t)
		x.serve("a", gantline.Config{})
		x.serve("b", gantline.Config{})
		var end *gantline.End
		failed := make(chan error, 100)
		d := x.dialer("b")
		d.DialFunc = func(ctx context.Context, nw, addr string) (net.Conn, error) {
			if end != nil {
				_, err := end.Ping(ctx)
				failed <- err
				_ = end.Close()
			}
			return x.dial(ctx, nw, addr)
		}
		first, err := d.Dial(t.Context(), "mem", "a")
		if err != nil {
			t.Fatal(err)
		}
		end = first
		x.set("a", silent)
		start := time.Now()
		x.cut()
		if err := <-failed; !errors.Is(err, gantline.FailedPrecondition) {
			t.Error(err)
		}
		<-end.Context().Done()
		if took := time.Since(start); took > 5*time.Second+soon {
			t.Errorf("over after %v", took)
		}
		_ = end.Close()
	})
}
