package gantline

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFreshHooks: what the hooks tell of a resume, of a fresh session and of the end, in order and once each.
func TestFreshHooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error { e.Handle("m", echo); return nil }})
		var d diary
		setups := 0
		c := h.client(d.hooks(Config{ID: "edge", Setup: func(*End) error { setups++; return nil }}))
		synctest.Wait()
		h.cut()
		<-time.After(time.Second)
		h.stop()
		h.start()
		<-time.After(5 * time.Second)
		synctest.Wait()
		if c.State() != StateUp || c.LocalID() != "edge" || c.Stats().Sessions != 2 || setups != 1 {
			t.Errorf("state %v, id %q, %d sessions, %d setups", c.State(), c.LocalID(), c.Stats().Sessions, setups)
		}
		must(t, c.Close())
		d.check(t, "up", "fresh", "+m", "broken", "up", "resumed", "broken", "-m", "up", "fresh", "+m", "draining", "closed")
	})
}

// TestFreshKeeps: handlers, subscriptions and Context outlive the session; streams and first bytes do not.
func TestFreshKeeps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		got := make(chan string, 4)
		c := h.client(&Config{Setup: func(e *End) error {
			e.Handle("m", echo)
			e.Subscribe("t", func(_ context.Context, m *Message) error { got <- string(m.Body); return nil })
			return nil
		}})
		st, err := c.OpenStream(t.Context(), WithName("old"))
		must(t, err)
		h.stop()
		h.start()
		<-time.After(5 * time.Second)
		synctest.Wait()
		_, err = st.Read(make([]byte, 1))
		want(t, err, ErrSessionLost)
		_, err = c.Write([]byte("x"))
		want(t, err, ErrSessionLost)
		_, err = st.Call(short(t), "m", nil)
		want(t, err, ErrSessionLost, ErrNotSent)
		must(t, c.Context().Err())
		s := h.ends[0]
		_, err = s.Read(make([]byte, 1))
		want(t, err, Unavailable)
		answer, err := s.Call(short(t), "m", []byte("hello"))
		must(t, err)
		must(t, s.Publish(short(t), "t", []byte("news")))
		if string(answer) != "hello" || <-got != "news" {
			t.Error("the End's handlers did not serve the fresh session")
		}
		st, err = c.OpenStream(short(t), WithName("new"))
		must(t, err)
		far, err := s.AcceptStream(short(t))
		must(t, err)
		_, err = st.Write([]byte("bytes"))
		must(t, err)
		must(t, st.CloseWrite())
		if b, err := io.ReadAll(far); err != nil || string(b) != "bytes" {
			t.Errorf("read %q, %v", b, err)
		}
	})
}

// TestFreshHandlers: handlers of the lost session end with it, and its queued messages can still be had.
func TestFreshHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		cause := make(chan error, 2)
		c := h.client(&Config{Setup: func(e *End) error {
			wait := HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return nil, nil
			})
			e.Handle("call", wait)
			e.Handle("notify", wait)
			return nil
		}})
		synctest.Wait()
		s := h.ends[0]
		s.Go(t.Context(), "call", nil)
		must(t, s.Notify(t.Context(), "notify", nil))
		_, err := s.PublishAsync(t.Context(), "topic", []byte("1"))
		must(t, err)
		synctest.Wait()
		h.stop()
		h.start()
		<-time.After(5 * time.Second)
		synctest.Wait()
		want(t, <-cause, ErrSessionLost)
		want(t, <-cause, ErrSessionLost)
		p, err := h.ends[0].PublishAsync(t.Context(), "topic", []byte("2"))
		must(t, err)
		synctest.Wait()
		m, err := c.Receive(short(t))
		must(t, err)
		if string(m.Body) != "1" {
			t.Fatalf("the first message is %q", m.Body)
		}
		want(t, m.Ack(), ErrSessionLost)
		m, err = c.Receive(short(t))
		must(t, err)
		must(t, m.Ack())
		must(t, p.Wait(short(t)))
	})
}

// TestFreshRefused: which refusals of a fresh session end the End.
func TestFreshRefused(t *testing.T) {
	for _, tt := range []struct {
		code Code
		ends bool
	}{{Unauthenticated, true}, {PermissionDenied, true}, {AlreadyExists, false}, {ResourceExhausted, false}, {Internal, false}} {
		t.Run(tt.code.Name(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, &Config{})
				c := h.client(nil)
				h.stop()
				h.start()
				h.turnAway(errorf(tt.code, "not now"))
				call := c.Go(t.Context(), "m", nil)
				<-time.After(40 * time.Second)
				synctest.Wait()
				if ended := c.Context().Err() != nil; ended != tt.ends {
					t.Fatalf("ended: %v", ended)
				}
				if tt.ends {
					want(t, context.Cause(c.Context()), ErrSessionLost, tt.code)
					_, err := call.Result()
					want(t, err, ErrNotSent, ErrSessionLost)
					if c.State() != StateClosed {
						t.Errorf("state is %v", c.State())
					}
					return
				}
				h.turnAway(nil)
				_, err := call.Wait(short(t))
				want(t, err, Unimplemented)
			})
		})
	}
}

// TestFreshClose: Close ends the End in every phase of a lost session, at once where there is nothing to wait for.
func TestFreshClose(t *testing.T) {
	for name, prepare := range map[string]func(h *testServer){
		"up":          func(*testServer) {},
		"broken":      func(h *testServer) { h.mu.Lock(); h.down = true; h.mu.Unlock(); h.cut(); synctest.Wait() },
		"server gone": func(h *testServer) { h.stop(); <-time.After(3 * time.Second) },
		"lost":        func(h *testServer) { h.stop(); <-time.After(2 * time.Minute) },
		"fresh refused": func(h *testServer) {
			h.stop()
			h.start()
			h.turnAway(errorf(AlreadyExists, "no"))
			<-time.After(3 * time.Second)
		},
		"just fresh": func(h *testServer) { h.stop(); h.start(); synctest.Wait() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, nil)
				c := h.client(nil)
				synctest.Wait()
				prepare(h)
				var done atomic.Int32
				for range 3 {
					go c.Go(t.Context(), "m", nil, OnCallDone(func(*PendingCall) { done.Add(1) }))
					go func() {
						_ = c.Publish(t.Context(), "t", nil)
						done.Add(1)
					}()
				}
				synctest.Wait()
				at := time.Now()
				_ = c.Close()
				synctest.Wait()
				if d := time.Since(at); d > 6*time.Second {
					t.Errorf("Close took %v", d)
				}
				if done.Load() != 6 || !errors.Is(context.Cause(c.Context()), net.ErrClosed) && name != "lost" {
					t.Errorf("%d of 6 are done, the cause is %v", done.Load(), context.Cause(c.Context()))
				}
			})
		})
	}
}
