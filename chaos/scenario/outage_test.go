package scenario

import (
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/chaos"
)

// until polls cond every few milliseconds for at most limit.
func until(t testing.TB, limit time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Since(start) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(start)
}

// TestBlackhole: both sides notice within interval + timeout, and continue when the path is back.
func TestBlackhole(t *testing.T) {
	x := newTotals()
	r := newRig(t, 1, time.Second)
	r.load(1)
	r.proxy.Inject(chaos.MustFault("blackhole"))
	start := time.Now()
	for _, s := range []*side{r.client, r.server} {
		until(t, 3*time.Second, s.name+" notices", func() bool { return s.end.State() == gantline.StateBroken })
		t.Logf("%s noticed after %v", s.name, time.Since(start).Round(time.Millisecond))
	}
	r.proxy.Heal()
	until(t, 20*time.Second, "up again", func() bool { return r.client.end.State() == gantline.StateUp })
	t.Logf("up again %v after the way was back", time.Since(start).Round(time.Millisecond))
	for _, s := range []*side{r.client, r.server} {
		s.again()
	}
	r.load(2)
	x.add(r)
	x.log(t, "blackhole")
}

// flapDials is the most dials that one outage may cost. They are the dial at once, the one within 20 ms, one within
// 1.2 s that may find the path just closing, and its own first one again.
const flapDials = 4

// TestFlap: the path is up and down in turn. The dials are bounded, nothing leaks, and soon after the end all is well.
func TestFlap(t *testing.T) {
	r := newRig(t, 1, time.Second)
	r.load(1)
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	before, dialled := r.proxy.Counters(), r.dials.Load()
	if _, err := r.proxy.Inject(chaos.MustFault("flap:100ms/100ms")); err != nil {
		t.Fatal(err)
	}
	flapping, enough := context.WithCancel(t.Context())
	defer enough()
	var caller sync.WaitGroup
	calls, longest := 0, time.Duration(0)
	caller.Go(func() {
		for flapping.Err() == nil {
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			began := time.Now()
			if _, err := r.client.end.Call(ctx, "count", make([]byte, 8)); err != nil {
				t.Errorf("call %d: %v", calls, err)
			}
			longest = max(longest, time.Since(began))
			stop()
			calls++
		}
	})
	flapped := func() int64 { return r.proxy.Counters().Faults[chaos.Flap] - before.Faults[chaos.Flap] }
	start := time.Now()
	until(t, time.Minute, "the way flaps", func() bool { // on a busy machine it does so more slowly
		return time.Since(start) >= flapFor && flapped() >= int64(flapFor/(250*time.Millisecond))
	})
	lasted := time.Since(start)
	enough()
	r.proxy.Heal()
	// The longest pause between two dials is 1.9 s; the rest is for a busy machine.
	healthy := until(t, 4*time.Second, "healthy", func() bool {
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer stop()
		_, err := r.client.end.Ping(ctx)
		return err == nil && r.client.end.State() == gantline.StateUp
	})
	caller.Wait()
	after := r.proxy.Counters()
	dials, outages := r.dials.Load()-dialled, flapped()
	t.Logf("%d outages in %v: %d calls answered, the slowest in %v; %d dials, %d connections; healthy after %v", outages, lasted.Round(time.Millisecond), calls,
		longest.Round(time.Millisecond), dials, after.Connections-before.Connections, healthy.Round(time.Microsecond))
	if limit := flapDials*outages + int64(lasted/(900*time.Millisecond)); dials > limit {
		t.Errorf("%d dials in %d outages, more than %d", dials, outages, limit)
	}
	until(t, 5*time.Second, "goroutines are back", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	until(t, 5*time.Second, "the logs are empty", func() bool {
		return r.client.end.Stats().Link.LogMemory == 0 && r.server.end.Stats().Link.LogMemory == 0
	})
	if n := heapInUse(); n > heap+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", heap, n)
	}
}

// heapInUse is what is left of the heap after a collection.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestUpAgain measures how long a reset interrupts the link.
func TestUpAgain(t *testing.T) {
	r := newRig(t, 1, 0)
	var took []time.Duration
	for range 50 {
		n := r.resumes()
		r.proxy.Cut()
		took = append(took, until(t, 5*time.Second, "resumed", func() bool { return r.resumes() > n && r.client.end.State() == gantline.StateUp }))
		if _, err := r.client.end.Call(t.Context(), "count", make([]byte, 8)); err != nil { // it gets something through
			t.Fatal(err)
		}
	}
	slices.Sort(took)
	t.Logf("up again after a reset: median %v, worst %v", took[len(took)/2], took[len(took)-1])
	if m := took[len(took)/2]; m > 50*time.Millisecond {
		t.Errorf("median %v, want at most 50 ms", m)
	}
}

// TestConnOverCuts: a stream stays a net.Conn over a link that is cut all the time.
func TestConnOverCuts(t *testing.T) {
	for range nettests {
		nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
			r := newRig(t, 1, 0, "rst@every:10ms")
			a, err := r.client.end.OpenStream(t.Context())
			if err != nil {
				return nil, nil, nil, err
			}
			b, err := r.server.end.AcceptStream(t.Context())
			return a, b, r.close, err
		})
	}
}
