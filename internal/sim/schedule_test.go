package sim

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

var (
	firstSeed = flag.Uint64("seed", 0, "the first schedule that TestSchedules plays")
	schedules = flag.Int("schedules", 0, "how many schedules it plays; 0 = 3000, 300 with -race or -short")
)

// TestSchedules plays schedules. The package comment says what a seed fixes.
func TestSchedules(t *testing.T) {
	n := *schedules
	if n == 0 {
		n = 3000
		if raced || testing.Short() {
			n = 300
		}
	}
	var mu sync.Mutex
	all := make(map[string]int)
	t.Run("all", func(t *testing.T) {
		for seed := *firstSeed; seed < *firstSeed+uint64(n); seed++ {
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				t.Parallel()
				p := newPlan(seed)
				n := playOne(t, p)
				mu.Lock()
				defer mu.Unlock()
				all[p.kind]++
				for what, times := range n {
					all[what] += times
				}
			})
		}
	})
	t.Logf("%d schedules: %v", n, all)
}

// playOne plays a schedule and says what happened in it.
func playOne(t *testing.T, p *plan) map[string]int {
	w := &world{t: t, p: p}
	defer func() {
		hung := recover()
		if hung != nil {
			t.Errorf("%v", hung)
		}
		if t.Failed() {
			w.mu.Lock()
			defer w.mu.Unlock()
			t.Logf("schedule %d (%s), latency %v, %d faulty connections. Play it again with\n\tgo test ./internal/sim -run TestSchedules -seed %d -schedules 1\n%s",
				p.seed, p.kind, p.latency, p.faulty, p.seed, strings.Join(w.trace, "\n"))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w.t = t
		w.play()
	})
	return w.count()
}
