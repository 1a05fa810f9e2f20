package gantline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestOpenTimeoutAway: Limits.OpenTimeout is for a peer that could accept, and does not run while there is no connection
// or nothing comes through.
func TestOpenTimeoutAway(t *testing.T) {
	for _, tt := range []struct {
		name string
		away func(h *testServer) (back func())
	}{
		{"connected", nil},
		{"torn", func(h *testServer) func() {
			h.close()
			h.cut()
			return h.open
		}},
		{"silent", func(h *testServer) func() {
			h.close()
			h.lossy(true)
			return func() { h.lossy(false); h.open() }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, &Config{Limits: Limits{AcceptBacklog: 1}, Setup: func(e *End) error {
					time.AfterFunc(50*time.Second, func() { _, _ = e.AcceptStream(context.Background()) })
					return nil
				}})
				c := h.client(nil)
				_, err := c.OpenStream(t.Context())
				must(t, err)
				synctest.Wait()
				if tt.away != nil {
					time.AfterFunc(45*time.Second, tt.away(h))
				}
				began := time.Now()
				_, err = c.OpenStream(t.Context())
				took := time.Since(began)
				if tt.away == nil {
					want(t, err, ResourceExhausted)
					if took != 10*time.Second {
						t.Errorf("it took %v", took)
					}
					return
				}
				must(t, err)
				if took < 45*time.Second || took > 90*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestOpenCallWaits: OpenTimeout does not bound the wait for Limits.Calls.
func TestOpenCallWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Calls: 1}})
		s.HandleStream("m", func(ctx context.Context, _ *Request, _ *CallStream) error {
			<-ctx.Done()
			return nil
		})
		cs, err := c.OpenCall(t.Context(), "m")
		must(t, err)
		time.AfterFunc(time.Minute, cs.Cancel)
		began := time.Now()
		second, err := c.OpenCall(t.Context(), "m")
		must(t, err)
		second.Cancel()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("waited for %v", took)
		}
	})
}
