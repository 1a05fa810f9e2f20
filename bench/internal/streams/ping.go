package streams

import (
	"io"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
)

// pingSize is the payload of a ping.
const pingSize = 64

// mirror sends back what comes, size bytes at a time. It ends with its stream.
func mirror(rw io.ReadWriter, size int) {
	buf := make([]byte, size)
	for {
		if _, err := io.ReadFull(rw, buf); err != nil {
			return
		}
		if _, err := rw.Write(buf); err != nil {
			return
		}
	}
}

// volley sends size bytes to a mirror and waits for them, again and again for d.
func volley(rw io.ReadWriter, size int, d time.Duration, l *meter.Latencies) error {
	buf := make([]byte, size)
	begin := time.Now()
	for last := begin; last.Sub(begin) < d; {
		if _, err := rw.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(rw, buf); err != nil {
			return err
		}
		now := time.Now()
		l.Add(now.Sub(last))
		last = now
	}
	return nil
}

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
		go mirror(far, pingSize) // ends with the process
		near, fars, err := r.streams(c, s, n)
		if err != nil {
			return err
		}
		f := start(near, fars, bulkWrite)
		var l meter.Latencies
		l.Expect(r.Warm + r.Time)
		if err := volley(rw, pingSize, r.Warm, &l); err != nil {
			return err
		}
		l.Reset()
		was := f.counts()
		before := meter.Read()
		if err := volley(rw, pingSize, r.Time, &l); err != nil {
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
