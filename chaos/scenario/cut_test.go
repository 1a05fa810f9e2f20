package scenario

import (
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
