package streams

import (
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/meter"
)

// pingSize is the payload of a ping.
const pingSize = 64

// ping is round trips on one stream beside n bulk streams of the same connection.
func ping(k carrier.Kind, n int) func(*run) error {
	return func(r *run) error {
		c, s, err := r.connect(k)
		if err != nil {
			return err
		}
		rw, far, err := r.stream(c, s)
		if err != nil {
			return err
		}
		go load.Mirror(far, pingSize) // ends with the process
		near, fars, err := r.streams(c, s, n)
		if err != nil {
			return err
		}
		f := start(near, fars, bulkWrite)
		var l meter.Latencies
		l.Expect(r.Warm + r.Time)
		if err := load.Volley(rw, pingSize, r.Warm, &l); err != nil {
			return err
		}
		l.Reset()
		was := f.counts()
		before := meter.Read()
		if err := load.Volley(rw, pingSize, r.Time, &l); err != nil {
			return err
		}
		after := meter.Read()
		l.Report(r.m)
		if n == 0 {
			before.Costs(after, float64(l.Len()), r.m)
			return nil
		}
		var bytes int64
		for i, b := range f.counts() {
			bytes += b - was[i]
		}
		r.m["mbps"] = float64(bytes) / 1e6 / before.Seconds(after)
		return f.err()
	}
}
