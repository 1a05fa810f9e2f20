package promise

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// writer returns a contender that writes size bytes to each of ws again and again, all at once.
func writer[W io.Writer](b *testing.B, size int, ws ...W) contender {
	buf := pattern(size, 5)
	return func(d time.Duration) int {
		var n atomic.Int64
		var wg sync.WaitGroup
		start := time.Now()
		for _, w := range ws {
			wg.Go(func() {
				for i := 0; i&15 != 0 || time.Since(start) < d; i++ {
					if _, err := w.Write(buf); err != nil {
						b.Error(err)
						return
					}
					n.Add(1)
				}
			})
		}
		wg.Wait()
		return int(n.Load())
	}
}

// BenchmarkBulk is one stream of 32 KiB writes. Aim: at least 0.6 of raw TCP.
func BenchmarkBulk(b *testing.B) { benchBulk(b, 1) }

// BenchmarkBulk8 is 8 streams of 32 KiB writes against one raw connection.
func BenchmarkBulk8(b *testing.B) { benchBulk(b, 8) }

func benchBulk(b *testing.B, streams int) {
	const size = 32 * kib
	rc, rs := rawPair(b)
	go discard(rs)
	c, s := pair(b, gantline.Config{}, gantline.Config{})
	var ws []*gantline.Stream
	for range streams {
		st, peer := streamPair(b, c, s)
		go discard(peer)
		ws = append(ws, st)
	}
	raw, ours := compare(b, writer(b, size, rc), writer(b, size, ws...))
	reportBytes(b, raw, ours, size)
}

// BenchmarkBulkCopy is a stream that is filled with io.Copy and drained with io.Copy, as for a file push.
func BenchmarkBulkCopy(b *testing.B) {
	const chunk = 32 * kib
	rc, rs := rawPair(b)
	go discard(rs)
	c, s := pair(b, gantline.Config{}, gantline.Config{})
	st, peer := streamPair(b, c, s)
	go func() { _, _ = io.Copy(struct{ io.Writer }{io.Discard}, peer) }() // ends with the stream
	raw, ours := compare(b, writer(b, chunk, rc), func(d time.Duration) int {
		n, err := io.Copy(st, &timedReader{left: chunk, until: time.Now().Add(d)})
		if err != nil {
			b.Error(err)
		}
		return int(n) / chunk
	})
	reportBytes(b, raw, ours, chunk)
}

// timedReader gives bytes until its time is over, and then the rest of a chunk.
type timedReader struct {
	left  int
	until time.Time
}

func (r *timedReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if !time.Now().Before(r.until) {
			return 0, io.EOF
		}
		r.left = 32 * kib
	}
	n := min(len(p), r.left)
	r.left -= n
	return n, nil
}

// BenchmarkSmallWrites is 64-byte writes on 8 streams against the same on one raw connection.
func BenchmarkSmallWrites(b *testing.B) {
	rc, rs := rawPair(b)
	go discard(rs)
	c, s := pair(b, gantline.Config{}, gantline.Config{})
	var ws []*gantline.Stream
	for range 8 {
		st, peer := streamPair(b, c, s)
		go discard(peer)
		ws = append(ws, st)
	}
	_, ours := compare(b, writer(b, 64, rc), writer(b, 64, ws...))
	b.ReportMetric(ours.best(), "writes/s")
}

// latencies collects how long single operations take.
type latencies struct{ all []time.Duration }

// pinger returns a contender that does one operation after the other and records how long each takes.
func pinger(b *testing.B, l *latencies, op func() error) contender {
	return func(d time.Duration) int {
		n := 0
		begin := time.Now()
		for last := begin; last.Sub(begin) < d; n++ {
			if err := op(); err != nil {
				b.Error(err)
				return n
			}
			now := time.Now()
			l.all = append(l.all, now.Sub(last))
			last = now
		}
		return n
	}
}

func (l *latencies) quantile(q float64) float64 {
	slices.Sort(l.all)
	if len(l.all) == 0 {
		return 0
	}
	return float64(l.all[int(q*float64(len(l.all)-1))].Nanoseconds()) / 1e3
}

// reportLatency reports medians, their ratio, and the 99th percentile in microseconds.
func reportLatency(b *testing.B, raw, ours *latencies) {
	b.ReportMetric(ours.quantile(.5), "p50-us")
	b.ReportMetric(ours.quantile(.99), "p99-us")
	b.ReportMetric(raw.quantile(.5), "raw-p50-us")
	b.ReportMetric(ours.quantile(.5)/raw.quantile(.5), "p50-x-raw")
}

// rawPing returns a contender that sends size bytes over raw TCP and waits for them to come back.
func rawPing(b *testing.B, l *latencies, size int) contender {
	rc, rs := rawPair(b)
	go reflect(rs, size)
	return pinger(b, l, roundTripper(rc, size))
}

// roundTripper sends size bytes and waits for as many.
func roundTripper(rw io.ReadWriter, size int) func() error {
	buf := pattern(size, 6)
	return func() error {
		if _, err := rw.Write(buf); err != nil {
			return err
		}
		_, err := io.ReadFull(rw, buf)
		return err
	}
}

// BenchmarkPingPong is 64 bytes to and fro on one stream. Aim: p50 at most twice raw TCP's.
func BenchmarkPingPong(b *testing.B) {
	var raw, ours latencies
	c, s := pair(b, gantline.Config{}, gantline.Config{})
	st, peer := streamPair(b, c, s)
	go reflect(peer, 64)
	compare(b, rawPing(b, &raw, 64), pinger(b, &ours, roundTripper(st, 64)))
	reportLatency(b, &raw, &ours)
}

// BenchmarkPingPongBesideBulk is the same while another stream is full all the time.
func BenchmarkPingPongBesideBulk(b *testing.B) {
	var raw, ours latencies
	c, s := pair(b, gantline.Config{}, gantline.Config{})
	st, peer := streamPair(b, c, s)
	go reflect(peer, 64)
	full, drain := streamPair(b, c, s)
	go discard(drain)
	ping := pinger(b, &ours, roundTripper(st, 64))
	compare(b, rawPing(b, &raw, 64), func(d time.Duration) int {
		done := make(chan int, 1)
		go func() { done <- writer(b, 32*kib, full)(d) }()
		n := ping(d)
		<-done
		return n
	})
	reportLatency(b, &raw, &ours)
}
