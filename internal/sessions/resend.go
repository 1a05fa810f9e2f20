package sessions

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// Resendable is what is sent again in the next session.
type Resendable interface {
	// Send starts it on s. False says that s is gone, and that nothing was done.
	Send(s *Session) bool
	// Drop says that there will be no next session.
	Drop(err error)
	// Waits reports whether somebody still wants it.
	Waits() bool
}

// Queue keeps what a lost session did not settle until it was sent again in the next one, in its old order.
type Queue struct {
	mu    sync.Mutex   // guards what follows
	lost  []lostOpen   // of the session that has ended last, in no order
	queue []Resendable // in order; all of it was opened behind lost
	busy  bool         // one is being sent
	over  bool         // the End is
}

// lostOpen is something with the id it had in the lost session.
type lostOpen struct {
	id   uint64
	what Resendable
}

// Add keeps what was open under id in the session that ends now; false when the End is over.
func (q *Queue) Add(id uint64, what Resendable) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.lost = append(q.lost, lostOpen{id, what})
	}
	return !q.over
}

// collect is called when a session is over and nothing is sent on it any more.
func (q *Queue) collect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	slices.SortStableFunc(q.lost, func(a, b lostOpen) int { return cmp.Compare(a.id, b.id) })
	first := make([]Resendable, 0, len(q.lost)+len(q.queue))
	for _, l := range q.lost {
		first = append(first, l.what)
	}
	q.queue, q.lost = append(first, q.queue...), nil
}

// Empty reports whether nobody waits for anything to be sent.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.busy && !slices.ContainsFunc(q.queue, Resendable.Waits) &&
		!slices.ContainsFunc(q.lost, func(l lostOpen) bool { return l.what.Waits() })
}

// Queued reports whether there is anything to send, wanted or not.
func (q *Queue) Queued() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue) > 0
}

// Push queues what goes behind everything else; false when the End is over.
func (q *Queue) Push(what Resendable) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.queue = append(q.queue, what)
	}
	return !q.over
}

// Run sends everything on s; false when s is gone before.
func (q *Queue) Run(s *Session) bool {
	for {
		q.mu.Lock()
		q.busy = false
		if len(q.queue) == 0 {
			q.queue = nil
			q.mu.Unlock()
			return true
		}
		what := q.queue[0]
		q.queue[0] = nil
		q.queue, q.busy = q.queue[1:], true
		q.mu.Unlock()
		if what.Send(s) {
			continue
		}
		q.mu.Lock()
		q.busy = false
		over := q.over
		if !over {
			q.queue = slices.Insert(q.queue, 0, what)
		}
		q.mu.Unlock()
		if over {
			what.Drop(context.Cause(s.Ctx))
		}
		return false
	}
}

// end drops everything: the End is over.
func (q *Queue) end(err error) {
	q.mu.Lock()
	q.over = true
	lost, queue := q.lost, q.queue
	q.lost, q.queue = nil, nil
	q.mu.Unlock()
	slices.SortFunc(lost, func(a, b lostOpen) int { return cmp.Compare(a.id, b.id) })
	for _, l := range lost {
		l.what.Drop(err)
	}
	for _, what := range queue {
		what.Drop(err)
	}
}

// Before queues what goes before everything else: what pick makes of the queue, unless the End is over.
func (q *Queue) Before(pick func(queued []Resendable) []Resendable) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.queue = append(pick(q.queue), q.queue...)
	}
}

// resend sends on a new session what older ones did not settle. Each kind has its own goroutine, which ends when
// all is sent or the session is gone; the redialler waits for it before it starts another.
func (k *Line) resend(s *Session) {
	for _, w := range []struct {
		from *Queue
		gate *Latch
	}{{&k.Notifies, &s.Notifies}, {&k.Publications, &s.Publications}} {
		if !w.from.Queued() {
			w.gate.Open()
			continue
		}
		s.Resending.Go(func() {
			if w.from.Run(s) {
				w.gate.Open()
			}
		})
	}
}
