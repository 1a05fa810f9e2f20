// Package load is the work that several tables share: round trips, and operations by many at once.
//
// # Usage
//
//	go load.Mirror(far, 64)
//	err := load.Volley(near, 64, time.Second, &latencies)
//	ops, err := load.Together(ctx, 64, op, warm, d, metrics)
//
// # Concurrency
//
// Calls are independent of each other.
//
// # Errors
//
// The first error of an operation ends the work.
package load

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Mirror sends back what arrives, size bytes at a time. It ends with its stream.
func Mirror(rw io.ReadWriter, size int) {
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

// Trip returns an operation that sends size bytes to a mirror and waits for them.
func Trip(rw io.ReadWriter, size int) func() error {
	buf := make([]byte, size)
	return func() error {
		if _, err := rw.Write(buf); err != nil {
			return err
		}
		_, err := io.ReadFull(rw, buf)
		return err
	}
}

// Volley sends size bytes to a mirror and waits for them, again and again for d.
func Volley(rw io.ReadWriter, size int, d time.Duration, l *meter.Latencies) error {
	return Repeat(Trip(rw, size), d, l)
}

// Repeat does op again and again for d and records how long each takes.
func Repeat(op func() error, d time.Duration, l *meter.Latencies) error {
	begin := time.Now()
	for last := begin; last.Sub(begin) < d; {
		if err := op(); err != nil {
			return err
		}
		now := time.Now()
		l.Add(now.Sub(last))
		last = now
	}
	return nil
}

// One measures op done one after the other: latencies, rate and costs.
func One(op func() error, warm, d time.Duration, m trial.Metrics) error {
	var l meter.Latencies
	l.Expect(warm + d)
	if err := Repeat(op, warm, &l); err != nil {
		return err
	}
	l.Reset()
	before := meter.Read()
	if err := Repeat(op, d, &l); err != nil {
		return err
	}
	after := meter.Read()
	before.Costs(after, float64(l.Len()), m)
	m["rate"] = float64(l.Len()) / before.Seconds(after)
	l.Report(m)
	return nil
}

// Together makes n goroutines do op again and again. It measures rate and costs in a window of d after warm.
func Together(n int, op func() error, warm, d time.Duration, m trial.Metrics) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var done atomic.Int64
	failed := make(chan error, n)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := op(); err != nil {
					failed <- err
					return
				}
				done.Add(1)
			}
		})
	}
	time.Sleep(warm)
	was, before := done.Load(), meter.Read()
	time.Sleep(d)
	after := meter.Read()
	ops := float64(done.Load() - was)
	stop()
	select {
	case err := <-failed:
		return err
	default:
	}
	m["rate"] = ops / before.Seconds(after)
	before.Costs(after, ops, m)
	wg.Wait()
	return nil
}

// RawPair returns both ends of a TCP connection and mirrors size bytes on the far one.
func RawPair(ctx context.Context, size int) (net.Conn, error) {
	c, err := carrier.New(carrier.TCP, "")
	if err != nil {
		return nil, err
	}
	near, far, err := c.Pair(ctx)
	if err != nil {
		return nil, err
	}
	go Mirror(far, size) // ends with the connection
	return near, nil
}
