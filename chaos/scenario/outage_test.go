package scenario

import (
	"context"
	"net"
	"runtime"
	"slices"
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

// TestBlackhole: both sides notice within interval + timeout, and carry on when the way is back.
func TestBlackhole(t *testing.T) {
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
		s.ran, s.last, s.count = make(map[uint64]int), 0, 0
	}
	r.load(2)
}

// TestFlap: the way is up and down in turn; what is dialled is bounded, nothing leaks, and soon after the end all is well.
func TestFlap(t *testing.T) {
	r := newRig(t, 1, time.Second)
	r.load(1)
	goroutines := runtime.NumGoroutine()
	before := r.proxy.Counters()
	r.proxy.Inject(chaos.MustFault("flap:100ms/100ms"))
	ctx, cancel := context.WithTimeout(t.Context(), flapFor)
	defer cancel()
	calls, longest := 0, time.Duration(0)
	for ctx.Err() == nil {
		one, stop := context.WithTimeout(t.Context(), 30*time.Second)
		began := time.Now()
		if _, err := r.client.end.Call(one, "count", make([]byte, 8)); err != nil {
			t.Fatalf("call %d: %v", calls, err)
		}
		longest = max(longest, time.Since(began))
		stop()
		calls++
	}
	r.proxy.Heal()
	healthy := until(t, 2*time.Second, "healthy", func() bool {
		_, err := r.client.end.Ping(t.Context())
		return err == nil && r.client.end.State() == gantline.StateUp
	})
	after := r.proxy.Counters()
	dials := after.Connections - before.Connections
	t.Logf("%d calls answered, the slowest in %v; %d connections in %v, healthy after %v", calls, longest, dials, flapFor, healthy)
	if limit := int64(flapFor / (10 * time.Millisecond)); dials > limit {
		t.Errorf("%d connections, more than %d", dials, limit)
	}
	until(t, 5*time.Second, "goroutines are back", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	if n := r.client.end.Stats().Link.LogMemory; n != 0 {
		until(t, time.Second, "log is empty", func() bool { return r.client.end.Stats().Link.LogMemory == 0 })
	}
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
