package gantline

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestAbort: an End is over at once in every state, and whatever is under way learns what is known of it.
func TestAbort(t *testing.T) {
	reason := errors.New("enough")
	tests := []struct {
		name string
		to   func(h *testServer, c *End) // brings c into the state
		sent error                       // the outcome of a call made before that
		then error                       // of one made in the state
	}{
		{"up", func(*testServer, *End) {}, ErrUnknownOutcome, ErrUnknownOutcome},
		{"broken", func(h *testServer, _ *End) { h.close(); h.cut() }, ErrUnknownOutcome, ErrNotSent},
		{"lost", func(h *testServer, _ *End) { h.stop(); <-time.After(2 * time.Minute) }, ErrUnknownOutcome, ErrNotSent},
		{"moved", func(h *testServer, _ *End) { go h.ends[0].Shutdown(context.Background()) }, ErrUnknownOutcome, ErrUnknownOutcome},
		{"draining", func(_ *testServer, c *End) { go c.Shutdown(context.Background()) }, ErrUnknownOutcome, Unavailable},
		{"closing", func(h *testServer, c *End) { h.close(); h.cut(); synctest.Wait(); go c.Close() }, ErrUnknownOutcome, ErrNotSent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, &Config{Setup: func(e *End) error {
					e.Handle("never", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, nil }))
					return nil
				}})
				c := h.client(nil)
				sent, then := make(chan error, 1), make(chan error, 1)
				go func() { _, err := c.Call(context.Background(), "never", nil); sent <- err }()
				synctest.Wait()
				st, err := c.OpenStream(t.Context())
				must(t, err)
				tt.to(h, c)
				synctest.Wait()
				go func() { _, err := c.Call(context.Background(), "never", nil); then <- err }()
				synctest.Wait()
				began := time.Now()
				for range 2 {
					c.Abort(reason)
				}
				<-c.Context().Done()
				want(t, <-sent, tt.sent)
				want(t, <-then, tt.then)
				if _, err := st.Read(make([]byte, 1)); err == nil {
					t.Error("a stream goes on")
				}
				cause := context.Cause(c.Context())
				want(t, cause, net.ErrClosed)
				if tt.name != "closing" {
					want(t, cause, reason)
				}
				_ = c.Close()
				if took := time.Since(began); took > 0 {
					t.Errorf("it took %v", took)
				}
				if c.State() != StateClosed {
					t.Errorf("it is %v", c.State())
				}
				_, err = c.Call(t.Context(), "never", nil)
				want(t, err, ErrNotSent)
			})
		})
	}
}
