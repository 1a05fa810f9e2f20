//go:build !race

package flight

import (
	"context"
	"testing"
)

// TestAllocations counts those of both sides, where the peer's exchange and its body are two.
func TestAllocations(t *testing.T) {
	r := newRig(t, true)
	var p Pool
	var w Watch
	body := make([]byte, 128)
	ended := make(chan struct{}, 1)
	done := signal(ended)
	async := func(ctx context.Context) func() {
		return func() {
			f := New(done)
			f.Watch = &w
			must(t, f.Start(ctx, r.s, &message, body))
			<-ended
		}
	}
	for _, tc := range []struct {
		name  string
		limit float64
		f     func()
	}{
		{"waiter", 3, func() { // and the answer's body
			f := p.Waiter()
			must(t, f.Start(t.Context(), r.s, &call, body))
			f.Wait(t.Context())
			f.Release()
		}},
		{"owner", 3, async(context.Background())},
		{"owner, watched", 3, async(t.Context())},
		{"buffer", 0, func() {
			var b Buffer
			_ = append(b.Make(2000), body...)
			b.Release()
		}},
	} {
		if n := testing.AllocsPerRun(300, tc.f); n > tc.limit {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, n, tc.limit)
		}
	}
}

// signal is an Owner that sends a token for each outcome.
type signal chan struct{}

func (s signal) Outcome(*Flight) { s <- struct{}{} }
