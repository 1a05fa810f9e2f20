package scenario

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
)

// herd is many clients of one server, and when their connections reach it.
type herd struct {
	ends []*gantline.End

	mu      sync.Mutex        // guards what follows
	watched bool              // what arrives counts
	arrived map[int]time.Time // each client's first
	refused map[int]int       // each client's dials in the meantime
	conns   int
}

// dialer returns the way of client i to the server.
func (h *herd) dialer(i int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		h.mu.Lock()
		defer h.mu.Unlock()
		switch {
		case !h.watched:
		case err != nil:
			h.refused[i]++
		default:
			h.conns++
			if h.arrived[i].IsZero() {
				h.arrived[i] = time.Now()
			}
		}
		return nc, err
	}
}

// spread reports whether each of n clients has known for a while that the server is gone. It was refused twice.
func (h *herd) spread(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range n {
		if h.refused[i] < 2 {
			return false
		}
	}
	return true
}

// peak returns how many clients arrived within any window, and when the last one did.
func (h *herd) peak(window time.Duration) (most int, last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var at []time.Time
	for _, t := range h.arrived {
		at = append(at, t)
	}
	slices.SortFunc(at, time.Time.Compare)
	for i, j := 0, 0; i < len(at); i++ {
		for at[i].Sub(at[j]) >= window {
			j++
		}
		most, last = max(most, i-j+1), at[i]
	}
	return most, last
}

// lateness measures how late this process runs. A client that slept through 200 ms arrives with those of the next 200
// ms. The returned function stops it and says by how much a tick was late at most.
func lateness() (most func() time.Duration) {
	const step = 5 * time.Millisecond
	quit, late := make(chan struct{}), make(chan time.Duration)
	go func() { // ends with most
		worst, last := time.Duration(0), time.Now()
		for {
			select {
			case <-time.After(step):
				now := time.Now()
				worst, last = max(worst, now.Sub(last)-step), now
			case <-quit:
				late <- worst
				return
			}
		}
	}()
	return func() time.Duration {
		close(quit)
		return <-late
	}
}

// TestHerd: 200 clients lose their server to kill -9, and are refused. Once it is back, at most 40 arrive in any 100 ms,
// and all are back in 30 s. Where the machine is late, as many more may arrive as come in that time. TestRedialHerd in
// the root has more outages, in fake time.
func TestHerd(t *testing.T) {
	const clients, most, window = 200, 40, 100 * time.Millisecond
	for _, gone := range herdGone {
		t.Run(gone.String(), func(t *testing.T) {
			dir := t.TempDir()
			srv := start(t, childSpec{Role: "server", Addr: home(), Dir: dir})
			h := &herd{arrived: make(map[int]time.Time), refused: make(map[int]int)}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			for i := range clients {
				e, err := client.Dial(ctx, "tcp", srv.said, client.WithConfig(gantline.Config{Logger: quiet}), client.WithDialFunc(h.dialer(i)))
				if err != nil {
					t.Fatal(err)
				}
				h.ends = append(h.ends, e)
			}
			defer func() {
				var wg sync.WaitGroup
				for _, e := range h.ends {
					wg.Go(func() { e.Close() })
				}
				wg.Wait()
			}()
			h.mu.Lock()
			h.watched = true
			h.mu.Unlock()
			srv.kill()
			killed := time.Now()
			// A busy machine may need longer than that for 200 clients to notice; a client that has not noticed
			// dials at once.
			until(t, 30*time.Second, "all clients were refused", func() bool { return time.Since(killed) >= gone && h.spread(clients) })
			late := lateness()
			start(t, childSpec{Role: "server", Addr: srv.said, Dir: dir})
			began := time.Now()
			for _, e := range h.ends { // each works again
				one, stop := context.WithDeadline(ctx, began.Add(30*time.Second))
				if _, err := e.Call(one, "count", make([]byte, 8)); err != nil {
					t.Errorf("after the restart: %v", err)
				}
				stop()
			}
			n, last := h.peak(window)
			slept := late()
			allowed := int(most * (window + slept) / window)
			t.Logf("at most %d of %d clients arrived in 100 ms, the last after %v; %d connections in all; this process was up to %v late", n, clients,
				last.Sub(began).Round(time.Millisecond), h.conns, slept.Round(time.Millisecond))
			if n > allowed || len(h.arrived) != clients {
				t.Errorf("%d clients in 100 ms, more than %d; %d of %d are back", n, allowed, len(h.arrived), clients)
			}
		})
	}
}
