package gantline

import (
	"context"
	"sync"
)

// outbox is what a scope keeps of its publications.
type outbox struct {
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
	first *Publication
	ended bool // the context has
}

// join puts p, which has been started, under its context.
func (o *outbox) join(ctx context.Context, p *Publication) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.left || o.closed {
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
		if p.left {
			o.releaseLocked(g) // another context may have taken its place meanwhile
			return
		}
	}
	if g.ended {
		o.mu.Unlock()
		cancelExchange(ctx, &p.x)
		o.mu.Lock()
		return
	}
	p.group, p.next = g, g.first
	if g.first != nil {
		g.first.prev = p
	}
	g.first = p
}

// leave is called when p is done.
func (o *outbox) leave(p *Publication) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.left = true
	g := p.group
	if g == nil {
		return
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		g.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	}
	p.group, p.next, p.prev = nil, nil, nil
	o.releaseLocked(g)
}

// releaseLocked ends a group's registration when nothing is left of it and nothing more will come.
func (o *outbox) releaseLocked(g *contextGroup) {
	if g.first == nil && g != o.last && g.stop != nil {
		g.stop()
	}
}

// end gives up what waits under a context that has ended. It runs on a goroutine of the context package.
func (o *outbox) end(ctx context.Context, g *contextGroup) {
	o.mu.Lock()
	g.ended = true
	for p := g.first; p != nil; p = g.first {
		g.first = p.next
		if p.next != nil {
			p.next.prev = nil
		}
		p.group, p.next = nil, nil
		o.mu.Unlock()
		cancelExchange(ctx, &p.x)
		o.mu.Lock()
	}
	o.mu.Unlock()
}

// close lets go of the context used last: no more publications come.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if g := o.last; g != nil {
		o.last = nil
		o.releaseLocked(g)
	}
}
