package flight

import (
	"context"
	"sync"
)

// Watch gives flights up whose contexts end. The zero value is ready to use.
type Watch struct {
	mu     sync.Mutex // guards what follows and the groups
	last   *group     // of the context used last
	closed bool
}

// group is the flights that are under way under one context. They share one registration with it, so that a flight
// costs neither a goroutine nor a place in the context's own list.
type group struct {
	done  <-chan struct{} // of the context; contexts that share it end together
	stop  func() bool     // ends the registration; nil until there is one
	first *Flight
	ended bool // the context has
}

// join puts f, which has been started, under its context.
func (w *Watch) join(ctx context.Context, f *Flight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.left {
		return
	}
	g := w.last
	if g == nil || g.done != ctx.Done() {
		w.dropLocked()
		g = &group{done: ctx.Done()}
		if !w.closed {
			w.last = g
		}
		// Not under the lock: a context that has ended already may call back at once.
		w.mu.Unlock()
		stop := context.AfterFunc(ctx, func() { w.end(ctx, g) })
		w.mu.Lock()
		g.stop = stop
		if f.left {
			w.releaseLocked(g) // another context may have taken its place meanwhile
			return
		}
	}
	if g.ended {
		w.mu.Unlock()
		f.cancel(ctx) // its starter holds it
		w.mu.Lock()
		return
	}
	f.group, f.next = g, g.first
	if g.first != nil {
		g.first.prev = f
	}
	g.first = f
}

// leave is called when f has its outcome.
func (w *Watch) leave(f *Flight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.left = true
	g := f.group
	if g == nil {
		return
	}
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		g.first = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.group, f.next, f.prev = nil, nil, nil
	w.releaseLocked(g)
}

// end gives up what is under way under a context that has ended. It runs on a goroutine of the context package.
func (w *Watch) end(ctx context.Context, g *group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g.ended = true
	for f := g.first; f != nil; f = g.first {
		g.first = f.next
		if f.next != nil {
			f.next.prev = nil
		}
		f.group, f.next = nil, nil
		f.held.Add(1) // the session still holds it, as it has not left
		w.mu.Unlock()
		f.cancel(ctx)
		f.letGo()
		w.mu.Lock()
	}
}

// Close lets go of the context used last. Flights that are under way, or start later, are given up as before.
func (w *Watch) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.dropLocked()
}

// dropLocked forgets the context used last.
func (w *Watch) dropLocked() {
	if g := w.last; g != nil {
		w.last = nil
		w.releaseLocked(g)
	}
}

// releaseLocked ends a group's registration when nothing is left of it and nothing more will come.
func (w *Watch) releaseLocked(g *group) {
	if g.first == nil && g != w.last && g.stop != nil {
		g.stop()
	}
}
