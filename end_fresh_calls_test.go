package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting is a server whose handler counts what it ran of each call.
type counting struct {
	mu  sync.Mutex
	ran map[string]int
}

func (n *counting) config() *Config {
	n.ran = make(map[string]int)
	return &Config{Setup: func(e *End) error {
		e.Handle("count", HandlerFunc(func(ctx context.Context, req *Request) ([]byte, error) {
			n.mu.Lock()
			n.ran[string(req.Body)]++
			n.mu.Unlock()
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
			}
			return req.Body, nil
		}))
		e.HandleStream("stream", func(ctx context.Context, _ *Request, cs *CallStream) error {
			_, err := cs.Recv(ctx)
			return err
		})
		return nil
	}}
}

func (n *counting) of(id string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ran[id]
}

// TestFreshCallsOutcome: the server is killed and begun anew under calls. What is reported of each agrees with
// what the server ran, and none that was made after the broken hook is of unknown outcome.
func TestFreshCallsOutcome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var n counting
		h := newTestServer(t, n.config())
		broken := make(chan struct{}, 16)
		c := h.client(&Config{OnState: func(_ *End, s State) {
			if s == StateBroken {
				broken <- struct{}{}
			}
		}})
		var wg sync.WaitGroup
		var failed, unknown atomic.Int32
		call := func(id string, after bool) {
			var err error
			switch len(id) % 2 {
			case 0:
				_, err = c.Call(t.Context(), "count", []byte(id))
			default:
				_, err = c.Go(t.Context(), "count", []byte(id)).Wait(t.Context())
			}
			ran := n.of(id)
			switch {
			case err == nil && ran == 1:
			case errors.Is(err, ErrUnknownOutcome) && ran <= 1 && !after:
				unknown.Add(1)
			default:
				failed.Add(1)
				t.Errorf("call %s ran %d times: %v", id, ran, err)
			}
		}
		for round := range 5 {
			for i := range 100 {
				id := fmt.Sprintf("%d/%d", round, i)
				wg.Go(func() { call(id, false) })
			}
			if round%2 == 0 {
				synctest.Wait() // they run
			}
			h.stop()
			<-broken
			for i := range 100 {
				id := fmt.Sprintf("after %d/%d", round, i)
				wg.Go(func() { call(id, true) })
			}
			synctest.Wait()
			h.start()
			wg.Wait()
		}
		t.Logf("%d of unknown outcome", unknown.Load())
		if c.Stats().Sessions != 6 {
			t.Errorf("%d sessions", c.Stats().Sessions)
		}
	})
}

// TestFreshCallsPosition: a server that has ended the session says how far it took what the client sent, so calls
// that were written to a dead carrier are made again.
func TestFreshCallsPosition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var n counting
		h := newTestServer(t, n.config())
		c := h.client(nil)
		synctest.Wait()
		h.lossy(true) // what is written from here on arrives nowhere
		p := c.Go(t.Context(), "count", []byte("1"))
		synctest.Wait()
		h.lossy(false)
		h.lose()
		h.open()
		_, err := p.Wait(short(t))
		must(t, err)
		if n.of("1") != 1 || c.Stats().Sessions != 2 {
			t.Errorf("it ran %d times in %d sessions", n.of("1"), c.Stats().Sessions)
		}
	})
}

// TestFreshIdempotent: a call that runs when the server is killed is made again if it may be, and else not.
func TestFreshIdempotent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var n counting
		h := newTestServer(t, n.config())
		c := h.client(nil)
		once := c.Go(t.Context(), "count", []byte("once"))
		again := c.Go(t.Context(), "count", []byte("again"), Idempotent())
		late := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			_, err := c.Call(ctx, "count", []byte("late"), Idempotent())
			late <- err
		}()
		for n.of("once") == 0 || n.of("again") == 0 || n.of("late") == 0 {
			<-time.After(time.Microsecond)
		}
		h.stop()
		want(t, <-late, context.DeadlineExceeded)
		h.start()
		_, err := once.Wait(short(t))
		want(t, err, ErrUnknownOutcome, ErrSessionLost)
		_, err = again.Wait(short(t))
		must(t, err)
		if n.of("once") != 1 || n.of("again") != 2 {
			t.Errorf("ran %d and %d times", n.of("once"), n.of("again"))
		}
	})
}

// TestFreshIdempotentWait: a call that may have run and waits to be made again says so when that wait ends.
func TestFreshIdempotentWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var n counting
		h := newTestServer(t, n.config())
		c := h.client(nil)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		called := make(chan error, 1)
		go func() {
			_, err := c.Call(ctx, "count", []byte("called"), Idempotent())
			called <- err
		}()
		begun := c.Go(ctx, "count", []byte("begun"), Idempotent())
		for n.of("called") == 0 || n.of("begun") == 0 {
			<-time.After(time.Microsecond)
		}
		h.stop() // for longer than the session lives
		_, err := begun.Wait(t.Context())
		for _, err := range []error{<-called, err} {
			want(t, err, ErrUnknownOutcome, context.DeadlineExceeded)
			if errors.Is(err, ErrNotSent) {
				t.Errorf("said not to be sent: %v", err)
			}
		}
	})
}

// TestFreshWaits: without a session calls and opens wait for one; ctx and Close end that wait with ErrNotSent.
func TestFreshWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var n counting
		h := newTestServer(t, n.config())
		c := h.client(nil)
		h.stop()
		<-time.After(2 * time.Minute) // it has expired
		ops := map[string]func(ctx context.Context) error{
			"Call":       func(ctx context.Context) error { _, err := c.Call(ctx, "count", []byte("a")); return err },
			"Go":         func(ctx context.Context) error { _, err := c.Go(ctx, "count", []byte("b")).Result(); return err },
			"Notify":     func(ctx context.Context) error { return c.Notify(ctx, "count", []byte("c")) },
			"OpenCall":   func(ctx context.Context) error { _, err := c.OpenCall(ctx, "stream"); return err },
			"OpenStream": func(ctx context.Context) error { _, err := c.OpenStream(ctx); return err },
			"Publish":    func(ctx context.Context) error { return c.Publish(ctx, "t", nil) },
			"NoAck":      func(ctx context.Context) error { return c.Publish(ctx, "t", nil, NoAck()) },
		}
		for name, op := range ops {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := op(ctx)
			cancel()
			if !errors.Is(err, ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(n.ran) > 0 {
			t.Errorf("ran %v", n.ran)
		}
		done := make(chan error, len(ops))
		for _, op := range ops {
			go func() { done <- op(t.Context()) }()
		}
		synctest.Wait()
		_ = c.Close()
		for range ops {
			want(t, <-done, net.ErrClosed)
		}
	})
}

// TestFreshNotifies: notifies that were not sent go with the next session, in their order.
func TestFreshNotifies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []string
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			e.Handle("n", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
				mu.Lock()
				got = append(got, string(req.Body))
				mu.Unlock()
				return nil, nil
			}))
			return nil
		}})
		c := h.client(nil)
		h.stop()
		var sent []string
		for i := range 20 {
			b := []byte(fmt.Sprint(i))
			must(t, c.Notify(t.Context(), "n", b))
			sent = append(sent, string(b))
			b[0] = 'x'
		}
		h.start()
		<-time.After(5 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if fmt.Sprint(got) != fmt.Sprint(sent) {
			t.Errorf("got %v", got)
		}
	})
}

// TestFreshSendCut: a session that is lost in the middle of a Send is what Send and Recv report, and not that the
// message was cut.
func TestFreshSendCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error {
			e.HandleStream("stuck", func(ctx context.Context, _ *Request, _ *CallStream) error { <-ctx.Done(); return nil })
			return nil
		}})
		c := h.client(nil)
		var all []chan error
		for range 50 {
			cs, err := c.OpenCall(t.Context(), "stuck")
			must(t, err)
			errs := make(chan error, 2)
			all = append(all, errs)
			go func() { errs <- cs.Send(t.Context(), make([]byte, 1<<20)) }()
			go func() {
				_, err := cs.Recv(t.Context())
				errs <- err
			}()
		}
		synctest.Wait()
		h.stop()
		h.start()
		for _, errs := range all {
			want(t, <-errs, ErrUnknownOutcome, ErrSessionLost)
			want(t, <-errs, ErrUnknownOutcome, ErrSessionLost)
		}
	})
}
