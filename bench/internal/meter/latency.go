package meter

import (
	"slices"
	"time"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Latencies collects how long operations took. Only one goroutine may use it at a time.
type Latencies struct{ all []time.Duration }

// Expect makes room for the operations that fit in a time, if each takes a microsecond or more. Collecting them
// then does not allocate during the measurement.
func (l *Latencies) Expect(d time.Duration) {
	l.all = make([]time.Duration, 0, max(1024, min(int(d/time.Microsecond), 4<<20)))
}

// Reset forgets what was collected and keeps the room.
func (l *Latencies) Reset() { l.all = l.all[:0] }

// Add adds one.
func (l *Latencies) Add(d time.Duration) { l.all = append(l.all, d) }

// Len returns how many there are.
func (l *Latencies) Len() int { return len(l.all) }

// Quantile returns the value below which the part q of all lies; 0 if there are none.
func (l *Latencies) Quantile(q float64) time.Duration {
	if len(l.all) == 0 {
		return 0
	}
	slices.Sort(l.all)
	return l.all[int(q*float64(len(l.all)-1))]
}

// Mean returns the average.
func (l *Latencies) Mean() time.Duration {
	if len(l.all) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range l.all {
		sum += d
	}
	return sum / time.Duration(len(l.all))
}

// Report adds median, mean and 99th percentile in microseconds to m.
func (l *Latencies) Report(m trial.Metrics) {
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	m["p50_us"], m["mean_us"], m["p99_us"] = us(l.Quantile(.5)), us(l.Mean()), us(l.Quantile(.99))
}

// LatencyColumns are the columns that Report fills.
func LatencyColumns() []trial.Column {
	return []trial.Column{
		{Key: "p50_us", Title: "p50 us", Ratio: true},
		{Key: "mean_us", Title: "mean us", Ratio: true},
		{Key: "p99_us", Title: "p99 us", Ratio: true},
	}
}
