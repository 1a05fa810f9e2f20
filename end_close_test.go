package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestShutdownDrains: what runs may finish, nothing new is taken, nothing is lost.
func TestShutdownDrains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		notified := make(chan struct{})
		s.Handle("slow", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
			<-time.After(3 * time.Second)
			return FromContext(ctx).Call(ctx, "echo", req.Body) // a handler may finish what it does
		}))
		s.Handle("slow notify", HandlerFunc(func(context.Context, *Request) ([]byte, error) {
			<-time.After(5 * time.Second)
			close(notified)
			return nil, nil
		}))
		c.Handle("echo", echo)
		slow := c.Go(t.Context(), "slow", []byte("x"))
		must(t, c.Notify(t.Context(), "slow notify", nil))
		st, err := c.OpenStream(t.Context())
		must(t, err)
		_, err = st.Write([]byte("data"))
		must(t, err)
		synctest.Wait()

		start := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		if s.State() != StateDraining {
			t.Errorf("state is %v", s.State())
		}
		_, err = c.Call(t.Context(), "slow", nil)
		want(t, err, Unavailable, ErrNotSent)
		_, err = c.OpenStream(t.Context())
		want(t, err, Unavailable)
		_, err = s.Call(t.Context(), "echo", nil)
		want(t, err, Unavailable)
		_, err = s.OpenStream(t.Context())
		want(t, err, Unavailable)

		peer, err := s.AcceptStream(t.Context()) // what was opened before is served
		must(t, err)
		must(t, st.CloseWrite())
		got, err := io.ReadAll(peer)
		must(t, err)
		must(t, peer.Close())
		if string(got) != "data" {
			t.Errorf("read %q", got)
		}
		body, err := slow.Wait(t.Context())
		must(t, err)
		if string(body) != "x" {
			t.Errorf("answer is %q", body)
		}
		must(t, <-ended)
		<-notified
		if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("took %v", d)
		}
		<-c.Context().Done()
	})
}

// TestShutdownRefusesHere: an End that shuts down begins nothing itself, and what handlers do with their context may be
// finished.
func TestShutdownRefusesHere(t *testing.T) {
	begin := map[string]func(ctx context.Context, e *End) error{
		"Call":         func(ctx context.Context, e *End) error { _, err := e.Call(ctx, "echo", nil); return err },
		"Go":           func(ctx context.Context, e *End) error { _, err := e.Go(ctx, "echo", nil).Wait(ctx); return err },
		"Notify":       func(ctx context.Context, e *End) error { return e.Notify(ctx, "echo", nil) },
		"OpenCall":     func(ctx context.Context, e *End) error { _, err := e.OpenCall(ctx, "echo"); return err },
		"Publish":      func(ctx context.Context, e *End) error { return e.Publish(ctx, "t", nil) },
		"NoAck":        func(ctx context.Context, e *End) error { return e.Publish(ctx, "t", nil, NoAck()) },
		"PublishAsync": func(ctx context.Context, e *End) error { _, err := e.PublishAsync(ctx, "t", nil); return err },
		"async NoAck": func(ctx context.Context, e *End) error {
			_, err := e.PublishAsync(ctx, "t", nil, NoAck())
			return err
		},
	}
	for _, redials := range []bool{false, true} {
		for name, begin := range begin {
			t.Run(fmt.Sprintf("%s/redials=%v", name, redials), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					cfg := &Config{Outbox: newMemoryBox()}
					if redials {
						cfg.Redial = func(context.Context) (net.Conn, error) { return nil, io.EOF }
					}
					c, s := pair(t, cfg, nil)
					s.Handle("echo", echo)
					acker(s)
					finish := make(chan struct{})
					c.Handle("slow", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
						<-finish
						return nil, begin(ctx, c)
					}))
					slow := s.Go(t.Context(), "slow", nil)
					synctest.Wait()
					done := make(chan error, 1)
					go func() { done <- c.Shutdown(t.Context()) }()
					synctest.Wait()
					err := begin(t.Context(), c)
					want(t, err, Unavailable, ErrNotSent)
					if !strings.Contains(err.Error(), "not sent: this end is shutting down") {
						t.Errorf("the error is %q", err)
					}
					close(finish)
					_, err = slow.Wait(t.Context())
					must(t, err)
					must(t, <-done)
				})
			})
		}
	}
}

// TestShutdownGivesUp: the context ends the wait, and the End is closed all the same.
func TestShutdownGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Handle("hang", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		hang := c.Go(t.Context(), "hang", nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, s.Shutdown(ctx), context.DeadlineExceeded)
		_, err := hang.Wait(t.Context())
		want(t, err, ErrUnknownOutcome)
		if s.State() != StateClosed {
			t.Errorf("state is %v", s.State())
		}
	})
}

func TestShutdownOfALostEnd(t *testing.T) {
	c, s, nc := cutPair(t, nil, nil)
	st, err := c.OpenStream(short(t))
	must(t, err)
	_ = st
	nc.Cut()
	<-s.Context().Done()
	err = s.Shutdown(short(t))
	if err != nil && !errors.Is(err, ErrSessionLost) {
		t.Errorf("error is %v", err)
	}
}
