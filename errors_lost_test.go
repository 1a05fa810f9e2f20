package gantline

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
)

// oneCode fails the test unless err is code, and no other one, for CodeOf and for errors.Is.
func oneCode(t testing.TB, what string, err error, code Code) {
	t.Helper()
	if got := CodeOf(err); got != code {
		t.Errorf("%s: the code is %v, want %v: %v", what, got.Name(), code.Name(), err)
	}
	for c := OK; c <= Unauthenticated; c++ {
		if got := errors.Is(err, c); got != (c == code) {
			t.Errorf("%s: errors.Is(err, %v) is %v: %v", what, c.Name(), got, err)
		}
	}
}

// TestRestartedServer: what fails because the server was restarted is a lost session everywhere. The refusal of the
// resume is the reason, and its code is not the application's.
func TestRestartedServer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			e.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { return nil, wait(ctx) }))
			e.HandleStream("stream", func(ctx context.Context, _ *Request, _ *CallStream) error { return wait(ctx) })
			e.Subscribe("t", func(ctx context.Context, _ *Message) error { return wait(ctx) })
			return nil
		}})
		c := h.client(nil)
		handlers := make(chan error, 1)
		c.Handle("back", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			<-ctx.Done()
			handlers <- context.Cause(ctx)
			return nil, nil
		}))
		synctest.Wait()
		s := h.ends[0]
		s.Go(t.Context(), "back", nil)
		for range 2 {
			_, err := s.PublishAsync(t.Context(), "job", nil)
			must(t, err)
		}
		m1, err := c.Receive(t.Context())
		must(t, err)
		m2, err := c.Receive(t.Context())
		must(t, err)
		st, err := c.OpenStream(t.Context())
		must(t, err)
		_, err = st.Write([]byte("x"))
		must(t, err)
		cs, err := c.OpenCall(t.Context(), "stream")
		must(t, err)
		call := c.Go(t.Context(), "wait", nil)
		scoped, err := st.PublishAsync(t.Context(), "t", nil)
		must(t, err)
		synctest.Wait()
		h.stop()
		h.start()

		_, err = call.Wait(short(t))
		oneCode(t, "call", err, Unknown)
		want(t, err, ErrUnknownOutcome, ErrSessionLost)
		err = scoped.Wait(short(t))
		oneCode(t, "publication", err, Unknown)
		want(t, err, ErrUnknownOutcome, ErrSessionLost)
		_, err = cs.Recv(short(t))
		oneCode(t, "CallStream.Recv", err, Unknown)
		want(t, err, ErrUnknownOutcome, ErrSessionLost)
		for name, f := range map[string]func() error{
			"Stream.Read":    func() error { _, err := st.Read(make([]byte, 1)); return err },
			"Stream.Write":   func() error { _, err := st.Write(make([]byte, 1)); return err },
			"End.Read":       func() error { _, err := c.Read(make([]byte, 1)); return err },
			"Ack":            m1.Ack,
			"Nack":           func() error { return m2.Nack(nil) },
			"handler":        func() error { return <-handlers },
			"Stream.Call":    func() error { _, err := st.Call(short(t), "wait", nil); return err },
			"Stream.Publish": func() error { return st.Publish(short(t), "t", nil) },
			"Stream.Receive": func() error { _, err := st.Receive(short(t)); return err },
		} {
			err := f()
			oneCode(t, name, err, Unavailable)
			want(t, err, ErrSessionLost)
			var refused *conn.RefusedError
			if !errors.As(err, &refused) || refused.Code != NotFound {
				t.Errorf("%s: the refusal is not there: %v", name, err)
			}
		}
		if err := m1.gone.Load(); err == nil {
			t.Error("the message does not know of the end")
		} else if text := m1.goneError(*err).Error(); !strings.Contains(text, "the server was restarted and will publish the message again") {
			t.Error(text)
		}
		_, err = c.Call(short(t), "nothing", nil)
		oneCode(t, "call of the fresh session", err, Unimplemented)
		_ = c.Close()
		oneCode(t, "cause", context.Cause(c.Context()), Unavailable)
		want(t, context.Cause(c.Context()), net.ErrClosed)
	})
}

// TestLostForGood: an End whose session is lost and that gets no other is one that is lost, whatever its reason.
func TestLostForGood(t *testing.T) {
	for name, lose := range map[string]func(h *testServer) error{
		"expired": func(h *testServer) error { <-time.After(2 * time.Minute); return nil },
		"dropped": func(h *testServer) error {
			why := errorf(ResourceExhausted, "the suspended sessions hold too much")
			h.sessions.Drop(h.ends[0], why)
			return why
		},
		"superseded": func(h *testServer) error {
			why := &conn.RefusedError{Code: AlreadyExists, Text: "superseded"}
			h.sessions.Drop(h.ends[0], why)
			return why
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, nil)
				c := h.client(nil)
				c.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, nil }))
				synctest.Wait()
				s := h.ends[0]
				st, err := s.OpenStream(t.Context())
				must(t, err)
				call := s.Go(t.Context(), "wait", nil)
				synctest.Wait()
				h.close()
				h.cut()
				synctest.Wait()
				why := lose(h)
				<-s.Context().Done()
				_, err = st.Read(make([]byte, 1))
				_, openErr := s.OpenStream(t.Context())
				for what, err := range map[string]error{"Read": err, "cause": context.Cause(s.Context()), "OpenStream": openErr, "Ping": second(s.Ping(t.Context()))} {
					oneCode(t, what, err, Unavailable)
					want(t, err, ErrSessionLost)
					if why != nil {
						want(t, err, why)
					}
				}
				_, err = call.Wait(t.Context())
				want(t, err, ErrUnknownOutcome, ErrSessionLost)
				oneCode(t, "call", err, Unknown)
			})
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestFreshRefusedCode: a client whose session is lost and that is not let in again gets the code of that refusal, as from
// a refused dial.
func TestFreshRefusedCode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, code := range []Code{Unauthenticated, PermissionDenied} {
			h := newTestServer(t, nil)
			c := h.client(nil)
			st, err := c.OpenStream(t.Context())
			must(t, err)
			synctest.Wait()
			h.turnAway(&conn.RefusedError{Code: code, Text: "you are not known any more"})
			h.stop()
			h.start()
			<-c.Context().Done()
			for name, err := range map[string]error{
				"cause": context.Cause(c.Context()), "OpenStream": second(c.OpenStream(t.Context())), "AcceptStream": second(c.AcceptStream(t.Context())),
			} {
				oneCode(t, name, err, code)
				want(t, err, ErrSessionLost)
				var refused *conn.RefusedError
				if !errors.As(err, &refused) || refused.Code != code {
					t.Errorf("%s: the refusal is not there: %v", name, err)
				}
			}
			for name, err := range map[string]error{
				"Read": second(st.Read(make([]byte, 1))), "Call": second(c.Call(t.Context(), "m", nil)), "Publish": c.Publish(t.Context(), "t", nil), "Ping": second(c.Ping(t.Context())),
			} {
				oneCode(t, name, err, Unavailable)
				want(t, err, ErrSessionLost)
			}
			h.close()
		}
	})
}

// TestGivenUpWhileBroken: a call whose context ends while there is no connection says what is known of it, with the
// context's error and code.
func TestGivenUpWhileBroken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			e.Handle("wait", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { return nil, wait(ctx) }))
			e.HandleStream("stream", func(ctx context.Context, _ *Request, _ *CallStream) error { return wait(ctx) })
			e.Subscribe("t", func(ctx context.Context, _ *Message) error { return wait(ctx) })
			return nil
		}, Limits: Limits{Calls: 4}})
		c := h.client(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		early := make(chan error, 4)
		go func() { _, err := c.Call(ctx, "wait", nil); early <- err }()
		go func() { early <- second(c.Go(ctx, "wait", nil).Wait(t.Context())) }()
		go func() {
			cs, err := c.OpenCall(ctx, "stream")
			must(t, err)
			early <- second(cs.Recv(t.Context()))
		}()
		go func() { early <- c.Publish(ctx, "t", nil) }()
		synctest.Wait()
		h.close()
		h.cut()
		synctest.Wait()
		if c.State() != StateBroken {
			t.Fatal("the End is", c.State())
		}
		for range cap(early) {
			err := <-early
			oneCode(t, "sent before", err, DeadlineExceeded)
			want(t, err, ErrUnknownOutcome, context.DeadlineExceeded)
			if errors.Is(err, ErrNotSent) {
				t.Error("both:", err)
			}
		}
		// Places among Limits.Calls are free only when the peer says so: three are taken.
		late, cancelLate := context.WithTimeout(t.Context(), time.Second)
		defer cancelLate()
		hold := c.Go(late, "wait", nil) // takes the last one
		for name, f := range map[string]func() error{
			"Call":     func() error { return second(c.Call(late, "wait", nil)) },
			"Go":       func() error { return second(c.Go(late, "wait", nil).Wait(t.Context())) },
			"Notify":   func() error { return c.Notify(late, "wait", nil) },
			"OpenCall": func() error { return second(c.OpenCall(late, "stream")) },
		} {
			err := f()
			oneCode(t, name, err, DeadlineExceeded)
			want(t, err, ErrNotSent, context.DeadlineExceeded)
			if errors.Is(err, ErrUnknownOutcome) {
				t.Error("both:", err)
			}
		}
		want(t, second(hold.Wait(t.Context())), ErrUnknownOutcome) // it is in the log, and goes out with the next carrier
	})
}
