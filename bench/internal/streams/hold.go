package streams

import (
	"runtime"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
)

// idle is the cost of streams that do nothing: opened and accepted on one connection.
func idle(r *run) error {
	const n = 1000
	c, s, err := r.connect(carrier.TCP)
	if err != nil {
		return err
	}
	if _, _, err := r.streams(c, s, 10); err != nil { // tables and pools are there
		return err
	}
	time.Sleep(r.Warm)
	heap, goroutines := meter.Heap(), runtime.NumGoroutine()
	near, far, err := r.streams(c, s, n)
	if err != nil {
		return err
	}
	time.Sleep(r.Warm) // the goroutine that opens them is done
	r.m["heap"] = float64(meter.Heap()-heap) / n
	r.m["goroutines"] = float64(runtime.NumGoroutine()-goroutines) / n
	runtime.KeepAlive(near)
	runtime.KeepAlive(far)
	return nil
}

// stuck is a stream in use beside 100 that nobody reads and that are written until they block.
func stuck(r *run) error {
	const n = 100
	c, s, err := r.connect(carrier.TCP)
	if err != nil {
		return err
	}
	near, far, err := r.streams(c, s, 1)
	if err != nil {
		return err
	}
	f := start(near, far, bulkWrite)
	alone, err := f.measure(r.Warm, r.Time)
	if err != nil {
		return err
	}
	if near, far, err = r.streams(c, s, n); err != nil {
		return err
	}
	buf := make([]byte, bulkWrite) // one for all: the writers' own memory is not to be measured
	heap := meter.Heap()
	for _, w := range near {
		go func() { _ = repeat(w, buf) }() // ends with the process
	}
	time.Sleep(r.Time) // until they are stuck
	beside, err := f.measure(r.Warm, r.Time)
	if err != nil {
		return err
	}
	r.m["heap"] = float64(meter.Heap()-heap) / (1 << 20)
	r.m["mbps"] = beside.bytes / 1e6 / beside.seconds
	if alone.bytes > 0 {
		r.m["kept"] = r.m["mbps"] / (alone.bytes / 1e6 / alone.seconds)
	}
	runtime.KeepAlive(far)
	return nil
}
