package promise

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// heapObjects returns the size of the objects on the heap, including those not collected yet.
func heapObjects() uint64 {
	sample := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}

// settledHeap returns the same after everything that can be freed was freed.
func settledHeap() uint64 {
	runtime.GC() // twice: pools release their objects in two steps
	runtime.GC()
	return heapObjects()
}

// heapWatch samples the heap until it is stopped.
type heapWatch struct {
	base uint64
	quit chan struct{}
	peak chan uint64
}

// watchHeap starts the samples. Its goroutine ends with growth.
func watchHeap() *heapWatch {
	h := &heapWatch{base: settledHeap(), quit: make(chan struct{}), peak: make(chan uint64)}
	go func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		peak := uint64(0)
		for {
			peak = max(peak, heapObjects())
			select {
			case <-tick.C:
			case <-h.quit:
				h.peak <- peak
				return
			}
		}
	}()
	return h
}

// growth stops the samples and returns how far the largest was above the heap at the start.
func (h *heapWatch) growth() uint64 {
	close(h.quit)
	peak := <-h.peak
	return peak - min(peak, h.base)
}

// mb is n bytes in MiB, for printing.
func mb(n uint64) float64 { return float64(n) / mib }
