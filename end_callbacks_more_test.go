package gantline

import (
	"context"
	"testing"
	"time"
)

// TestCallbackOfAnother: what waits for the peer of another End works in a callback, also while that End runs a callback
// of its own.
func TestCallbackOfAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		other, otherPeer := pair(t, nil, nil)
		s.Handle("echo", echo)
		otherPeer.Handle("echo", echo)
		inside, done := make(chan struct{}), make(chan struct{})
		other.Go(t.Context(), "echo", nil, OnCallDone(func(*PendingCall) {
			close(inside)
			<-time.After(time.Second)
		}))
		<-inside
		c.Go(t.Context(), "echo", nil, OnCallDone(func(*PendingCall) {
			defer close(done)
			began := time.Now()
			_, err := other.Call(context.Background(), "echo", nil)
			must(t, err)
			if took := time.Since(began); took != time.Second {
				t.Errorf("it took %v", took)
			}
			_, err = c.Call(context.Background(), "echo", nil)
			want(t, err, FailedPrecondition)
		}))
		<-done
	})
}

// TestElsewhereDuringCallback: a callback that runs keeps nobody else from waiting.
func TestElsewhereDuringCallback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Handle("echo", echo)
		inside := make(chan struct{})
		c.Go(t.Context(), "echo", nil, OnCallDone(func(*PendingCall) {
			close(inside)
			<-time.After(time.Second)
		}))
		<-inside
		began := time.Now()
		_, err := c.Call(t.Context(), "echo", nil)
		must(t, err)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestGoInsideLostSession: a call made in the callback of one that was lost goes with the next session.
func TestGoInsideLostSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			e.Handle("echo", echo)
			e.Handle("hang", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, nil }))
			return nil
		}})
		c := h.client(nil)
		again := make(chan *PendingCall, 1)
		c.Go(t.Context(), "hang", nil, OnCallDone(func(p *PendingCall) {
			_, err := p.Result()
			want(t, err, ErrUnknownOutcome)
			again <- c.Go(context.Background(), "echo", []byte("again"))
		}))
		h.lose()
		h.open()
		body, err := (<-again).Wait(t.Context())
		must(t, err)
		if string(body) != "again" {
			t.Errorf("answer is %q", body)
		}
	})
}

// TestNotifyInsideThenLost: what was sent where nothing can wait may wait when it is sent again.
func TestNotifyInsideThenLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		got := make(chan string, 2)
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			e.Handle("n", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
				<-time.After(time.Second)
				got <- string(req.Body)
				return nil, nil
			}))
			return nil
		}})
		c := h.client(nil)
		h.stop() // what is sent now stays in the log
		c.line.Users.Run(func() {
			for _, body := range []string{"first", "second"} {
				must(t, c.Notify(t.Context(), "n", []byte(body)))
			}
		})
		h.cfg.Limits.Calls = 1 // of the next server
		h.start()
		for _, want := range []string{"first", "second"} {
			select {
			case body := <-got:
				if body != want {
					t.Errorf("%q arrived, want %q", body, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%q did not arrive", want)
			}
		}
	})
}

// TestCloseTwiceInside: a Close in a callback returns while another one waits for that callback.
func TestCloseTwiceInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Handle("echo", echo)
		inside, outside := make(chan time.Duration, 1), make(chan time.Duration, 1)
		c.Go(t.Context(), "echo", nil, OnCallDone(func(*PendingCall) {
			began := time.Now()
			go func() {
				_ = c.Close()
				outside <- time.Since(began)
			}()
			<-time.After(time.Second)
			_ = c.Close()
			inside <- time.Since(began)
		}))
		if took := <-inside; took > 1200*time.Millisecond {
			t.Errorf("inside it took %v", took)
		}
		if took := <-outside; took > 1300*time.Millisecond {
			t.Errorf("outside it took %v", took)
		}
		<-c.Context().Done()
		must(t, c.Close())
	})
}
