package gantline

import (
	"context"
	"sync"
)

// publications is what a scope keeps of its publications.
type publications struct {
	waiters sync.Pool // of *publishWaiter

	mu     sync.Mutex    // guards what follows and the groups
	last   *contextGroup // of the context used last
	closed bool
}

// contextGroup is the publications that wait for their acks under one context. They share one registration
// with it, so a publication costs neither a goroutine nor a place in the context's own list.
type contextGroup struct {
	done  <-chan struct{} // of the context; contexts that share it end together
	stop  func() bool     // ends the registration
	first *outgoing
	ended bool // the context has
}

// join puts out, which has been started, under its context.
func (o *publications) join(ctx context.Context, out *outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if out.left || o.closed {
		return // acked already; or the session completes it now
	}
	g := o.last
	if g == nil || g.done != ctx.Done() || g.ended {
		if g != nil {
			o.last = nil
			o.releaseLocked(g)
		}
		g = &contextGroup{done: ctx.Done()}
		o.last = g
		// Not under the lock: a context that has ended already may call back at once.
		o.mu.Unlock()
		stop := context.AfterFunc(ctx, func() { o.end(ctx, g) })
		o.mu.Lock()
		g.stop = stop
		if out.left {
			o.releaseLocked(g) // another context may have taken its place meanwhile
			return
		}
	}
	if g.ended {
		o.mu.Unlock()
		cancelExchange(ctx, &out.x) // its publisher holds it
		o.mu.Lock()
		return
	}
	out.group, out.next = g, g.first
	if g.first != nil {
		g.first.prev = out
	}
	g.first = out
}

// leave is called when out is done.
func (o *publications) leave(out *outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out.left = true
	g := out.group
	if g == nil {
		return
	}
	if out.prev != nil {
		out.prev.next = out.next
	} else {
		g.first = out.next
	}
	if out.next != nil {
		out.next.prev = out.prev
	}
	out.group, out.next, out.prev = nil, nil, nil
	o.releaseLocked(g)
}

// releaseLocked ends a group's registration when nothing is left of it and nothing more will come.
func (o *publications) releaseLocked(g *contextGroup) {
	if g.first == nil && g != o.last && g.stop != nil {
		g.stop()
	}
}

// end gives up what waits under a context that has ended. It runs on a goroutine of the context package.
func (o *publications) end(ctx context.Context, g *contextGroup) {
	o.mu.Lock()
	g.ended = true
	for out := g.first; out != nil; out = g.first {
		g.first = out.next
		if out.next != nil {
			out.next.prev = nil
		}
		out.group, out.next = nil, nil
		out.held.Add(1) // the session still holds it, as it has not left
		o.mu.Unlock()
		cancelExchange(ctx, &out.x)
		out.letGo()
		o.mu.Lock()
	}
	o.mu.Unlock()
}

// close lets go of the context used last: no more publications come.
func (o *publications) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if g := o.last; g != nil {
		o.last = nil
		o.releaseLocked(g)
	}
}
