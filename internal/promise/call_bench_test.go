package promise

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// together returns a contender whose n goroutines do op again and again.
func together(b *testing.B, n int, op func() error) contender {
	return func(d time.Duration) int {
		var total atomic.Int64
		var wg sync.WaitGroup
		start := time.Now()
		for range n {
			wg.Go(func() {
				done := 0
				for ; done&15 != 0 || time.Since(start) < d; done++ {
					if err := op(); err != nil {
						b.Error(err)
						break
					}
				}
				total.Add(int64(done))
			})
		}
		wg.Wait()
		return int(total.Load())
	}
}

// BenchmarkCall is 128-byte echo calls. With one caller p50-x-raw compares with raw ping-pong; x-raw is the
// number of calls for each round trip of raw TCP. Aim: at least 1.3 with 64 callers.
func BenchmarkCall(b *testing.B) {
	const size = 128
	for _, m := range modes[:2] {
		for _, callers := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("%s/callers=%d", m.name, callers), func(b *testing.B) {
				var raw, ours latencies
				c, s := pair(b, gantline.Config{}, gantline.Config{})
				s.Handle("echo", gantline.HandlerFunc(echo), m.opts...)
				body := pattern(size, 8)
				call := func() error {
					_, err := c.Call(context.Background(), "echo", body)
					return err
				}
				if callers == 1 {
					compare(b, rawPing(b, &raw, size), pinger(b, &ours, call))
					reportLatency(b, &raw, &ours)
					return
				}
				_, r := compare(b, rawPing(b, &raw, size), together(b, callers, call))
				b.ReportMetric(r.best(), "calls/s")
			})
		}
	}
}

// BenchmarkCallLarge is 128 KiB echo calls of 8 callers against 32 KiB writes on raw TCP. The bytes of one
// direction count.
func BenchmarkCallLarge(b *testing.B) {
	const size = 128 * kib
	rc, rs := rawPair(b)
	go discard(rs)
	c, s := pair(b, gantline.Config{}, gantline.Config{})
	s.Handle("echo", gantline.HandlerFunc(echo))
	body := pattern(size, 8)
	raw, ours := compare(b, writer(b, size, rc), together(b, 8, func() error {
		_, err := c.Call(context.Background(), "echo", body)
		return err
	}))
	reportBytes(b, raw, ours, size)
}

// BenchmarkPublish is messages with the application's ack, one after the other or a number of them in flight.
// x-raw is the number of messages for each round trip of raw TCP.
func BenchmarkPublish(b *testing.B) {
	for _, tc := range []struct{ size, flight int }{{128, 1}, {128, 64}, {128, 1024}, {16 * kib, 64}} {
		b.Run(fmt.Sprintf("size=%d/flight=%d", tc.size, tc.flight), func(b *testing.B) {
			var raw, ours latencies
			c, s := pair(b, gantline.Config{}, gantline.Config{})
			s.Subscribe("bench", func(context.Context, *gantline.Message) error { return nil })
			body := pattern(tc.size, 9)
			if tc.flight == 1 {
				compare(b, rawPing(b, &raw, tc.size), pinger(b, &ours, func() error {
					return c.Publish(context.Background(), "bench", body)
				}))
				reportLatency(b, &raw, &ours)
				return
			}
			_, r := compare(b, rawPing(b, &raw, tc.size), publisher(b, c, body, tc.flight))
			b.ReportMetric(r.best(), "messages/s")
			if tc.size > kib {
				b.ReportMetric(r.best()*float64(tc.size)/1e6, "MB/s")
			}
		})
	}
}

// publisher returns a contender that keeps a number of publications in flight.
func publisher(b *testing.B, end *gantline.End, body []byte, flight int) contender {
	places := make(chan struct{}, flight)
	done := gantline.OnDone(func(err error) {
		if err != nil {
			b.Error(err)
		}
		<-places
	})
	return func(d time.Duration) int {
		n := 0
		for start := time.Now(); n&15 != 0 || time.Since(start) < d; n++ {
			places <- struct{}{}
			if _, err := end.PublishAsync(context.Background(), "bench", body, done); err != nil {
				b.Error(err)
				return n
			}
		}
		for range flight { // all acked
			places <- struct{}{}
		}
		for range flight {
			<-places
		}
		return n
	}
}
