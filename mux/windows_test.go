package mux

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// readers opens n streams of the peer's that are emptied as they fill.
func (r *raw) readers(n int) {
	for i := range uint64(n) {
		r.ok(fOpen(1+2*i, 0, frame.Open{}))
		go readAll(r.acc.streams[i])
	}
	synctest.Wait()
}

// use sends every byte that was granted to the streams below the nth, round after round, and returns what each
// got in the last one.
func (r *raw) use(n, rounds int) map[uint64]int {
	var got map[uint64]int
	for range rounds {
		got = map[uint64]int{}
		for _, f := range r.take() {
			if k, err := frame.ParseCredit(f.p); f.h.Type == frame.TypeCredit && err == nil && f.h.ID < uint64(2*n) {
				got[f.h.ID] += int(k)
			}
		}
		for id, k := range got {
			for ; k > 0; k -= 16 << 10 {
				r.ok(fData(id, 0, min(k, 16<<10)))
				synctest.Wait()
			}
		}
	}
	return got
}

// windows returns the least and the greatest window, and the sum of all.
func (r *raw) windows() (least, most, sum int) {
	least = 1 << 40
	for _, st := range r.acc.streams {
		st.rmu.Lock()
		least, most, sum = min(least, st.window), max(most, st.window), sum+st.window
		st.rmu.Unlock()
	}
	return least, most, sum
}

// finish ends the first n streams.
func (r *raw) finish(n int) {
	for i, st := range r.acc.streams[:n] {
		r.ok(fData(uint64(1+2*i), flFin, 0))
		st.Close()
	}
	synctest.Wait()
}

// TestWindowsAreShared: streams that are too many for the budget come to have the same windows, whichever were
// first, and all that the budget bounds them to; those that stay grow again when the others end.
func TestWindowsAreShared(t *testing.T) {
	for _, c := range []struct{ streams, window int }{{10, 256 << 10}, {100, 128 << 10}, {200, 64 << 10}, {1000, 16 << 10}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRaw(t, nil)
			r.readers(c.streams)
			if _, _, sum := r.windows(); sum > DefaultStreamBudget+c.streams*minWindow {
				t.Errorf("%d streams begin with windows of %d altogether", c.streams, sum)
			}
			r.use(c.streams, 12)
			least, most, sum := r.windows()
			if least < c.window || most >= 3*c.window/2 || sum > DefaultStreamBudget {
				t.Errorf("%d streams have windows of %d to %d, %d altogether; want %d", c.streams, least, most, sum, c.window)
			}
			r.finish(c.streams - 1)
			st := r.acc.streams[c.streams-1]
			for range 3 {
				r.use(c.streams, 1)
			}
			if st.window != DefaultWindow {
				t.Errorf("the last one has a window of %d", st.window)
			}
			r.ok(fData(st.ID(), flFin, 0))
			st.Close()
			r.take()
			checkRaw(t, r)
		})
	}
}

// TestIdleWindows: streams that are read but never written to do not use the budget up: others get what they need.
func TestIdleWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		const idle = 70
		r.readers(idle)
		r.take()
		id := uint64(1 + 2*idle)
		r.ok(fOpen(id, 0, frame.Open{}))
		st := r.acc.streams[idle]
		go readAll(st)
		synctest.Wait()
		n := r.use(idle+1, 1)[id]
		if st.window != 128<<10 {
			t.Errorf("the stream that is used has a window of %d, first of %d", st.window, n)
		}
		r.finish(idle + 1)
		r.take()
		checkRaw(t, r)
	})
}

// TestGrownWindows: a window that grew leaves some of the budget to first windows, and gives back what it has
// not granted when that is used up.
func TestGrownWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reading(t, nil)
		st := r.acc.streams[0]
		for range 10 {
			r.use(1, 1)
			r.blockedAfter(100 * time.Millisecond)
		}
		if want := DefaultStreamBudget * 15 / 16; st.window != want {
			t.Fatalf("it grew to %d, want %d", st.window, want)
		}
		const others = 8
		for i := range uint64(others) {
			r.ok(fOpen(3+2*i, 0, frame.Open{}))
			go readAll(r.acc.streams[1+i])
		}
		synctest.Wait()
		if least, _, _ := r.windows(); least < 32<<10 {
			t.Errorf("one of the others begins with %d", least)
		}
		r.use(1+others, 12)
		if least, most, sum := r.windows(); least != DefaultWindow || most < DefaultStreamBudget/2 || sum > DefaultStreamBudget {
			t.Errorf("windows of %d to %d, %d altogether", least, most, sum)
		}
		r.finish(1 + others)
		r.take()
		checkRaw(t, r)
	})
}

// TestWindowBudget: when the budget is spent streams get the least window, and none grows.
func TestWindowBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reading(t, func(c *Config) { c.StreamBudget = 256 << 10 })
		r.want("CREDIT 1 32768")
		r.send(32 << 10)
		r.want("CREDIT 1 262144") // it is used, and the only one
		r.ok(fOpen(3, 0, frame.Open{}))
		go readAll(r.acc.streams[1])
		synctest.Wait()
		r.want("CREDIT 3 16384")
		r.send(120 << 10)
		r.blockedAfter(time.Millisecond)
		r.send(120 << 10)
		r.blockedAfter(time.Millisecond)
		if w := r.acc.streams[0].window; w > 256<<10 {
			t.Errorf("the window grew to %d beyond the budget", w)
		}
		r.finish(2)
		r.take()
		checkRaw(t, r)
	})
}
