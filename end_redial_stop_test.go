package gantline

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestRedialStops: whatever the redialling goroutine is at when its End is over, it stops within 50 ms. Close gives a
// session that may still be resumed its 5 s, and one that is lost no time.
func TestRedialStops(t *testing.T) {
	stuck := func(ctx context.Context) (net.Conn, error) { // a dial into the void
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	silent := func(t *testing.T) func(context.Context) (net.Conn, error) {
		return func(context.Context) (net.Conn, error) { // a peer that takes the connection and says nothing
			a, b := memnet.Pipe()
			t.Cleanup(func() { b.Close() })
			return a, nil
		}
	}
	tests := []struct {
		name  string
		fresh bool // the session is lost as well
		dial  func(t *testing.T) func(context.Context) (net.Conn, error)
		after time.Duration
	}{
		{"dialling", false, func(*testing.T) func(context.Context) (net.Conn, error) { return stuck }, time.Second},
		{"in backoff", false, nil, 5 * time.Second},
		{"in a long backoff", false, nil, 50 * time.Second},
		{"in the handshake", false, silent, time.Second},
		{"dialling for a fresh session", true, func(*testing.T) func(context.Context) (net.Conn, error) { return stuck }, 2 * time.Minute},
		{"in backoff for a fresh session", true, nil, 2 * time.Minute},
		{"in the handshake of a fresh session", true, silent, 2 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, nil)
				dial := h.dial
				if tt.dial != nil {
					dial = tt.dial(t)
				}
				nc, err := h.dial(t.Context())
				must(t, err)
				c, err := Client(t.Context(), nc, quiet(&Config{Redial: dial}))
				must(t, err)
				h.stop()
				<-time.After(tt.after)
				if c.State() != StateBroken || c.session().Lost() != tt.fresh {
					t.Fatalf("%v, session lost: %v", c.State(), c.session().Lost())
				}
				stopped := make(chan time.Time, 1)
				go func() {
					c.line.Wait() // the goroutine
					stopped <- time.Now()
				}()
				synctest.Wait()
				select {
				case <-stopped:
					t.Fatal("nothing was redialling")
				default:
				}
				began := time.Now()
				over := make(chan time.Time, 1)
				context.AfterFunc(c.Context(), func() { over <- time.Now() })
				_ = c.Close() // a broken End may say what it could not deliver
				closed := time.Now()
				at := <-over
				if d := (<-stopped).Sub(at); d > 50*time.Millisecond {
					t.Errorf("the goroutine stopped %v after the End", d)
				}
				most := 5*time.Second + 50*time.Millisecond
				if tt.fresh {
					most = 50 * time.Millisecond
				}
				if d := closed.Sub(began); d > most {
					t.Errorf("Close took %v", d)
				}
			})
		})
	}
}
