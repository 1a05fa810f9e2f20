package flight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// TestWaiter: what a waiter finds, and whether it is used again.
func TestWaiter(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ctx    func(*testing.T) context.Context
		peer   func(*rig)
		want   outcome
		gaveUp bool
		again  bool
	}{
		{"answer", nil, func(r *rig) { r.answer(nil, "yes") }, outcome{body: "yes"}, false, true},
		{"refusal", nil, func(r *rig) { r.answer(&frame.Head{Code: frame.NotFound}, "") }, outcome{code: frame.NotFound}, false, true},
		{"deadline", withTimeout, nil, outcome{code: frame.DeadlineExceeded}, true, false},
		{"cancel", withCancel, nil, outcome{code: frame.Canceled}, true, false},
		{"lost", nil, func(r *rig) { <-r.opened; r.end() }, outcome{err: errLost}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, ctx := newRig(t, false), context.Background()
				if tc.ctx != nil {
					ctx = tc.ctx(t)
				}
				var p Pool
				f := p.Waiter()
				must(t, f.Start(ctx, r.s, &call, []byte("body")))
				if tc.peer != nil {
					go tc.peer(r)
				}
				if gaveUp := f.Wait(ctx); gaveUp != tc.gaveUp {
					t.Errorf("Wait gave up: %v, want %v", gaveUp, tc.gaveUp)
				}
				got := outcomeOf(f)
				if !errors.Is(got.err, tc.want.err) || got.code != tc.want.code || got.body != tc.want.body {
					t.Errorf("outcome %+v, want %+v", got, tc.want)
				}
				f.Release()
				if again := p.Waiter() == f; again != tc.again {
					t.Errorf("used again: %v, want %v", again, tc.again)
				}
			})
		})
	}
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

// withCancel returns a context that ends a second later, as withTimeout, but is cancelled.
func withCancel(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	return ctx
}

// TestWaiterAgain: a waiter that was used before, with an answer or without one, does its work as a new one does.
func TestWaiterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ctx := newRig(t, false), context.Background()
		var p Pool
		for _, body := range []string{"one", "", "three"} {
			f := p.Waiter()
			if f.Err != nil || f.Body != nil || f.Reusable {
				t.Errorf("a waiter that is left over has %v, %q, reusable %v", f.Err, f.Body, f.Reusable)
			}
			must(t, f.Start(ctx, r.s, &call, nil))
			r.answer(nil, body)
			f.Await()
			if string(f.Body) != body {
				t.Errorf("answer %q, want %q", f.Body, body)
			}
			f.Release()
		}
	})
}

// TestPoolBound: an End that had much to do does not keep all of it.
func TestPoolBound(t *testing.T) {
	var p Pool
	all := make([]*Flight, 2*maxFree)
	for i := range all {
		all[i] = p.Waiter()
		all[i].Reusable = true
	}
	for _, f := range all {
		f.Release()
	}
	n := 0
	for f := p.free; f != nil; f = f.next {
		n++
	}
	if n != maxFree || p.n != n {
		t.Errorf("%d waiters kept, counted as %d, want %d", n, p.n, maxFree)
	}
}

// TestNotStarted: a flight that could not be started may be started again, and its owner learns one outcome.
func TestNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost, r := newRig(t, true), newRig(t, true)
		lost.end()
		learned := make(owner, 2)
		f := New(learned)
		var w Watch
		f.Watch = &w
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := f.Start(ctx, lost.s, &message, nil); !errors.Is(err, errLost) {
			t.Fatalf("start on a lost session: %v", err)
		}
		must(t, f.Start(ctx, r.s, &message, []byte("x")))
		if got := <-learned; got != (outcome{body: "x"}) {
			t.Errorf("outcome %+v", got)
		}
		synctest.Wait()
		if len(learned) != 0 {
			t.Errorf("a second outcome: %+v", <-learned)
		}
	})
}

// TestOwner: an owner learns each kind of outcome, once, and a flight without an owner needs none.
func TestOwner(t *testing.T) {
	for _, tc := range []struct {
		name string
		peer func(*rig)
		want outcome
	}{
		{"answer", func(r *rig) { r.answer(nil, "yes") }, outcome{body: "yes"}},
		{"refusal", func(r *rig) { r.answer(&frame.Head{Code: frame.NotFound}, "") }, outcome{code: frame.NotFound}},
		{"lost", func(r *rig) { <-r.opened; r.end() }, outcome{err: errLost}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, false)
				learned := make(owner, 2)
				must(t, New(learned).Start(context.Background(), r.s, &message, nil))
				tc.peer(r)
				if got := <-learned; got.code != tc.want.code || got.body != tc.want.body || !errors.Is(got.err, tc.want.err) {
					t.Errorf("outcome %+v, want %+v", got, tc.want)
				}
				if tc.want.err == nil {
					must(t, New(nil).Start(context.Background(), r.s, &message, nil))
					tc.peer(r)
				}
				synctest.Wait()
				if len(learned) != 0 {
					t.Errorf("a second outcome: %+v", <-learned)
				}
			})
		})
	}
}

// lasting is an owner that shows the flight itself, while the owner has it.
type lasting struct {
	learned chan *Flight
	goOn    chan struct{}
}

func (l lasting) Outcome(f *Flight) { l.learned <- f; <-l.goOn }

// TestHeld: a flight is not used again while its starter, the session or the end of its context is still busy with it.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		f := New(nil)
		started := make(chan error)
		// More than a peer takes before it wants the message.
		go func() { started <- f.Start(context.Background(), r.s, &message, make([]byte, 256<<10)) }()
		in := <-r.opened
		synctest.Wait()
		if n := f.held.Load(); n != 2 {
			t.Errorf("under way, %d hold it, want 2", n)
		}
		in.Want()
		must(t, <-started)
		synctest.Wait()
		if n := f.held.Load(); n != 1 {
			t.Errorf("started, %d hold it, want the session alone", n)
		}
		must(t, in.Reply(context.Background(), nil, nil))
		synctest.Wait()
		if n := f.held.Load(); n != 0 {
			t.Errorf("answered, %d hold it", n)
		}
	})
	t.Run("answered early", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, false)
			last := lasting{make(chan *Flight), make(chan struct{})}
			f := New(last)
			started := make(chan error, 1)
			go func() { started <- f.Start(context.Background(), r.s, &message, make([]byte, 256<<10)) }()
			r.answer(&frame.Head{Code: frame.NotFound}, "") // before all of the body has come
			<-last.learned
			must(t, <-started)
			synctest.Wait()
			if n := f.held.Load(); n != 1 {
				t.Errorf("while the owner has it %d hold it, want 1", n)
			}
			close(last.goOn)
			synctest.Wait()
			if n := f.held.Load(); n != 0 || f.Reusable {
				t.Errorf("%d hold it, reusable %v: the session was still writing", n, f.Reusable)
			}
		})
	})
}

// TestBubbles: flights that nobody waits for are shared, and cross from one synctest bubble to another.
func TestBubbles(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, true)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var w Watch
			var p Pool
			learned := make(owner, 10)
			for range cap(learned) {
				f := New(learned)
				f.Watch = &w
				must(t, f.Start(ctx, r.s, &message, nil))
				f = p.Waiter()
				must(t, f.Start(ctx, r.s, &call, nil))
				f.Wait(ctx)
				f.Release()
			}
			for range cap(learned) {
				<-learned
			}
		})
	}
}
