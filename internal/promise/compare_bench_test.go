package promise

import (
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// A comparison is a few rounds of raw TCP and of ours in turns, in one process. Only figures of the same
// minutes on the same machine can be compared. The best round of each counts, as the least disturbed one.
const (
	rounds = 5
	round  = 300 * time.Millisecond
)

// A contender does its work for d and returns how many operations that were.
type contender func(d time.Duration) int

// result is the outcome of one contender's rounds.
type result struct {
	rates  []float64 // operations per second of each round
	ops    int
	allocs float64 // objects of all operations, both ends together
	bytes  float64 // of these objects
	cpu    float64 // microseconds of all operations, both ends together
}

func (r *result) best() float64 { return slices.Max(r.rates) }

// compare runs the rounds and reports ours as ns/op, B/op and allocs/op. x-raw is the best rounds' ratio of
// rates. It takes about 3 s, more than a benchmark's default time, so the benchmark's own loop runs once.
func compare(b *testing.B, raw, ours contender) (rawResult, ourResult result) {
	b.Helper()
	raw(round / 10)
	ours(round / 10)
	for b.Loop() {
		for range rounds {
			rawResult.add(raw)
			ourResult.add(ours)
		}
	}
	n := float64(ourResult.ops)
	b.ReportAllocs()
	b.ReportMetric(ourResult.bytes/n, "B/op")
	b.ReportMetric(1e9/ourResult.best(), "ns/op")
	b.ReportMetric(ourResult.allocs/n, "allocs/op")
	b.ReportMetric(ourResult.cpu/n, "cpu-us/op")
	b.ReportMetric(ourResult.best()/rawResult.best(), "x-raw")
	b.ReportMetric((ourResult.cpu/n)/(rawResult.cpu/float64(rawResult.ops)), "cpu-x-raw")
	return rawResult, ourResult
}

// add runs one round.
func (r *result) add(c contender) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	n := c(round)
	took := time.Since(start)
	r.cpu += float64((cpuTime() - cpu).Nanoseconds()) / 1e3
	runtime.ReadMemStats(&after)
	r.rates = append(r.rates, float64(n)/took.Seconds())
	r.ops += n
	r.allocs += float64(after.Mallocs - before.Mallocs)
	r.bytes += float64(after.TotalAlloc - before.TotalAlloc)
}

// reportBytes reports the payload rates of results whose operations carried n bytes of payload each.
func reportBytes(b *testing.B, raw, ours result, n int) {
	b.ReportMetric(ours.best()*float64(n)/1e6, "MB/s")
	b.ReportMetric(raw.best()*float64(n)/1e6, "raw-MB/s")
}

// rawPair returns both ends of a TCP connection on the loopback.
func rawPair(b testing.TB) (c, s net.Conn) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	if c, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if s, err = ln.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Close()
		_ = s.Close()
	})
	return c, s
}

// streamPair returns both ends of a new stream.
func streamPair(b testing.TB, near, far *gantline.End) (st, peer *gantline.Stream) {
	b.Helper()
	st, err := near.OpenStream(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if peer, err = far.AcceptStream(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = st.Close()
		_ = peer.Close()
	})
	return st, peer
}

// discard reads with a buffer of 64 KiB and drops what arrives. It does without io.WriterTo, so that both
// contenders read alike. It ends with the connection.
func discard(r io.Reader) {
	buf := make([]byte, 64*kib)
	for {
		if _, err := r.Read(buf); err != nil {
			return
		}
	}
}

// reflect sends back what arrives, size bytes at a time. It ends with the connection.
func reflect(rw io.ReadWriter, size int) {
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
