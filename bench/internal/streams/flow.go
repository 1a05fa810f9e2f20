package streams

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
)

const (
	kib = 1 << 10
	// bulkWrite is the size of the writes of bulk streams.
	bulkWrite = 32 * kib
)

// flow is a set of streams that are written and read all the time, with the bytes read from each.
type flow struct {
	got    []counter
	failed chan error // the first one
}

// counter is alone on its cache line, so that the readers do not slow each other down by counting.
type counter struct {
	n atomic.Int64
	_ [120]byte
}

// start writes size bytes again and again to each of near and reads what arrives at far.
func start(near, far []Stream, size int) *flow {
	f := &flow{got: make([]counter, len(far)), failed: make(chan error, 1)}
	for i := range far {
		go func() { f.fail(drain(far[i], &f.got[i])) }()
	}
	for i := range near {
		go func() { f.fail(fill(near[i], size)) }()
	}
	return f
}

// fail keeps the first error. The goroutines end with their stream, or with the process.
func (f *flow) fail(err error) {
	select {
	case f.failed <- err:
	default:
	}
}

func (f *flow) err() error {
	select {
	case err := <-f.failed:
		return fmt.Errorf("while measuring: %w", err)
	default:
		return nil
	}
}

func fill(w io.Writer, size int) error {
	buf := make([]byte, size)
	for i := range buf {
		buf[i] = byte(i)
	}
	return repeat(w, buf)
}

// repeat writes buf until that fails.
func repeat(w io.Writer, buf []byte) error {
	for {
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// drain reads with a buffer of 64 KiB.
func drain(r io.Reader, n *counter) error {
	buf := make([]byte, 64*kib)
	for {
		k, err := r.Read(buf)
		n.n.Add(int64(k))
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
}

// counts returns the bytes read from each stream so far.
func (f *flow) counts() []int64 {
	c := make([]int64, len(f.got))
	for i := range c {
		c[i] = f.got[i].n.Load()
	}
	return c
}

// window is what was read from a flow between two moments.
type window struct {
	bytes   float64
	low, hi int64 // the slowest and the fastest stream
	seconds float64
	before  meter.Usage
	after   meter.Usage
}

// measure lets f run for warm and then measures it for d.
func (f *flow) measure(warm, d time.Duration) (w window, err error) {
	time.Sleep(warm)
	was := f.counts()
	w.before = meter.Read()
	time.Sleep(d)
	w.after = meter.Read()
	for i, n := range f.counts() {
		n -= was[i]
		w.bytes += float64(n)
		if i == 0 || n < w.low {
			w.low = n
		}
		w.hi = max(w.hi, n)
	}
	w.seconds = w.before.Seconds(w.after)
	return w, f.err()
}

// bulk is n streams with writes of size bytes on one connection.
func bulk(k carrier.Kind, n, size int) func(*run) error {
	return func(r *run) error {
		c, s, err := r.connect(k)
		if err != nil {
			return err
		}
		near, far, err := r.streams(c, s, n)
		if err != nil {
			return err
		}
		w, err := start(near, far, size).measure(r.Warm, r.Time)
		if err != nil {
			return err
		}
		r.bulk(w, n, size)
		return nil
	}
}

// bulk reports a window of n streams with writes of size bytes.
func (r *run) bulk(w window, n, size int) {
	r.m["mbps"] = w.bytes / 1e6 / w.seconds
	r.m["writes"] = w.bytes / float64(size) / w.seconds
	if w.bytes > 0 {
		r.m["cpu_s_gb"] = w.before.CPUSeconds(w.after) / (w.bytes / 1e9)
	}
	if n > 1 && w.hi > 0 {
		r.m["fair"] = float64(w.low) / float64(w.hi)
	}
	w.before.Costs(w.after, w.bytes/float64(size), r.m)
}

// copied is one stream that io.Copy fills and empties, as for a file push.
func copied(r *run) error {
	near, far, err := r.pair(carrier.TCP)
	if err != nil {
		return err
	}
	f := &flow{got: make([]counter, 1), failed: make(chan error, 1)}
	go func() { // ends with the process
		_, err := io.Copy(countingWriter{&f.got[0]}, far)
		f.fail(fmt.Errorf("read: %w", err))
	}()
	go func() { // ends with the process
		_, err := io.Copy(near, endless{})
		f.fail(fmt.Errorf("write: %w", err))
	}()
	w, err := f.measure(r.Warm, r.Time)
	if err != nil {
		return err
	}
	r.bulk(w, 1, bulkWrite)
	return nil
}

// endless is a source that gives 32 KiB at most at a time, and only through Read, like a disk.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return min(len(p), bulkWrite), nil }

// countingWriter is a sink that only has Write.
type countingWriter struct{ n *counter }

func (w countingWriter) Write(p []byte) (int, error) {
	w.n.n.Add(int64(len(p)))
	return len(p), nil
}
