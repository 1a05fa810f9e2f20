package goid

import (
	"math"
	"sync"
	"testing"
)

func TestID(t *testing.T) {
	own := ID()
	if own == 0 || ID() != own {
		t.Fatalf("ID is %d, then %d", own, ID())
	}
	var mu sync.Mutex
	seen := map[uint64]bool{own: true}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			id := ID()
			mu.Lock()
			defer mu.Unlock()
			if id == 0 || seen[id] {
				t.Errorf("%d is the number of two goroutines", id)
			}
			seen[id] = true
		})
	}
	all.Wait()
	inner := make(chan uint64)
	func() { go func() { inner <- ID() }() }()
	if id := <-inner; id == own {
		t.Error("a goroutine has the number of the one that started it")
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]uint64{
		"goroutine 1 [running]:\nmain.main()":     1,
		"goroutine 18446744073709551615 [running": math.MaxUint64,
		"goroutine 7":                   7, // cut by the buffer
		"goroutine 7\n":                 0,
		"goroutine  7 [running]":        0,
		"goroutine x [running]":         0,
		"fibre 7 [running]":             0,
		"goroutine ":                    0,
		"":                              0,
		"goroutine -1 [running]:":       0,
		"goroutine 12 gp=0xc0 m=0 mp=1": 12,
	} {
		if got := parse([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

// work is what the tests are inside of, or not.
type work struct{}

func (w *work) do(f func()) { f() }

// deep calls f with n more frames on the stack.
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
}

var (
	workName = NameOf((*work).do)
	deepName = NameOf(deep)
)

func TestInside(t *testing.T) {
	if want := "github.com/gantline-project/gantline/internal/goid.(*work).do"; workName != want {
		t.Errorf("the name is %q, want %q", workName, want)
	}
	inside := func() bool { return Inside(workName) }
	if inside() {
		t.Error("inside before it was called")
	}
	w := new(work)
	for n := range 3*page + 2 { // the frame at each place of the first pages
		deep(n, func() {
			if inside() {
				t.Errorf("inside, below %d frames, without having been called", n)
			}
		})
		w.do(func() {
			deep(n, func() {
				if !inside() || !Inside(deepName) {
					t.Errorf("not inside, below %d frames", n)
				}
			})
		})
	}
	bound := w.do // a method value is called by way of a wrapper
	bound(func() {
		if !inside() {
			t.Error("not inside a method value")
		}
	})
	w.do(func() {
		other := make(chan bool)
		go func() { other <- inside() }()
		if <-other {
			t.Error("a goroutine that it started is inside")
		}
		defer func() {
			recover()
			if !inside() {
				t.Error("not inside after a panic")
			}
		}()
		panic("x")
	})
	if inside() {
		t.Error("inside after it has returned")
	}
}
