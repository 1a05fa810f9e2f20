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

// TestEndedSent: what the peer may have seen is not ErrNotSent, whoever asks for its outcome, and when. The application's
// reason for Abort says nothing about it.
func TestEndedSent(t *testing.T) {
	tests := map[string]func(e *End){
		"Close":           func(e *End) { _ = e.Close() },
		"Abort":           func(e *End) { e.Abort(nil) },
		"Abort, not sent": func(e *End) { e.Abort(fmt.Errorf("backend: %w", ErrNotSent)) },
		"Abort, EOF":      func(e *End) { e.Abort(io.EOF) },
		"Abort, canceled": func(e *End) { e.Abort(context.Canceled) },
		"Abort, lost":     func(e *End) { e.Abort(ErrSessionLost) },
		"Abort, kept":     func(e *End) { e.Abort(errors.Join(ErrKept, NotFound)) },
		"Shutdown, cut short": func(e *End) {
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			_ = e.Shutdown(ended)
		},
		"the peer's CloseWith": nil,
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, &Config{Setup: func(e *End) error {
					e.Handle("never", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, nil }))
					e.HandleStream("stream", func(ctx context.Context, _ *Request, _ *CallStream) error { <-ctx.Done(); return nil })
					return nil
				}})
				blocked := make(chan error, 1)
				go func() { _, err := c.Call(context.Background(), "never", nil); blocked <- err }()
				pending := c.Go(context.Background(), "never", nil)
				cs, err := c.OpenCall(context.Background(), "stream")
				must(t, err)
				st, err := c.OpenStream(t.Context())
				must(t, err)
				synctest.Wait()
				if end == nil {
					_ = s.CloseWith(errorf(NotFound, "moved"))
				} else {
					end(c)
				}
				outcomes := map[string]error{"Call": <-blocked}
				_, outcomes["Wait"] = pending.Wait(t.Context())
				_, outcomes["Recv"] = cs.Recv(t.Context())
				outcomes["Send"] = cs.Send(t.Context(), nil)
				for what, err := range outcomes {
					if err == nil || errors.Is(err, ErrNotSent) || errors.Is(err, ErrKept) || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnknownOutcome) && what != "Send" {
						t.Errorf("%s: %v", what, err)
					}
				}
				if _, err := st.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) || errors.Is(err, ErrNotSent) {
					t.Errorf("Read: %v", err)
				}
			})
		})
	}
}

// TestShutdownOwnStream: Shutdown does not make the End's own stream look complete while somebody writes on it.
func TestShutdownOwnStream(t *testing.T) {
	for _, byClient := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			c, s := pair(t, nil, nil)
			w, r := s, c
			if byClient {
				w, r = c, s
			}
			written := make(chan error, 1)
			go func() { _, err := w.Write(make([]byte, 10<<20)); written <- err }()
			synctest.Wait()
			must(t, w.Shutdown(t.Context()))
			n, err := io.Copy(io.Discard, r)
			if err == nil || n >= 10<<20 {
				t.Errorf("the reader has %d bytes and %v", n, err)
			}
			if <-written == nil {
				t.Error("the writer knows nothing")
			}
		})
	}
}
