package gantline

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestFreshExpired: both sides have given the session up when the way is open again.
func TestFreshExpired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		var d diary
		cfg := d.hooks(Config{})
		cfg.OnPeerMethod = nil
		c := h.client(cfg)
		p, err := c.PublishAsync(t.Context(), "t", []byte("1"))
		must(t, err)
		first := b.take()
		h.close()
		h.cut()
		<-time.After(2 * time.Minute)
		if c.State() != StateBroken {
			t.Errorf("state is %v without a session", c.State())
		}
		b.acks(true)
		h.open()
		must(t, p.Wait(t.Context())) // redials are up to 30 s apart by now
		if again := b.take(); len(first) != 1 || len(again) != 1 || again[0].ID != first[0].ID || !again[0].Redelivered {
			t.Errorf("%d and %d copies came", len(first), len(again))
		}
		d.check(t, "up", "fresh", "broken", "up", "fresh")
	})
}

// TestFreshShutdown: Shutdown waits for what waits for a session, and the drain lasts over it.
func TestFreshShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var b mailbox
		h := newTestServer(t, b.config(Config{}))
		var d diary
		cfg := d.hooks(Config{})
		cfg.OnPeerMethod = nil
		c := h.client(cfg)
		p, err := c.PublishAsync(t.Context(), "t", []byte("1"))
		must(t, err)
		b.take()
		h.stop()
		done := make(chan error, 1)
		go func() { done <- c.Shutdown(t.Context()) }()
		<-time.After(5 * time.Second)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Shutdown returned %v", err)
		default:
		}
		b.acks(true)
		h.start()
		must(t, p.Wait(short(t)))
		must(t, <-done)
		d.check(t, "up", "fresh", "broken", "draining", "fresh", "closed")
	})
}

// TestFreshPing: a ping whose session is lost is asked again in the next one, unless its context or the End ends.
func TestFreshPing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		c := h.client(nil)
		h.stop()
		done := make(chan error, 3)
		ctx, cancel := context.WithCancel(t.Context())
		ping := func(ctx context.Context) {
			_, err := c.Ping(ctx)
			done <- err
		}
		go ping(t.Context())
		synctest.Wait()
		h.start()
		must(t, <-done)
		h.lossy(true)
		go ping(t.Context()) // is under way
		synctest.Wait()
		h.stop()
		h.lossy(false)
		h.start()
		must(t, <-done)
		h.lose()
		<-time.After(2 * time.Minute) // the session is gone
		go ping(ctx)
		synctest.Wait()
		cancel()
		want(t, <-done, context.Canceled)
		go ping(t.Context())
		synctest.Wait()
		_ = c.Close()
		want(t, <-done, net.ErrClosed)
	})
}
