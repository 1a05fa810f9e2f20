package promise

import (
	"runtime"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// idleBytes is what an idle stream may take on both sides together. The aim is 1100; the bound allows for size
// classes of the Go version.
const idleBytes = 4096

// TestIdleStreams: streams that do nothing, on one pair of Ends, have no goroutine and take little memory. The
// same holds after each has carried a byte both ways.
func TestIdleStreams(t *testing.T) {
	watchdog(t, time.Minute+idleStreams*time.Millisecond)
	cfg := gantline.Config{Limits: gantline.Limits{Streams: idleStreams}}
	c, s := pair(t, cfg, cfg)
	streams := make([]*gantline.Stream, 0, 2*idleStreams)
	goroutines, heap := runtime.NumGoroutine(), settledHeap()
	report := func(what string) {
		t.Helper()
		more, per := runtime.NumGoroutine()-goroutines, int64(settledHeap()-heap)/idleStreams
		t.Logf("%d streams %s: %d B of heap per pair, %d goroutines more", idleStreams, what, per, more)
		if more > 10 {
			t.Errorf("%d goroutines more", more)
		}
		if per > idleBytes {
			t.Errorf("%d B per pair of stream ends, the bound is %d", per, idleBytes)
		}
	}
	for range idleStreams {
		st, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		peer, err := s.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, st, peer)
	}
	report("opened and accepted")
	var one [1]byte
	for i := 0; i < len(streams); i += 2 {
		for _, way := range [2][2]int{{0, 1}, {1, 0}} {
			if _, err := streams[i+way[0]].Write(one[:]); err != nil {
				t.Fatal(err)
			}
			if _, err := streams[i+way[1]].Read(one[:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	report("after a byte each way")
	start := time.Now()
	for _, st := range streams {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("closed at %.0f streams/s", idleStreams/time.Since(start).Seconds())
	runtime.KeepAlive(streams)
	clear(streams)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.Stats().Open > 0 || s.Stats().Open > 0 {
		<-tick.C
	}
	if left := int64(settledHeap()) - int64(heap); left > 64*idleStreams+4*mib {
		t.Errorf("%.1f MiB are left after all were closed", float64(left)/mib)
	} else {
		t.Logf("%.2f MiB are left after all were closed (tables and the slice of the test)", float64(left)/mib)
	}
}
