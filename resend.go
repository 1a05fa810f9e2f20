package gantline

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// resendable is what is sent again in the next session.
type resendable interface {
	// send starts it on s. False says that s is gone, and that nothing was done.
	send(s *session) bool
	// drop says that there will be no next session.
	drop(err error)
	// waits reports whether somebody still wants it.
	waits() bool
}

// resender keeps what a lost session did not settle until it was sent again in the next one, in its old order.
type resender struct {
	mu    sync.Mutex   // guards what follows
	lost  []lostOpen   // of the session that has ended last, in no order
	queue []resendable // in order; all of it was opened behind lost
	busy  bool         // one is being sent
	over  bool         // the End is
}

// lostOpen is something with the id it had in the lost session.
type lostOpen struct {
	id   uint64
	what resendable
}

// add keeps what was open under id in the session that ends now; false when the End is over.
func (r *resender) add(id uint64, what resendable) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.lost = append(r.lost, lostOpen{id, what})
	}
	return !r.over
}

// collect is called when a session is over and nothing is sent on it any more.
func (r *resender) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.lost, func(a, b lostOpen) int { return cmp.Compare(a.id, b.id) })
	first := make([]resendable, 0, len(r.lost)+len(r.queue))
	for _, l := range r.lost {
		first = append(first, l.what)
	}
	r.queue, r.lost = append(first, r.queue...), nil
}

// empty reports whether nobody waits for anything to be sent.
func (r *resender) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.busy && !slices.ContainsFunc(r.queue, resendable.waits) &&
		!slices.ContainsFunc(r.lost, func(l lostOpen) bool { return l.what.waits() })
}

// queued reports whether there is anything to send, wanted or not.
func (r *resender) queued() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue) > 0
}

// push queues what goes behind everything else; false when the End is over.
func (r *resender) push(what resendable) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.queue = append(r.queue, what)
	}
	return !r.over
}

// run sends everything on s; false when s is gone before.
func (r *resender) run(s *session) bool {
	for {
		r.mu.Lock()
		r.busy = false
		if len(r.queue) == 0 {
			r.queue = nil
			r.mu.Unlock()
			return true
		}
		what := r.queue[0]
		r.queue[0] = nil
		r.queue, r.busy = r.queue[1:], true
		r.mu.Unlock()
		if what.send(s) {
			continue
		}
		r.mu.Lock()
		r.busy = false
		over := r.over
		if !over {
			r.queue = slices.Insert(r.queue, 0, what)
		}
		r.mu.Unlock()
		if over {
			what.drop(context.Cause(s.e.ctx))
		}
		return false
	}
}

// end drops everything: the End is over.
func (r *resender) end(err error) {
	r.mu.Lock()
	r.over = true
	lost, queue := r.lost, r.queue
	r.lost, r.queue = nil, nil
	r.mu.Unlock()
	slices.SortFunc(lost, func(a, b lostOpen) int { return cmp.Compare(a.id, b.id) })
	for _, l := range lost {
		l.what.drop(err)
	}
	for _, what := range queue {
		what.drop(err)
	}
}

// resend sends on a new session what older ones did not settle. Each kind has its own goroutine, which ends when
// all is sent or the session is gone; the redialler waits for it before it starts another.
func (s *session) resend() {
	for _, k := range []struct {
		from *resender
		gate *latch
	}{{&s.e.notes, &s.notes}, {&s.e.letters, &s.letters}} {
		if !k.from.queued() {
			k.gate.release()
			continue
		}
		s.resending.Go(func() {
			if k.from.run(s) {
				k.gate.release()
			}
		})
	}
}
