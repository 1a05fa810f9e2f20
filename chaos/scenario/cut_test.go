package scenario

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestFaults: resets, ends and half ends at random offsets, under load.
func TestFaults(t *testing.T) {
	faults := map[string]string{
		"reset":     "rst@both.every:128K-%d",
		"fin":       "fin@both.every:128K-%d",
		"half up":   "half.up@both.every:128K-%d",
		"half down": "half.down@both.every:128K-%d",
	}
	const most = 3 * streamSize // several cuts in each run
	for name, rule := range faults {
		t.Run(name, func(t *testing.T) {
			resumes := uint64(0)
			for seed := range uint64(seeds) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					r := newRig(t, seed, time.Second, fmt.Sprintf(rule, most))
					r.load(seed)
					resumes += r.resumes()
				})
			}
			t.Logf("%d resumes over %d seeds", resumes, seeds)
			if resumes == 0 {
				t.Error("nothing was cut")
			}
		})
	}
}

// TestNoFault: the load alone, because cuts can hide what only their absence shows.
func TestNoFault(t *testing.T) {
	r := newRig(t, 0, 0)
	r.load(0)
	if n := r.resumes(); n != 0 {
		t.Errorf("%d resumes on a good connection", n)
	}
}

// TestTwentyCuts: 20 cuts in 4 seconds.
func TestTwentyCuts(t *testing.T) {
	r := newRig(t, 1, 0, "rst@every:200ms")
	end := time.Now().Add(4 * time.Second)
	for seed := uint64(0); time.Now().Before(end); seed++ {
		r.load(seed)
		for _, s := range []*side{r.client, r.server} {
			s.mu.Lock()
			s.ran, s.last, s.count = make(map[uint64]int), 0, 0
			s.mu.Unlock()
		}
	}
	t.Logf("%d resumes", r.resumes())
	if r.resumes() < 15 {
		t.Errorf("%d resumes in 4 s of a cut every 200 ms", r.resumes())
	}
}

// TestEveryByte resets one connection after each number of its first bytes, handshake included, and the next
// one too: the client ends up connected and a call and a message get through.
func TestEveryByte(t *testing.T) {
	for _, way := range []string{"up", "down"} {
		t.Run(way, func(t *testing.T) {
			for n := 1; n <= 2000; n += byteStep {
				r := newRig(t, uint64(n), time.Second, fmt.Sprintf("rst@%s:%d#1-3", way, n))
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				for i := range uint64(5) {
					if got, err := r.client.end.Call(ctx, "count", make([]byte, 8)); err != nil || len(got) != 8 {
						t.Fatalf("byte %d: call %d: %v", n, i, err)
					}
					if err := r.server.end.Publish(ctx, "number", []byte{0, 0, 0, 0, 0, 0, 0, byte(i + 1)}); err != nil {
						t.Fatalf("byte %d: message %d: %v", n, i, err)
					}
				}
				cancel()
				if len(r.client.wrong) > 0 || r.client.count != 5 || r.server.ran[0] != 5 {
					t.Fatalf("byte %d: %v, %d messages, %d calls", n, r.client.wrong, r.client.count, r.server.ran[0])
				}
				r.close()
			}
		})
	}
}
