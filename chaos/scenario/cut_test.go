package scenario

import (
	"fmt"
	"testing"
	"time"

	"github.com/gantline-project/gantline/chaos"
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
			x := newTotals()
			for seed := range uint64(seeds) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					r := newRig(t, seed, time.Second, fmt.Sprintf(rule, most))
					r.load(seed)
					x.add(r)
				})
				x.progress(t, seeds)
			}
			x.log(t, name)
			if x.resumes == 0 {
				t.Error("nothing was cut")
			}
		})
	}
}

// TestNoFault: the load alone, because cuts can hide problems that only show without them. After it the link is idle and
// can be resumed, and its logs hold no memory.
func TestNoFault(t *testing.T) {
	x := newTotals()
	r := newRig(t, 0, 0)
	r.load(0)
	x.add(r)
	x.log(t, "none")
	for _, s := range []*side{r.client, r.server} {
		if s.end.Stats().Link.BytesOut < streamSize {
			t.Errorf("%s: the load was too small to say anything", s.name)
		}
		until(t, 2*time.Second, s.name+"'s log holds no memory", func() bool {
			st := s.end.Stats().Link
			return st.LogMemory == 0 && st.LogUnacked == 0
		})
	}
	if n := r.resumes(); n != 0 {
		t.Errorf("%d resumes on a good connection", n)
	}
}

// TestTwentyCuts: load until 20 cuts have happened, one every 200 ms, most of them after a resume. That takes 4 seconds,
// and longer where the machine is busy.
func TestTwentyCuts(t *testing.T) {
	x := newTotals()
	r := newRig(t, 1, 0, "rst@every:200ms")
	limit := time.Now().Add(time.Minute)
	for seed := uint64(0); r.proxy.Counters().Faults[chaos.RST] < 20 || r.resumes() < 15; seed++ {
		if time.Now().After(limit) {
			t.Fatalf("%d resumes and %d cuts in a minute of a cut every 200 ms", r.resumes(), r.proxy.Counters().Faults[chaos.RST])
		}
		r.load(seed)
		for _, s := range []*side{r.client, r.server} {
			s.again()
		}
	}
	x.add(r)
	x.log(t, "reset every 200 ms")
}
