package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
)

// TestComeAgain: how a server's End ends says whether its client is to come again. It does not matter whether the client
// hears that at once or is away and learns it when it comes back.
func TestComeAgain(t *testing.T) {
	ctx := context.Background()
	denied, later := errorf(PermissionDenied, "kicked"), errorf(Unavailable, "busy")
	tests := []struct {
		name  string
		end   func(s *End) error
		again bool
		code  Code // of a client's End that is over
	}{
		{"Close", func(s *End) error { return s.Close() }, false, Unknown},
		{"CloseWith nil", func(s *End) error { return s.CloseWith(nil) }, false, Unknown},
		{"CloseWith PermissionDenied", func(s *End) error { return s.CloseWith(denied) }, false, PermissionDenied},
		{"CloseWith Unavailable", func(s *End) error { return s.CloseWith(later) }, true, 0},
		{"CloseWith a wait", func(s *End) error { return s.CloseWith(&conn.RefusedError{RetryAfter: time.Second}) }, true, 0},
		{"Shutdown", func(s *End) error { return s.Shutdown(ctx) }, true, 0},
		{"ShutdownWith PermissionDenied", func(s *End) error { return s.ShutdownWith(ctx, denied) }, false, PermissionDenied},
		{"ShutdownWith Unavailable", func(s *End) error { return s.ShutdownWith(ctx, later) }, true, 0},
		{"Shutdown whose context has ended", func(s *End) error {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			_ = s.Shutdown(gone)
			return nil
		}, true, 0},
		{"Close while it drains", func(s *End) error {
			s.line.Drain()
			why := goodbyeOf(errShutdown)
			s.life.farewell.Store(&why)
			return s.Close()
		}, true, 0},
		{"CloseWith before it drains", func(s *End) error { go s.CloseWith(denied); <-time.After(time.Nanosecond); return s.Shutdown(ctx) }, false, PermissionDenied},
	}
	for _, tt := range tests {
		for _, away := range []bool{false, true} {
			for _, noFresh := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, away %v, NoFresh %v", tt.name, away, noFresh), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						h := newTestServer(t, &Config{Setup: func(e *End) error { e.Handle("m", echo); return nil }})
						var d diary
						c := h.client(d.hooks(Config{NoFresh: noFresh}))
						synctest.Wait()
						s := h.ends[0]
						if away {
							h.close()
							h.cut()
							synctest.Wait()
						}
						done := make(chan error, 1)
						go func() { done <- tt.end(s) }()
						synctest.Wait()
						if away {
							<-time.After(20 * time.Second) // whatever the server's End waited for
							h.open()
						}
						<-done
						<-time.After(time.Minute)
						if !tt.again || noFresh {
							if c.Context().Err() == nil {
								t.Fatalf("the client is %v", c.State())
							}
							cause := context.Cause(c.Context())
							want(t, cause, net.ErrClosed)
							if !tt.again && CodeOf(cause) != tt.code && tt.code != Unknown {
								t.Errorf("its End is over with %v", cause)
							}
							return
						}
						must(t, c.Context().Err())
						if n := c.Stats().Sessions; n != 2 || c.State() != StateUp {
							t.Errorf("%d sessions, it is %v", n, c.State())
						}
						_, err := c.Call(short(t), "m", nil)
						must(t, err)
					})
				})
			}
		}
	}
}

// TestMove: a client begins its next session while the older one finishes what it has. Nothing fails.
func TestMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		finish := make(chan struct{})
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			e.Handle("m", echo)
			e.Handle("slow", HandlerFunc(func(context.Context, *Request) ([]byte, error) { <-finish; return []byte("old"), nil }))
			return nil
		}})
		var d diary
		c := h.client(d.hooks(Config{}))
		synctest.Wait()
		old := h.ends[0]
		slow := make(chan string, 1)
		go func() {
			answer, err := c.Call(short(t), "slow", nil)
			slow <- fmt.Sprint(string(answer), err)
		}()
		st, err := c.OpenStream(t.Context())
		must(t, err)
		_, err = io.WriteString(st, "ping")
		must(t, err)
		there, err := old.AcceptStream(t.Context())
		must(t, err)
		over := make(chan error, 1)
		go func() { over <- old.Shutdown(t.Context()) }()
		synctest.Wait()

		if c.Stats().Sessions != 2 || c.State() != StateUp || old.State() != StateDraining || c.Stats().Open != 2 {
			t.Errorf("sessions %d, client %v, old End %v, open %d", c.Stats().Sessions, c.State(), old.State(), c.Stats().Open)
		}
		answer, err := c.Call(short(t), "m", []byte("new"))
		must(t, err)
		newer, err := c.OpenStream(t.Context())
		must(t, err)
		_, err = io.WriteString(newer, "to the new one")
		must(t, err)
		if _, err := h.ends[1].AcceptStream(short(t)); err != nil || string(answer) != "new" {
			t.Errorf("a new stream is not at the new End: %v", err)
		}
		buf := make([]byte, 4)
		_, err = io.ReadFull(there, buf)
		must(t, err)
		_, err = there.Write([]byte("pong"))
		must(t, err)
		must(t, there.CloseWrite())
		got, err := io.ReadAll(st)
		if string(got) != "pong" || err != nil || string(buf) != "ping" {
			t.Errorf("the open stream read %q, %v", got, err)
		}
		must(t, st.Close())
		must(t, there.Close())
		close(finish)
		if got := <-slow; got != "old<nil>" {
			t.Errorf("the running call: %s", got)
		}
		must(t, <-over)
		synctest.Wait()
		if c.State() != StateUp || c.line.Count() != 1 {
			t.Errorf("in the end it is %v with %d open", c.State(), c.line.Count())
		}
		d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow")
		must(t, newer.Close())
	})
}

// TestMoveAddr: the address and the wait that a goodbye names are those of the next dial.
func TestMoveAddr(t *testing.T) {
	for _, to := range []conn.RefusedError{{Addr: "b:1"}, {RetryAfter: 7 * time.Second}, {Code: Unavailable, Addr: "b:2", RetryAfter: time.Second}} {
		bubble(t, func(t *testing.T) {
			h := newTestServer(t, nil)
			began := time.Now()
			var addr string
			var after time.Duration
			var c *End
			nc, err := h.dial(t.Context())
			must(t, err)
			c, err = Client(t.Context(), nc, quiet(&Config{Redial: func(ctx context.Context) (net.Conn, error) {
				addr, _ = Redialing(ctx)
				after = time.Since(began)
				return h.dial(ctx)
			}}))
			must(t, err)
			defer c.Close()
			synctest.Wait()
			must(t, h.ends[0].ShutdownWith(t.Context(), &to))
			<-time.After(time.Minute)
			if addr != to.Addr || after != to.RetryAfter || c.Stats().Sessions != 2 {
				t.Errorf("dialled %q after %v, sessions %d; want %q after %v", addr, after, c.Stats().Sessions, to.Addr, to.RetryAfter)
			}
		})
	}
}

// TestMovedMessages: what the older session does not settle goes to the newer one, marked, and what it settles does not.
func TestMovedMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		c := h.client(nil)
		var pending []*Publication
		for _, text := range []string{"a", "b", "c"} {
			p, err := c.PublishAsync(t.Context(), "t", []byte(text))
			must(t, err)
			pending = append(pending, p)
		}
		first := b.take()
		same(t, "first", textsOf(first), "a", "b", "c")
		old := h.ends[0]
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		over := make(chan error, 1)
		go func() { over <- old.Shutdown(ctx) }()
		synctest.Wait()
		p, err := c.PublishAsync(t.Context(), "t", []byte("d"))
		must(t, err)
		later := b.take()
		same(t, "beside the older session", textsOf(later), "d")
		must(t, first[0].Ack())
		must(t, later[0].Ack())
		want(t, <-over, context.DeadlineExceeded) // b and c are still unacked
		synctest.Wait()
		again := b.take()
		same(t, "after it", textsOf(again), "b", "c")
		for _, m := range again {
			if !m.Redelivered {
				t.Errorf("%s is not marked", m.Body)
			}
			must(t, m.Ack())
		}
		for _, p := range append(pending, p) {
			must(t, p.Wait(short(t)))
		}
	})
}

// TestMovedCut: a session that has retired outlives a cut while its server keeps it.
func TestMovedCut(t *testing.T) {
	for _, gone := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			finish := make(chan struct{})
			h := newTestServer(t, &Config{Setup: func(e *End) error {
				e.Handle("slow", HandlerFunc(func(context.Context, *Request) ([]byte, error) { <-finish; return []byte("old"), nil }))
				return nil
			}})
			c := h.client(nil)
			slow := make(chan error, 1)
			go func() { _, err := c.Call(context.Background(), "slow", nil); slow <- err }()
			synctest.Wait()
			go h.ends[0].Shutdown(t.Context())
			synctest.Wait()
			if gone {
				h.sessions.Drop(h.ends[0], errors.New("gone")) // does nothing: it is up
				h.start()                                      // knows no session
			}
			h.cut()
			<-time.After(5 * time.Second)
			close(finish)
			err := <-slow
			switch {
			case gone:
				want(t, err, ErrUnknownOutcome)
			case err != nil:
				t.Errorf("the running call: %v", err)
			}
			must(t, c.Context().Err())
			if c.State() != StateUp {
				t.Errorf("the client is %v", c.State())
			}
		})
	}
}

// TestCloseMoved: Close and Shutdown of the client are for the older session, too.
func TestCloseMoved(t *testing.T) {
	for _, shutdown := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			finish := make(chan struct{})
			h := newTestServer(t, &Config{Setup: func(e *End) error {
				e.Handle("slow", HandlerFunc(func(context.Context, *Request) ([]byte, error) { <-finish; return nil, nil }))
				return nil
			}})
			c := h.client(nil)
			slow := make(chan error, 1)
			go func() { _, err := c.Call(context.Background(), "slow", nil); slow <- err }()
			synctest.Wait()
			old := h.ends[0]
			go old.Shutdown(t.Context())
			synctest.Wait()
			done := make(chan error, 1)
			if shutdown {
				go func() { done <- c.Shutdown(t.Context()) }()
				synctest.Wait()
				close(finish)
				must(t, <-slow)
			} else {
				go func() { done <- c.Close() }()
				want(t, <-slow, ErrUnknownOutcome)
				close(finish)
			}
			must(t, <-done)
			synctest.Wait()
			for _, e := range h.ends {
				if e.Context().Err() == nil {
					t.Errorf("an End of the server is %v", e.State())
				}
			}
		})
	}
}

// TestNoFresh: the carrier may change and the session may not.
func TestNoFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error { e.Handle("m", echo); return nil }})
		c := h.client(&Config{NoFresh: true})
		h.cut()
		_, err := c.Call(short(t), "m", nil)
		must(t, err)
		if c.Stats().Link.Resumes != 1 {
			t.Errorf("%d resumes", c.Stats().Link.Resumes)
		}
		h.stop()
		h.start()
		<-c.Context().Done()
		want(t, context.Cause(c.Context()), ErrSessionLost)
		_, err = c.Call(short(t), "m", nil)
		want(t, err, ErrNotSent)
		must(t, c.Close())
	})
}
