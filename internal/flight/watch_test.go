package flight

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// watched starts a flight under ctx.
func (r *rig) watched(ctx context.Context, w *Watch, o Owner) {
	r.t.Helper()
	f := New(o)
	f.Watch = w
	must(r.t, f.Start(ctx, r.s, &message, nil))
}

// TestWatchShares: flights under one context share a registration, which outlives them until another context is used.
func TestWatchShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var w Watch
		learned := make(owner, 10)
		a, _ := newCounting(t)
		b, _ := newCounting(t)
		for range 3 {
			r.watched(a, &w, learned)
		}
		a.want(t, "three flights", 1, 0)
		r.answer(nil, "")
		r.answer(nil, "")
		synctest.Wait()
		r.watched(b, &w, learned)
		a.want(t, "another context, one flight under way", 1, 0)
		r.answer(nil, "")
		synctest.Wait()
		a.want(t, "no flight, another context", 1, 1)
		r.answer(nil, "")
		synctest.Wait()
		r.watched(b, &w, learned)
		b.want(t, "used again", 1, 0)
		w.Close()
		b.want(t, "closed, one flight under way", 1, 0)
		r.answer(nil, "")
		synctest.Wait()
		b.want(t, "closed, no flight", 1, 1)
		if len(learned) != 5 {
			t.Errorf("%d outcomes, want 5", len(learned))
		}
	})
}

// TestWatchEnds: the end of a context gives up what is under way under it, and nothing else.
func TestWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var w Watch
		late, other, early := make(owner, 10), make(owner, 10), make(owner, 10)
		ctx, cancel := context.WithCancel(t.Context())
		long, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		r.watched(ctx, &w, early)
		r.answer(nil, "yes")
		synctest.Wait()
		for range 3 {
			r.watched(ctx, &w, late)
		}
		r.watched(long, &w, other)
		r.watched(context.Background(), &w, other) // is not watched
		cancel()
		for range 3 {
			if got := <-late; got != (outcome{code: frame.Canceled}) {
				t.Errorf("outcome %+v, want Canceled", got)
			}
		}
		if got := <-early; got != (outcome{body: "yes"}) {
			t.Errorf("outcome %+v of what was answered", got)
		}
		if got := <-other; got != (outcome{code: frame.DeadlineExceeded}) {
			t.Errorf("outcome %+v, want DeadlineExceeded", got)
		}
		if n := len(late) + len(other) + len(early); n != 0 {
			t.Errorf("%d more outcomes", n)
		}
		for range 4 { // what was given up
			<-r.opened
		}
		r.answer(nil, "")
		if got := <-other; got != (outcome{}) {
			t.Errorf("outcome %+v of what has no end", got)
		}
	})
}

// TestWatchEndsMeanwhile: a context that ends at any point of Start gives the flight up, or Start fails.
func TestWatchEndsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		go func() {
			for range r.opened { // nobody answers
			}
		}()
		defer close(r.opened)
		defer r.end()
		for n := range int32(12) {
			var w Watch
			learned := make(owner, 2)
			inner, cancel := context.WithCancel(t.Context())
			ctx := &cancelling{Context: inner, cancel: cancel}
			ctx.n.Store(n)
			f := New(learned)
			f.Watch = &w
			err := f.Start(ctx, r.s, &message, nil)
			cancel()
			if err == nil {
				if got := <-learned; got != (outcome{code: frame.Canceled}) {
					t.Errorf("ended after %d looks: outcome %+v", n, got)
				}
			}
			synctest.Wait()
			if len(learned) != 0 {
				t.Errorf("ended after %d looks: another outcome", n)
			}
		}
	})
}

// TestWatchAnsweredFirst: a flight that has its outcome before its starter comes to the watch joins nothing.
func TestWatchAnsweredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var w Watch
		learned := make(owner, 1)
		ctx, _ := newCounting(t)
		f := New(learned)
		f.Watch = &w
		f.held.Add(1) // so that it is not used again
		must(t, r.s.Start(ctx, &f.Exchange, &message, nil))
		r.answer(nil, "")
		<-learned
		synctest.Wait()
		w.join(ctx, f)
		ctx.want(t, "answered", 0, 0)
		if f.group != nil || w.last != nil {
			t.Error("it has joined a group")
		}
	})
}

// TestWatchJoining: a flight joins a new context without the lock, and may have its outcome meanwhile.
func TestWatchJoining(t *testing.T) {
	for _, closed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, false)
			var w Watch
			learned := make(owner, 2)
			ctx, _ := newCounting(t)
			left := int32(0)
			ctx.joining = func() {
				if closed {
					w.Close()
					left = 1
				}
				r.answer(nil, "yes")
				synctest.Wait()
			}
			r.watched(ctx, &w, learned)
			if got := <-learned; got != (outcome{body: "yes"}) {
				t.Errorf("outcome %+v", got)
			}
			ctx.want(t, "answered", 1, left)
			if g := w.last; g != nil && g.first != nil {
				t.Error("the flight is left in its group")
			}
		})
	}
}

// TestWatchEnded: a flight that starts just before its context ends, and comes to the group after that, is given up.
func TestWatchEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var w Watch
		learned := make(owner, 2)
		ctx, cancel := newCounting(t)
		r.watched(ctx, &w, learned)
		ctx.looked = func() { cancel(); synctest.Wait() }
		r.watched(ctx, &w, learned)
		synctest.Wait()
		if len(learned) != 2 {
			t.Fatalf("%d outcomes, want 2", len(learned))
		}
		for range 2 {
			if got := <-learned; got != (outcome{code: frame.Canceled}) {
				t.Errorf("outcome %+v, want Canceled", got)
			}
		}
	})
}

// TestForgotten: a flight that was given up is not used again, for the session may still look at it.
func TestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var w Watch
		ctx, cancel := context.WithCancel(t.Context())
		learned := make(owner, 1)
		f := New(learned)
		f.Watch = &w
		must(t, f.Start(ctx, r.s, &message, nil))
		cancel()
		<-learned
		synctest.Wait()
		for range 100 {
			if New(nil) == f {
				t.Fatal("it is used again")
			}
		}
	})
}

// TestWatchClosed: what starts under a watch that is closed is given up all the same, and leaves nothing.
func TestWatchClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		var w Watch
		w.Close()
		learned := make(owner, 2)
		ctx, cancel := newCounting(t)
		r.watched(ctx, &w, learned)
		r.answer(nil, "")
		<-learned
		synctest.Wait()
		ctx.want(t, "answered", 1, 1)
		r.watched(ctx, &w, learned)
		cancel()
		if got := <-learned; got != (outcome{code: frame.Canceled}) {
			t.Errorf("outcome %+v", got)
		}
	})
}

// TestWatchRace has contexts end while flights under them start and are answered: each has one outcome. The race
// detector looks on.
func TestWatchRace(t *testing.T) {
	r := newRig(t, true)
	var w Watch
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 1))
			for range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				n := 1 + rnd.IntN(8)
				learned := make(owner, n)
				under := 0
				at := rnd.IntN(n + 1)
				for i := range n {
					if i == at {
						go cancel() // ends at once
					}
					f := New(learned)
					f.Watch = &w
					if f.Start(ctx, r.s, &message, nil) == nil {
						under++
					}
				}
				if rnd.IntN(2) == 0 {
					cancel()
				}
				for range under {
					<-learned
				}
				cancel()
			}
		})
	}
	wg.Wait()
	w.Close()
	r.end()
}
