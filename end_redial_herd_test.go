package gantline

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestRedialHerd: 200 clients lose the same server. However long it is gone, at most 40 of them arrive in any
// 100 ms once it is back, and all are back within 30 s.
func TestRedialHerd(t *testing.T) {
	const clients, most, window, all = 200, 40, 100 * time.Millisecond, 30 * time.Second
	for _, gone := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 1500 * time.Millisecond,
		2500 * time.Millisecond, 11 * time.Second, 2 * time.Minute} {
		t.Run(gone.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestServer(t, nil)
				var mu sync.Mutex
				var arrived []time.Time
				for range clients {
					known := true
					dial := func(ctx context.Context) (net.Conn, error) {
						nc, err := h.dial(ctx)
						mu.Lock()
						defer mu.Unlock()
						if err == nil && !known {
							arrived, known = append(arrived, time.Now()), true
						}
						return nc, err
					}
					nc, err := dial(t.Context())
					must(t, err)
					mu.Lock()
					known = false
					mu.Unlock()
					c, err := Client(t.Context(), nc, quiet(&Config{Redial: dial}))
					must(t, err)
					t.Cleanup(func() { _ = c.Close() })
				}
				<-time.After(time.Minute) // up for a good while
				h.stop()
				<-time.After(gone)
				h.start()
				back := time.Now()
				<-time.After(all)
				mu.Lock()
				defer mu.Unlock()
				slices.SortFunc(arrived, time.Time.Compare)
				peak := 0
				for i, j := 0, 0; i < len(arrived); i++ {
					for arrived[i].Sub(arrived[j]) >= window {
						j++
					}
					peak = max(peak, i-j+1)
				}
				if len(arrived) != clients || peak > most {
					t.Errorf("%d of %d clients are back after %v, at most %d within %v", len(arrived), clients, all, peak, window)
				}
				t.Logf("peak %d, median after %v, last after %v", peak, arrived[len(arrived)/2].Sub(back), arrived[len(arrived)-1].Sub(back))
			})
		})
	}
}
