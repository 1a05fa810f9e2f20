package inbox

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReceiveTurns: those that wait are served in turn.
func TestReceiveTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5
		r := newRoom(t, large)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				m, err := r.in.Receive(t.Context())
				if err != nil || m.no != i {
					t.Errorf("Receive %d: %v, %v", i, m, err)
				}
			})
			synctest.Wait()
		}
		r.fill(names("x", n))
		wg.Wait()
	})
}

// TestReceiveGivesUp: one that gives up, wherever it stands, leaves the others in turn.
func TestReceiveGivesUp(t *testing.T) {
	for gone := range 3 {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, large)
			ctx, cancel := context.WithCancel(t.Context())
			var mu sync.Mutex
			var got []string
			var wg sync.WaitGroup
			for i := range 3 {
				own := t.Context()
				if i == gone {
					own = ctx
				}
				wg.Go(func() {
					m, err := r.in.Receive(own)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						got = append(got, fmt.Sprint(i, " ", err == ErrGaveUp))
						return
					}
					got = append(got, fmt.Sprint(i, " ", m.name))
				})
				synctest.Wait()
			}
			cancel()
			synctest.Wait()
			r.fill("x0")
			synctest.Wait()
			r.fill("x1")
			wg.Wait()
			want := []string{fmt.Sprint(gone, " ", true)}
			for i := range 3 {
				if i != gone {
					want = append(want, fmt.Sprint(i, " x", len(want)-1))
				}
			}
			equal(t, fmt.Sprint("without ", gone), fmt.Sprint(got), fmt.Sprint(want))
		})
	}
}

// TestReceiveAtTheEnd: those that wait learn of the end, unless a message comes first.
func TestReceiveAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if m, err := r.in.Receive(t.Context()); err != errEnded {
					t.Errorf("got %v, %v", m, err)
				}
			})
		}
		synctest.Wait()
		r.end(errEnded)
		wg.Wait()
	})
}

// TestReceiveServedLate: a message that is given to a Receive after its context has ended is not lost.
func TestReceiveServedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if m, err := r.in.Receive(ctx); err != nil || m.name != "x1" {
				t.Errorf("got %v, %v", m, err)
			}
		})
		synctest.Wait()
		m := &message{name: "x1", no: 1}
		m.item.Init(m, 0, 10, true)
		r.in.Lock()
		cancel() // it wakes up, and waits for the lock
		r.in.PutLocked(&m.item, nil)
		r.in.Unlock()
		wg.Wait()
	})
}

// TestReceiveWithEndedContext: what is there is returned all the same.
func TestReceiveWithEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.in.Receive(ctx); err != ErrGaveUp {
			t.Errorf("got %v", err)
		}
		r.fill("x1")
		if m, err := r.in.Receive(ctx); err != nil || m.name != "x1" {
			t.Errorf("got %v, %v", m, err)
		}
	})
}
