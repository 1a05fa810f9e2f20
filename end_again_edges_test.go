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
)

// slowServer is a testServer whose call "slow" is answered when the channel is closed, and "m" at once.
func slowServer(t *testing.T, cfg Config) (h *testServer, finish chan struct{}) {
	finish = make(chan struct{})
	setup := cfg.Setup
	cfg.Setup = func(e *End) error {
		e.Handle("m", echo)
		e.Handle("slow", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			select {
			case <-finish:
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}))
		if setup != nil {
			return setup(e)
		}
		return nil
	}
	return newTestServer(t, &cfg), finish
}

// calling calls method in the background.
func calling(c *End, method string) <-chan error {
	done := make(chan error, 1)
	go func() { _, err := c.Call(context.Background(), method, nil); done <- err }()
	synctest.Wait()
	return done
}

// move has the newest End of h drain. It has something to finish, so the client has two sessions then.
func (h *testServer) move(c *End) (old *End) {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	old = h.ends[len(h.ends)-1]
	h.mu.Unlock()
	before := c.Stats().Sessions
	go old.Shutdown(context.Background()) // ends with the test at the latest
	<-time.After(time.Second)
	if now := c.Stats().Sessions; now != before+1 || old.Context().Err() != nil {
		h.t.Fatalf("%d sessions after %d, the old End is %v", now, before, old.State())
	}
	return old
}

// TestMovedHooks: what becomes of the carrier of a session that has retired is nobody's business: the End is up.
func TestMovedHooks(t *testing.T) {
	for _, lost := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			h, finish := slowServer(t, Config{})
			var d diary
			c := h.client(d.hooks(Config{}))
			slow := calling(c, "slow")
			first := h.carriers
			h.move(c)
			d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow")
			if lost {
				h.close()
			}
			_ = first[0].Close()
			<-time.After(5 * time.Second)
			if lost {
				want(t, <-slow, ErrUnknownOutcome, ErrSessionLost)
			} else {
				close(finish)
				must(t, <-slow)
			}
			d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow")
			h.open()
			h.cut() // this one counts
			<-time.After(5 * time.Second)
			d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow", "broken", "up", "resumed")
		})
	}
}

// TestMovedWhileBroken: the session that is left breaks while the next one shakes hands. The last state is right.
func TestMovedWhileBroken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, finish := slowServer(t, Config{})
		open := make(chan struct{})
		var d diary
		cfg := quiet(d.hooks(Config{Redial: func(ctx context.Context) (net.Conn, error) {
			nc, err := h.dial(ctx)
			if _, home := Redialing(ctx); home == nil && err == nil {
				near := nc.(*blindConn).Conn
				near.BlockReads(true)
				go func() { <-open; near.BlockReads(false) }()
			}
			return nc, err
		}}))
		nc, err := h.dial(t.Context())
		must(t, err)
		c, err := Client(t.Context(), nc, cfg)
		must(t, err)
		defer c.Close()
		slow := calling(c, "slow")
		first := h.carriers[0]
		go h.ends[0].Shutdown(context.Background())
		<-time.After(time.Second)
		_ = first.Close()
		<-time.After(time.Second)
		close(open)
		<-time.After(10 * time.Second)
		close(finish)
		must(t, <-slow)
		if c.State() != StateUp || c.Stats().Sessions != 2 {
			t.Errorf("the End is %v in session %d", c.State(), c.Stats().Sessions)
		}
		d.check(t, "up", "fresh", "+m", "+slow", "broken", "up", "-m", "-slow", "fresh", "+m", "+slow")
	})
}

// TestMovedMethods: what the older server handles from now on is nobody's business either.
func TestMovedMethods(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, finish := slowServer(t, Config{})
		var d diary
		c := h.client(d.hooks(Config{}))
		slow := calling(c, "slow")
		old := h.move(c)
		d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow")
		old.Handle("m", nil)
		old.Handle("late", echo)
		d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow")
		h.ends[1].Handle("more", echo)
		close(finish)
		must(t, <-slow)
		d.check(t, "up", "fresh", "+m", "+slow", "-m", "-slow", "fresh", "+m", "+slow", "+more")
	})
}

// TestOurMethodsMoved: the newer server learns of our methods what there is and what changes, also when the older one asks
// again.
func TestOurMethodsMoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d diary
		cfg := d.hooks(Config{})
		cfg.OnState = nil // hooks of two Ends are in no order
		h, finish := slowServer(t, *cfg)
		c := h.client(nil)
		c.Handle("a", echo)
		slow := calling(c, "slow")
		old := h.move(c)
		d.check(t, "fresh", "+a", "fresh", "+a")
		old.rpc().begin(old.session()) // refused: the client does not drain, but it is an older session
		synctest.Wait()
		c.Handle("b", echo)
		d.check(t, "fresh", "+a", "fresh", "+a", "+b")
		close(finish)
		must(t, <-slow)
	})
}

// TestPingAgain: a Ping that is under way when the server ends the session is answered in the next one.
func TestPingAgain(t *testing.T) {
	for _, with := range []error{errorf(Unavailable, "busy"), errors.New("kicked")} {
		bubble(t, func(t *testing.T) {
			h, _ := slowServer(t, Config{})
			c := h.client(nil)
			synctest.Wait()
			h.lossy(true) // the ping does not arrive
			ping := make(chan error, 1)
			go func() { _, err := c.Ping(context.Background()); ping <- err }()
			synctest.Wait()
			h.lossy(false)
			go h.ends[0].CloseWith(with)
			err := <-ping
			if CodeOf(with) == Unavailable {
				must(t, err)
			} else {
				want(t, err, net.ErrClosed)
			}
		})
	}
}

// TestShutdownMoved: a client that shuts down says so to the older server as well, and waits for what that has open here.
func TestShutdownMoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h, finish := slowServer(t, Config{})
		c := h.client(nil)
		synctest.Wait()
		called := make(chan struct{})
		c.Handle("back", HandlerFunc(func(context.Context, *Request) ([]byte, error) { <-called; return []byte("done"), nil }))
		h.ends[0].Handle("ask", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			return FromContext(ctx).Call(ctx, "back", nil)
		}))
		slow, back := calling(c, "slow"), calling(c, "ask")
		h.move(c)
		synctest.Wait()
		over := make(chan error, 1)
		go func() { over <- c.Shutdown(context.Background()) }()
		synctest.Wait()
		for i, s := range h.ends {
			if s.session().Mux.Drained() == nil {
				t.Errorf("server %d does not know that the client shuts down", i)
			}
		}
		close(finish)
		must(t, <-slow)
		<-time.After(time.Second)
		select {
		case err := <-over:
			t.Fatalf("Shutdown returned %v while a handler ran", err)
		default:
		}
		close(called)
		must(t, <-back)
		must(t, <-over)
	})
}

// TestCloseMovedErrors: what the older session has when the End is closed learns that, as in any other session.
func TestCloseMovedErrors(t *testing.T) {
	for _, abort := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			var b mailbox
			h, _ := slowServer(t, *b.config(Config{}))
			c := h.client(nil)
			synctest.Wait()
			calls := map[string]func() error{
				"call":       func() error { _, err := c.Call(context.Background(), "slow", nil); return err },
				"idempotent": func() error { _, err := c.Call(context.Background(), "slow", nil, Idempotent()); return err },
				"go":         func() error { _, err := c.Go(context.Background(), "slow", nil).Wait(context.Background()); return err },
				"publish":    func() error { return c.Publish(context.Background(), "t", nil) },
				"stream call": func() error {
					cs, _ := c.OpenCall(context.Background(), "slow2")
					_, err := cs.Recv(context.Background())
					return err
				},
			}
			h.ends[0].HandleStream("slow2", func(ctx context.Context, _ *Request, _ *CallStream) error { <-ctx.Done(); return nil })
			ended := map[string]chan error{}
			for name, f := range calls {
				done := make(chan error, 1)
				ended[name] = done
				go func() { done <- f() }()
			}
			st, err := c.OpenStream(t.Context())
			must(t, err)
			_, err = st.Write([]byte("x"))
			must(t, err)
			read := make(chan error, 1)
			go func() { _, err := st.Read(make([]byte, 1)); read <- err }()
			b.take()
			h.move(c)
			if abort {
				c.Abort(errors.New("enough"))
			} else {
				_ = c.Close()
			}
			<-time.After(10 * time.Second)
			for name := range calls {
				select {
				case err := <-ended[name]:
					if !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, net.ErrClosed) || errors.Is(err, ErrSessionLost) || CodeOf(err) != Unknown {
						t.Errorf("abort %v, %s: %v", abort, name, err)
					}
				default:
					t.Errorf("abort %v, %s goes on", abort, name)
				}
			}
			if err := <-read; err == io.EOF || !errors.Is(err, net.ErrClosed) || errors.Is(err, ErrSessionLost) {
				t.Errorf("abort %v, a stream: %v", abort, err)
			}
			if got := b.take(); len(got) > 0 {
				t.Errorf("abort %v: %d messages were published again", abort, len(got))
			}
		})
	}
}

// TestAbortReasons: whatever the reason is, a call learns what is known of it.
func TestAbortReasons(t *testing.T) {
	for _, reason := range []error{nil, context.Canceled, context.DeadlineExceeded, errorf(NotFound, "x"), &StreamError{Code: Unavailable}, Unavailable, io.EOF,
		ErrNotSent, ErrSessionLost, net.ErrClosed, fmt.Errorf("deep: %w", context.Canceled)} {
		bubble(t, func(t *testing.T) {
			h, _ := slowServer(t, Config{})
			c := h.client(nil)
			slow := calling(c, "slow")
			lost := make(chan error, 1)
			h.lossy(true)
			go func() { lost <- c.Publish(context.Background(), "t", nil) }()
			st, err := c.OpenStream(t.Context())
			must(t, err)
			synctest.Wait()
			c.Abort(reason)
			<-c.Context().Done()
			cause := context.Cause(c.Context())
			want(t, cause, net.ErrClosed)
			for _, err := range []error{<-slow, <-lost} {
				if !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrNotSent) || errors.Is(err, ErrSessionLost) || !errors.Is(err, net.ErrClosed) || CodeOf(err) != Unknown {
					t.Errorf("Abort(%v): a call ends with %v", reason, err)
				}
			}
			if _, err := st.Read(make([]byte, 1)); errors.Is(err, io.EOF) || errors.Is(err, ErrSessionLost) || !errors.Is(err, net.ErrClosed) {
				t.Errorf("Abort(%v): a stream ends with %v", reason, err)
			}
			_, err = c.Call(t.Context(), "m", nil)
			want(t, err, ErrNotSent, net.ErrClosed)
		})
	}
}

// TestMovedResend: a message that is being sent again when the server drains, and waits there, does not keep the client.
func TestMovedResend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		takes := false
		h, _ := slowServer(t, Config{Setup: func(e *End) error {
			if takes {
				return b.config(Config{}).Setup(e)
			}
			return nil
		}})
		b.acks(true)
		c := h.client(nil)
		done := make(chan error, 2)
		for i := range 2 {
			body := make([]byte, 1<<20)
			body[0] = byte(i)
			go func() { done <- c.Publish(context.Background(), "t", body) }()
			synctest.Wait()
		}
		h.stop() // nobody has taken them
		h.start()
		<-time.After(5 * time.Second)
		takes = true
		slow := calling(c, "slow")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go h.ends[0].Shutdown(ctx)
		began := time.Now()
		_, err := c.Call(short(t), "m", nil)
		must(t, err)
		for range 2 {
			must(t, <-done)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		got := b.take()
		if len(got) != 2 || got[0].Body[0] != 0 || got[1].Body[0] != 1 {
			t.Errorf("%d messages arrived", len(got))
		}
		<-slow
	})
}
