package promise

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// mode is a way to run handlers.
type mode struct {
	name string
	opts []gantline.HandlerOption
}

var modes = []mode{
	{"goroutine", nil},
	{"inline", []gantline.HandlerOption{gantline.Inline()}},
	{"max 8 concurrent", []gantline.HandlerOption{gantline.MaxConcurrent(8)}},
}

// heapBound is how much the heap may grow with that many bytes of payload in flight.
func heapBound(payload uint64) uint64 { return 2*payload + 32*mib }

// crowd calls f n times on each End at once, as near, and returns the errors of all.
func crowd(n int, ends []*gantline.End, f func(near *gantline.End, i int) error) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs = map[string]int{}
	)
	for _, end := range ends {
		for i := range n {
			wg.Go(func() {
				if err := f(end, i); err != nil {
					mu.Lock()
					errs[err.Error()]++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%d kinds of errors, and how many: %v", len(errs), errs)
}

// TestBigAnswersBothWays: 32 callers on each side have 1 MiB answers, or bodies both ways, under way at once.
func TestBigAnswersBothWays(t *testing.T) {
	const callers = 32
	answer := pattern(mib, 7)
	shapes := []struct {
		method string
		body   []byte
	}{
		{"answer", []byte("give")},
		{"echo", answer},
	}
	for _, m := range modes {
		for _, shape := range shapes {
			t.Run(m.name+" "+shape.method, func(t *testing.T) {
				watchdog(t, time.Minute+bigCalls*20*time.Second)
				c, s := pair(t, gantline.Config{}, gantline.Config{})
				for _, end := range []*gantline.End{c, s} {
					end.Handle("answer", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
						return answer, nil
					}), m.opts...)
					end.Handle("echo", gantline.HandlerFunc(echo), m.opts...)
				}
				heap := watchHeap()
				start := time.Now()
				err := crowd(callers, []*gantline.End{c, s}, func(near *gantline.End, _ int) error {
					for range times(bigCalls) {
						got, err := near.Call(t.Context(), shape.method, shape.body)
						if err != nil {
							return err
						}
						if !bytes.Equal(got, answer) {
							return fmt.Errorf("the answer of %d bytes is wrong", len(got))
						}
					}
					return nil
				})
				took := time.Since(start)
				if err != nil {
					t.Error(err)
				}
				payload := uint64(2 * callers * len(answer))
				if shape.method == "echo" {
					payload *= 2
				}
				checkHeap(t, heap, payload)
				n := 2 * callers * times(bigCalls)
				t.Logf("%d calls at %.0f MB/s of answers", n, float64(n*len(answer))/1e6/took.Seconds())
			})
		}
	}
}

// checkHeap compares the peak with what payload in flight allows.
func checkHeap(t *testing.T, heap *heapWatch, payload uint64) {
	t.Helper()
	grown := heap.growth()
	t.Logf("heap grew by %.1f MiB at most, with %.1f MiB of payload in flight (bound %.0f)", mb(grown), mb(payload), mb(heapBound(payload)))
	if grown > heapBound(payload) {
		t.Errorf("heap grew by %.1f MiB, the bound is %.1f MiB", mb(grown), mb(heapBound(payload)))
	}
}

// TestManyCallers: 2048 callers, twice as many as may run at a time. They are on one side, then on both.
func TestManyCallers(t *testing.T) {
	const callers = 2048
	for _, m := range modes {
		for _, sides := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d sides", m.name, sides), func(t *testing.T) {
				watchdog(t, time.Minute+manyCalls*2*time.Second)
				c, s := pair(t, gantline.Config{}, gantline.Config{})
				for _, end := range []*gantline.End{c, s} {
					end.Handle("echo", gantline.HandlerFunc(echo), m.opts...)
				}
				heap := watchHeap()
				start := time.Now()
				err := crowd(callers, []*gantline.End{c, s}[:sides], func(near *gantline.End, i int) error {
					body := pattern(128, uint64(i))
					for range times(manyCalls) {
						got, err := near.Call(t.Context(), "echo", body)
						if err != nil {
							return err
						}
						if !bytes.Equal(got, body) {
							return fmt.Errorf("somebody else's answer")
						}
					}
					return nil
				})
				took := time.Since(start)
				if err != nil {
					t.Error(err)
				}
				checkHeap(t, heap, uint64(sides*callers*2*128))
				t.Logf("%.0f calls/s", float64(sides*callers*times(manyCalls))/took.Seconds())
			})
		}
	}
}

// TestNestedCalls: 1000 callers on each side whose handlers call back three levels deep. An Inline handler
// cannot call back, so there only the innermost one is inline. Each level has its own method: with one for all,
// MaxConcurrent would let the outer calls take the places that the inner ones need.
func TestNestedCalls(t *testing.T) {
	const callers, levels = 1000, 3
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			watchdog(t, time.Minute+nestedCalls*5*time.Second)
			c, s := pair(t, gantline.Config{}, gantline.Config{})
			for _, end := range []*gantline.End{c, s} {
				for level := range levels + 1 {
					opts := m.opts
					if m.name == "inline" && level < levels {
						opts = nil
					}
					end.Handle(levelName(level), gantline.HandlerFunc(func(ctx context.Context, req *gantline.Request) ([]byte, error) {
						if level == levels {
							return req.Body, nil
						}
						return gantline.FromContext(ctx).Call(ctx, levelName(level+1), req.Body)
					}), opts...)
				}
			}
			heap := watchHeap()
			start := time.Now()
			err := crowd(callers, []*gantline.End{c, s}, func(near *gantline.End, i int) error {
				body := pattern(64, uint64(i))
				for range nestedCalls {
					got, err := near.Call(t.Context(), levelName(0), body)
					if err != nil {
						return err
					}
					if !bytes.Equal(got, body) {
						return fmt.Errorf("somebody else's answer")
					}
				}
				return nil
			})
			took := time.Since(start)
			if err != nil {
				t.Error(err)
			}
			checkHeap(t, heap, 2*callers*(levels+1)*64)
			t.Logf("%.0f calls/s of %d levels", 2*callers*nestedCalls/took.Seconds(), levels+1)
		})
	}
}

func levelName(level int) string { return fmt.Sprintf("level%d", level) }
