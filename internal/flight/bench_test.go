package flight

import (
	"context"
	"sync"
	"testing"
)

// BenchmarkWaiter waits for the echo of 128 bytes.
func BenchmarkWaiter(b *testing.B) {
	r := newRig(b, true)
	var p Pool
	body := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		f := p.Waiter()
		must(b, f.Start(b.Context(), r.s, &call, body))
		f.Wait(b.Context())
		f.Release()
	}
}

// counted is an Owner that counts its flights down.
type counted struct{ sync.WaitGroup }

func (c *counted) Outcome(*Flight) { c.Done() }

// BenchmarkOwner starts flights that nobody waits for.
func BenchmarkOwner(b *testing.B) {
	for _, watched := range []bool{false, true} {
		name, ctx := "plain", context.Background()
		if watched {
			name, ctx = "watched", b.Context()
		}
		b.Run(name, func(b *testing.B) {
			r := newRig(b, true)
			var w Watch
			var under counted
			body := make([]byte, 128)
			b.ReportAllocs()
			for b.Loop() {
				under.Add(1)
				f := New(&under)
				f.Watch = &w
				must(b, f.Start(ctx, r.s, &message, body))
			}
			under.Wait()
		})
	}
}

// BenchmarkPool has waiters taken and released by several goroutines.
func BenchmarkPool(b *testing.B) {
	var p Pool
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f := p.Waiter()
			f.Reusable = true
			f.Release()
		}
	})
}
