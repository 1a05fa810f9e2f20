package inbox

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// TestGiveBack: a taker that is halted hands on what it has not begun, also of the batch that it took.
func TestGiveBack(t *testing.T) {
	for _, n := range []int{1, 2, batch, batch + 1, 3 * batch} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, large)
				block := make(chan struct{})
				old := r.subscribe('a', func(*message) { <-block })
				r.fill("a0")
				synctest.Wait() // it has a0 alone
				r.fill(names("a", n+1)[3:])
				block <- struct{}{}
				synctest.Wait() // and a batch
				idle := old.Halt()
				if again := old.Halt(); again != idle {
					t.Error("a second Halt waits for something else")
				}
				next := r.subscribe('a', nil)
				close(block)
				<-idle
				synctest.Wait()
				equal(t, "old", old.took(), "a0 a1")
				equal(t, "new", sorted(next.took()), sorted(strings.TrimPrefix(names("a", n+1), "a0 a1")))
				if !isClosed(old.Halt()) {
					t.Error("not idle")
				}
			})
		})
	}
}

// TestHaltIdle: nobody waits for a taker that has nothing.
func TestHaltIdle(t *testing.T) {
	r := newRoom(t, large)
	a := r.subscribe('a', nil)
	if ch := a.Halt(); ch != nil {
		t.Error("it is idle")
	}
	r.in.Lock()
	defer r.in.Unlock()
	if a.RunningLocked() || len(r.takers) != 0 {
		t.Error("it is there still")
	}
}

// TestConsumerEndsGoroutine: another goroutine goes on with what the first had taken.
func TestConsumerEndsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		begin := make(chan struct{})
		a := r.subscribe('a', func(m *message) {
			<-begin
			if m.no%3 == 0 {
				runtime.Goexit()
			}
		})
		r.fill(names("a", 50))
		close(begin)
		synctest.Wait()
		equal(t, "a", a.took(), names("a", 50))
		r.end(errEnded)
		r.fill("a51")
		synctest.Wait()
		if a.left != 1 {
			t.Errorf("left %d times", a.left)
		}
	})
}

// TestHaltFromInside: a Consumer may halt its own Taker, if it does not wait.
func TestHaltFromInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		begin := make(chan struct{})
		var a *testTaker
		a = r.subscribe('a', func(*message) {
			<-begin
			if isClosed(a.Halt()) {
				t.Error("idle inside")
			}
		})
		r.fill("a1 a2 a3")
		close(begin)
		synctest.Wait()
		equal(t, "a", a.took(), "a1")
		equal(t, "received", r.receive(), "a2 a3")
	})
}

// TestRaces puts, takes, halts, receives and drops at once: each message is had once, or dropped.
func TestRaces(t *testing.T) {
	const n = 2000
	r := newRoom(t, large)
	var mu sync.Mutex
	had := make([]int, n)
	have := func(m *message) {
		mu.Lock()
		defer mu.Unlock()
		had[m.no]++
	}
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for ctx.Err() == nil {
				if m, err := r.in.Receive(ctx); err == nil {
					have(m)
				}
			}
		})
	}
	for _, name := range []byte("ab") {
		others.Go(func() {
			for ctx.Err() == nil {
				if idle := r.subscribe(name, have).Halt(); idle != nil {
					<-idle
				}
			}
		})
	}
	dropped := 0
	for i := range n {
		name := fmt.Sprint(string("abx"[i%3]), i)
		if i%2 == 0 {
			r.fill(name)
			continue
		}
		ms := r.fill(name + "?")
		if i%5 != 0 {
			r.in.Ready(&ms[name].item)
		} else if r.in.Drop(&ms[name].item, false) {
			dropped++
			have(ms[name])
		}
	}
	if want := n / 10; dropped != want {
		t.Errorf("%d were dropped, want %d", dropped, want)
	}
	cancel()
	others.Wait()
	for name := range strings.FieldsSeq(r.receive()) {
		var no int
		if _, err := fmt.Sscan(name[1:], &no); err != nil {
			t.Fatal(err)
		}
		had[no]++
	}
	for i, times := range had {
		if times != 1 {
			t.Errorf("message %d was had %d times", i, times)
		}
	}
}
