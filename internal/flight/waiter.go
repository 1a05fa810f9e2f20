package flight

import (
	"context"
	"sync"
)

// Pool keeps the waiters of one End for reuse.
type Pool struct {
	mu   sync.Mutex // guards what follows
	free *Flight    // the one used last first, linked by next
	n    int
}

// maxFree bounds what an idle End holds: about 100 KiB.
const maxFree = 256

// Waiter returns a flight whose starter waits for the outcome, and calls Release then.
func (p *Pool) Waiter() *Flight {
	p.mu.Lock()
	f := p.free
	if f != nil {
		p.free, f.next = f.next, nil
		p.n--
	}
	p.mu.Unlock()
	if f == nil {
		f = &Flight{done: make(chan struct{}, 1), pool: p}
		f.Sink = (*sink)(f)
	}
	return f
}

// Wait waits for the outcome. When ctx ends before, the flight is given up; Wait reports that, and the outcome may be a
// better one all the same.
func (f *Flight) Wait(ctx context.Context) (gaveUp bool) {
	select {
	case <-f.done:
		return false
	case <-ctx.Done(): // nil when it never ends
		f.cancel(ctx)
		<-f.done
		return true
	}
}

// Await is Wait without a context: somebody else gives the flight up when the time has come.
func (f *Flight) Await() { <-f.done }

// Release lets go of a waiter after Wait or Await. It is forgotten if the session may still look at it.
func (f *Flight) Release() {
	if !f.Reusable {
		return
	}
	f.Clear()
	p := f.pool
	p.mu.Lock()
	if p.n < maxFree {
		p.free, f.next = f, p.free
		p.n++
	}
	p.mu.Unlock()
}
