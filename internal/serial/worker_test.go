package serial

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What a Worker does with kicks at different moments of a look of one second.
func TestWorkerLooks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kicks  []time.Duration // when, from the start
		cancel time.Duration   // when, 0 = never
		looks  int
		last   time.Duration // when the last look has ended
	}{
		{name: "none"},
		{name: "one", kicks: []time.Duration{0}, looks: 1, last: time.Second},
		{name: "three at once", kicks: []time.Duration{0, 0, 0}, looks: 2, last: 2 * time.Second},
		{name: "many during the look", kicks: []time.Duration{0, 100e6, 200e6, 999e6}, looks: 2, last: 2 * time.Second},
		{name: "during the second look", kicks: []time.Duration{0, 100e6, 1500e6}, looks: 3, last: 3 * time.Second},
		{name: "after it", kicks: []time.Duration{0, 1500e6}, looks: 2, last: 2500e6},
		{name: "over before", kicks: []time.Duration{2e9}, cancel: 1e9},
		{name: "over during the look", kicks: []time.Duration{0, 100e6}, cancel: 500e6, looks: 1, last: time.Second},
		{name: "kicked when over", kicks: []time.Duration{0, 600e6}, cancel: 500e6, looks: 1, last: time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				var last time.Duration
				var busy atomic.Int32
				looks := 0
				w := NewWorker(ctx, func() {
					if busy.Add(1) != 1 {
						t.Error("two looks at a time")
					}
					looks++
					<-time.After(time.Second)
					last = time.Since(start)
					busy.Add(-1)
				})
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				for i, at := range tt.kicks {
					<-time.After(at - time.Since(start))
					w.Kick()
					if i == 0 {
						synctest.Wait() // the first look has begun
					}
				}
				w.Wait()
				if looks != tt.looks || last != tt.last {
					t.Errorf("%d looks, the last one until %v, want %d, %v", looks, last, tt.looks, tt.last)
				}
			})
		})
	}
}

// Wait lasts as long as the goroutine, for all who wait, and not at all without one.
func TestWorkerWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorker(t.Context(), func() { <-time.After(time.Second) })
		w.Wait()
		start := time.Now()
		for round := range 2 {
			w.Kick()
			var all sync.WaitGroup
			for range 3 {
				all.Go(w.Wait)
			}
			all.Wait()
			if d, want := time.Since(start), time.Duration(round+1)*time.Second; d != want {
				t.Errorf("waited until %v, want %v", d, want)
			}
		}
	})
}

// Nothing that was there before a Kick is missed, and once the context is done nothing runs after Wait.
func TestWorkerMissesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var todo, done, after atomic.Int64
	var over atomic.Bool
	w := NewWorker(ctx, func() {
		if over.Load() {
			after.Add(1)
		}
		done.Store(todo.Load())
	})
	var kickers sync.WaitGroup
	for range 4 {
		kickers.Go(func() {
			for range 1000 {
				todo.Add(1)
				w.Kick()
			}
		})
	}
	kickers.Wait()
	w.Wait()
	if done.Load() != 4000 {
		t.Errorf("saw %d of 4000", done.Load())
	}
	for range 4 {
		kickers.Go(func() {
			for range 1000 {
				w.Kick()
			}
		})
	}
	cancel()
	w.Wait()
	over.Store(true)
	kickers.Wait()
	w.Wait()
	if after.Load() != 0 {
		t.Error("looked after the end")
	}
}

// A look that ends its goroutine is one that has returned.
func TestWorkerGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		w := NewWorker(t.Context(), func() {
			looks++
			<-time.After(time.Second)
			runtime.Goexit()
		})
		w.Kick()
		synctest.Wait()
		w.Kick()
		w.Wait()
		w.Kick()
		w.Wait()
		if looks != 3 {
			t.Errorf("%d looks, want 3", looks)
		}
	})
}

// A Kick of a Worker that works allocates nothing.
func TestWorkerKickAllocs(t *testing.T) {
	release := make(chan struct{})
	w := NewWorker(t.Context(), func() { <-release })
	w.Kick()
	if n := testing.AllocsPerRun(100, w.Kick); n != 0 {
		t.Errorf("%v allocations", n)
	}
	close(release)
	w.Wait()
}
