package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// TestCloseClosesEnds: every End is closed, accepted or not, and both sides learn it.
func TestCloseClosesEnds(t *testing.T) {
	ln, dial := listenMem(t)
	a := mustDial(t, dial, client.WithoutRedial())
	taken := mustAccept(t, ln)
	b := mustDial(t, dial, client.WithoutRedial())
	eventually(t, "an End waits for AcceptEnd", func() bool { return ln.Stats().Waiting == 1 })
	for range 2 {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, e := range []*gantline.End{a, b, taken} {
		<-e.Context().Done()
		if err := context.Cause(e.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("cause = %v", err)
		}
	}
	if _, err := dial(t.Context()); err == nil {
		t.Error("dialled a closed listener")
	}
}

// TestCloseInCallback: a callback of an End may close the listener, which waits no longer for that End than it would for
// a peer that does not answer.
func TestCloseInCallback(t *testing.T) {
	for _, handler := range []gantline.HandlerOption{nil, gantline.Inline()} {
		synctest.Test(t, func(t *testing.T) {
			ln, dial := listenMem(t)
			c := mustDial(t, dial)
			e := mustAccept(t, ln)
			took := make(chan time.Duration, 1)
			closeIt := func() {
				began := time.Now()
				_ = ln.Close()
				took <- time.Since(began)
			}
			if handler != nil {
				e.Handle("m", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) { closeIt(); return nil, nil }), handler)
				c.Go(t.Context(), "m", nil)
			} else {
				e.Go(t.Context(), "m", nil, gantline.OnCallDone(func(*gantline.PendingCall) { closeIt() }))
			}
			if d := <-took; d > 5500*time.Millisecond {
				t.Errorf("Close took %v", d)
			}
			<-e.Context().Done()
			_ = ln.Close()
		})
	}
}

// TestClosedEndIsDelivered: what a client sent before it hung up can be read.
func TestClosedEndIsDelivered(t *testing.T) {
	ln, dial := listenMem(t)
	c := mustDial(t, dial)
	if _, err := io.WriteString(c, "so long"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(mustAccept(t, ln))
	if string(got) != "so long" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestShutdownDrains: running calls finish, new calls and clients are refused, and then everything is closed.
func TestShutdownDrains(t *testing.T) {
	entered, finish := make(chan struct{}), make(chan struct{})
	ln, dial := listenMem(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
		gantline.Handle(e, "slow", func(ctx context.Context, _ int) (string, error) {
			close(entered)
			<-finish
			return "done", ctx.Err()
		})
		return nil
	}}))
	c, idle := mustDial(t, dial, client.WithoutRedial()), mustDial(t, dial, client.WithoutRedial())
	answer := make(chan error, 1)
	go func() {
		got, err := gantline.Call[string](context.Background(), c, "slow", 1)
		if err == nil && got != "done" {
			err = errors.New(got)
		}
		answer <- err
	}()
	<-entered
	over := make(chan error, 1)
	go func() { over <- ln.Shutdown(context.Background()) }()
	<-idle.Context().Done()
	if _, err := ln.AcceptEnd(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("AcceptEnd = %v", err)
	}
	if _, err := dial(t.Context()); err == nil {
		t.Error("dialled while the listener shuts down")
	}
	select {
	case err := <-over:
		t.Fatalf("Shutdown = %v before the call was done", err)
	default:
	}
	close(finish)
	if err := <-answer; err != nil {
		t.Errorf("running call: %v", err)
	}
	if err := <-over; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	<-c.Context().Done()
}

// TestShutdownContext: a call that does not end does not delay Shutdown for ever.
func TestShutdownContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan struct{})
		ln, dial := listenMem(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
			gantline.Handle(e, "stuck", func(ctx context.Context, _ int) (int, error) {
				close(entered)
				<-ctx.Done()
				return 0, ctx.Err()
			})
			return nil
		}}))
		c := mustDial(t, dial)
		failed := make(chan error, 1)
		go func() {
			_, err := gantline.Call[int](context.Background(), c, "stuck", 1)
			failed <- err
		}()
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := ln.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v", err)
		}
		if d := time.Since(start); d < time.Minute-time.Second || d > time.Minute {
			t.Errorf("Shutdown took %v", d)
		}
		if err := <-failed; err == nil {
			t.Error("the call did not fail")
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseEndsHandshakes: Close does not wait for silent strangers.
func TestCloseEndsHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, mem := listenRaw(t)
		nc := mem.raw(t)
		synctest.Wait()
		start := time.Now()
		for _, f := range []func() error{func() error { return ln.Shutdown(t.Context()) }, ln.Close} {
			if err := f(); err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Error("the stranger is still connected")
		}
	})
}

// TestCloseFromHandler: a handler may close everything.
func TestCloseFromHandler(t *testing.T) {
	var ln *server.Listener
	closed := make(chan error, 1)
	ln, dial := listenMem(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
		gantline.Handle(e, "quit", func(context.Context, int) (int, error) {
			closed <- ln.Close()
			return 0, nil
		})
		return nil
	}}))
	c := mustDial(t, dial, client.WithoutRedial())
	_, _ = gantline.Call[int](t.Context(), c, "quit", 1) // it cannot be answered
	if err := <-closed; err != nil {
		t.Error(err)
	}
	<-c.Context().Done()
}
