package sessions

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// Resendable is what a lost session did not settle, and the next one sends again.
type Resendable interface {
	// Send starts it on s. False says that s is gone, and that nothing was done.
	Send(s *Session) bool
	// Drop is called when there will be no next session.
	Drop(err error)
	// Waits reports whether somebody still wants it.
	Waits() bool
}

// Queue has what is to be sent again, in its old order. The zero value is ready.
type Queue struct {
	mu       sync.Mutex     // guards what follows
	lost     []lostExchange // of the session that has ended last, in no order
	queue    []Resendable   // in order; each was begun after all of lost
	sending  int            // how many were taken out and are being sent
	finished bool           // the Line has
}

// lostExchange is a Resendable with the id that it had in the lost session.
type lostExchange struct {
	id   uint64
	what Resendable
}

// Add takes what was open under id in the session that ends now. It returns false if the Line has finished.
func (q *Queue) Add(id uint64, what Resendable) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.finished {
		q.lost = append(q.lost, lostExchange{id, what})
	}
	return !q.finished
}

// Push takes what goes after everything else. It returns false if the Line has finished.
func (q *Queue) Push(what Resendable) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.finished {
		q.queue = append(q.queue, what)
	}
	return !q.finished
}

// Before takes what goes before everything else: what pick makes of the queue. If the Line has finished it does nothing.
func (q *Queue) Before(pick func(queued []Resendable) []Resendable) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.finished {
		q.queue = append(pick(q.queue), q.queue...)
	}
}

// Queued reports whether there is anything to send, wanted or not.
func (q *Queue) Queued() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue) > 0
}

// Empty reports whether nobody waits for anything to be sent.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sending == 0 && !slices.ContainsFunc(q.queue, Resendable.Waits) &&
		!slices.ContainsFunc(q.lost, func(l lostExchange) bool { return l.what.Waits() })
}

// Run sends everything on s. It returns false if s is gone before.
func (q *Queue) Run(s *Session) bool {
	for {
		what := q.take()
		if what == nil {
			return true
		}
		sent := what.Send(s)
		if kept := q.sent(what, sent); !sent {
			if !kept {
				what.Drop(context.Cause(s.Ctx))
			}
			return false
		}
	}
}

// resend sends everything on s, on a goroutine of its own. That ends when all is sent or s is gone. It opens sent when
// all is sent.
func (q *Queue) resend(ln *Line, s *Session, sent *Latch) {
	if !q.Queued() {
		sent.Open()
		return
	}
	ln.Resend(s, func() {
		if q.Run(s) {
			sent.Open()
		}
	})
}

// Resend calls f, which sends on s again, on a goroutine of its own that is one of s.Resending. Outcomes of what f sends
// may run the application's code.
func (ln *Line) Resend(s *Session, f func()) { s.Resending.Go(func() { ln.Users.Run(f) }) }

// take takes the first one out to be sent, nil if there is none.
func (q *Queue) take() (what Resendable) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		q.queue = nil
		return nil
	}
	q.sending++
	what = q.queue[0]
	q.queue[0] = nil
	q.queue = q.queue[1:]
	return what
}

// sent says that take's result was sent, or puts it back. It returns false if the Line has finished.
func (q *Queue) sent(what Resendable, sent bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending--
	if !sent && !q.finished {
		q.queue = slices.Insert(q.queue, 0, what)
	}
	return !q.finished
}

// collect puts what the last session left before the rest. That session has ended, and nothing is sent on it any more.
func (q *Queue) collect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.collectLocked()
}

func (q *Queue) collectLocked() {
	slices.SortStableFunc(q.lost, func(a, b lostExchange) int { return cmp.Compare(a.id, b.id) })
	first := make([]Resendable, 0, len(q.lost)+len(q.queue))
	for _, l := range q.lost {
		first = append(first, l.what)
	}
	q.queue, q.lost = append(first, q.queue...), nil
}

// append puts what a retired session left after the rest, which it left before. It reports whether there was anything.
func (q *Queue) append() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.queue
	q.queue = nil
	q.collectLocked()
	left := len(q.queue) > 0
	q.queue = append(rest, q.queue...)
	return left
}

// end drops everything, in order: the Line has finished.
func (q *Queue) end(err error) {
	q.mu.Lock()
	q.finished = true
	q.collectLocked()
	dropped := q.queue
	q.queue = nil
	q.mu.Unlock()
	for _, what := range dropped {
		what.Drop(err)
	}
}
