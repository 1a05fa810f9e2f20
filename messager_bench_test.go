package gantline

import (
	"context"
	"sync"
	"testing"
)

// BenchmarkPublish measures publish and application ack over loopback TCP. The figures against raw TCP and peers
// are bench's.
func BenchmarkPublish(b *testing.B) {
	body := make([]byte, 128)
	b.Run("sync", func(b *testing.B) {
		c, s := tcpPair(b, nil, nil)
		acker(s)
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Publish(context.Background(), "t", body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("async", func(b *testing.B) { benchmarkAsync(b, context.Background(), body) })
	b.Run("async with cancel", func(b *testing.B) { benchmarkAsync(b, b.Context(), body) })
	b.Run("async 16 KiB", func(b *testing.B) { benchmarkAsync(b, context.Background(), make([]byte, 16<<10)) })
	b.Run("no ack", func(b *testing.B) { benchmarkAsync(b, context.Background(), body, NoAck()) })
}

func benchmarkAsync(b *testing.B, ctx context.Context, body []byte, opts ...PublishOption) {
	c, s := tcpPair(b, nil, nil)
	acker(s)
	var wg sync.WaitGroup
	opts = append(opts, OnDone(func(err error) {
		if err != nil {
			b.Error(err)
		}
		wg.Done()
	}))
	b.ReportAllocs()
	for b.Loop() {
		wg.Add(1)
		if _, err := c.PublishAsync(ctx, "t", body, opts...); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
}

func BenchmarkReceive(b *testing.B) {
	c, s := tcpPair(b, nil, nil)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if _, err := c.PublishAsync(ctx, "t", nil); err != nil {
				return
			}
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		m, err := s.Receive(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		_ = m.Ack()
	}
	cancel()
	wg.Wait()
}
