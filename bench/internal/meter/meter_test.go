package meter

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseIO(t *testing.T) {
	for in, want := range map[string]int64{
		"rchar: 6976\nwchar: 0\nsyscr: 10\nsyscw: 3\nread_bytes: 4096\n": 13,
		"syscr: 10\n":            -1,
		"syscr: ten\nsyscw: 3\n": -1,
		"":                       -1,
	} {
		if got := parseIO([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

func TestCosts(t *testing.T) {
	now := time.Now()
	before := Usage{At: now, CPU: time.Second, Switches: 5, Calls: 100, Mallocs: 1000, Bytes: 4000}
	after := Usage{At: now.Add(2 * time.Second), CPU: 2 * time.Second, Switches: 25, Calls: 140, Mallocs: 1100, Bytes: 5000}
	m := trial.Metrics{}
	before.Costs(after, 10, m)
	for key, want := range map[string]float64{"cpu_us": 1e5, "switches": 2, "syscalls": 4, "allocs": 10, "alloc_bytes": 100} {
		if m[key] != want {
			t.Errorf("%s: %v, want %v", key, m[key], want)
		}
	}
	if s := before.Seconds(after); s != 2 {
		t.Error(s)
	}
	m = trial.Metrics{}
	after.Calls = -1
	before.Costs(after, 10, m)
	if _, ok := m["syscalls"]; ok {
		t.Error("system calls that nobody counted")
	}
	m = trial.Metrics{}
	if before.Costs(after, 0, m); len(m) != 0 {
		t.Error("costs of no operations:", m)
	}
}

// TestRead: what this process does shows.
func TestRead(t *testing.T) {
	before := Read()
	var kept [][]byte
	for range 100 {
		kept = append(kept, make([]byte, 10_000))
	}
	after := Read()
	if after.Mallocs-before.Mallocs < 100 || after.Bytes-before.Bytes < 100*10_000 || !after.At.After(before.At) {
		t.Errorf("%+v then %+v", before, after)
	}
	if with := Heap(); with < int64(len(kept))*10_000 {
		t.Errorf("a heap of %d B holds 1 MB", with)
	}
	clear(kept)
}

func TestLatencies(t *testing.T) {
	var l Latencies
	if l.Quantile(.5) != 0 || l.Mean() != 0 {
		t.Error("figures of nothing")
	}
	l.Expect(time.Second)
	l.Add(time.Hour)
	l.Reset()
	for i := 100; i > 0; i-- {
		l.Add(time.Duration(i) * time.Microsecond)
	}
	m := trial.Metrics{}
	l.Report(m)
	if l.Len() != 100 || m["p50_us"] != 50 || m["p99_us"] != 99 || m["mean_us"] != 50.5 {
		t.Errorf("%d: %v", l.Len(), m)
	}
	for _, c := range LatencyColumns() {
		if _, ok := m[c.Key]; !ok {
			t.Errorf("a column without a figure: %s", c.Key)
		}
	}
}
