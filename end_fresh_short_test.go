package gantline

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// TestShortLivedCarriers: every carrier dies 20 KiB into one direction, and all gets through still. A frame that
// does not fit the life of a carrier would be sent again for ever.
func TestShortLivedCarriers(t *testing.T) {
	for name, down := range map[string]bool{"up": false, "down": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, &Config{Setup: func(e *End) error {
					e.Handle("echo", echo)
					return nil
				}})
				h.life, h.lifeDown = 20<<10, down
				c := h.client(nil)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				body := make([]byte, 200<<10)
				_, _ = rand.NewChaCha8([32]byte{}).Read(body)
				got, err := c.Call(ctx, "echo", body)
				must(t, err)
				if !bytes.Equal(got, body) {
					t.Error("the echo differs")
				}
			})
		})
	}
}
