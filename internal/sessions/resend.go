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
	lost     []lostExchange // of sessions that have ended or do not serve it, in no order
	queue    []Resendable   // in order; each was begun after all of lost, or left before it by a retired session
	sending  int            // how many were taken out and are being sent
	running  bool           // somebody sends what is in queue, or is about to
	finished bool           // the Line has
}

// lostExchange is a Resendable with the session in which it was lost, and the id that it had there.
type lostExchange struct {
	seq, id uint64
	what    Resendable
}

// Add takes what was open under id in the session that ends now. It returns false if the Line has finished.
func (q *Queue) Add(id uint64, what Resendable) bool { return q.add(0, id, what) }

func (q *Queue) add(seq, id uint64, what Resendable) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.finished {
		q.lost = append(q.lost, lostExchange{seq, id, what})
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

// Run sends everything on s. It returns false if s is gone before. One goroutine at a time may call it.
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
// all is sent. reserve was called before.
func (q *Queue) resend(ln *Line, s *Session, sent *Latch) {
	if q.idle() {
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
		q.queue, q.running = nil, false
		return nil
	}
	q.sending++
	what = q.queue[0]
	q.queue[0] = nil
	q.queue = q.queue[1:]
	return what
}

// sent says that take's result was sent, or puts it back and ends the run. It returns false if the Line has finished.
func (q *Queue) sent(what Resendable, sent bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending--
	q.running = sent
	if !sent && !q.finished {
		q.queue = slices.Insert(q.queue, 0, what)
	}
	return !q.finished
}

// reserve keeps the queue for the resend of the session that is about to begin.
func (q *Queue) reserve() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = true
}

// idle ends a reservation if there is nothing to send, and reports whether that is so.
func (q *Queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = len(q.queue) > 0
	return !q.running
}

// collect takes up what was lost, for the session after the one with number seq. Nothing is sent on that any more. What it
// has left goes before the rest, and what older ones have left after it: they left the rest before.
func (q *Queue) collect(seq uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.collectLocked(seq)
}

func (q *Queue) collectLocked(seq uint64) {
	slices.SortStableFunc(q.lost, func(a, b lostExchange) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.id, b.id))
	})
	var first, last []Resendable
	for _, l := range q.lost {
		if l.seq == 0 || l.seq >= seq {
			first = append(first, l.what)
		} else {
			last = append(last, l.what)
		}
	}
	if q.lost = nil; len(first) > 0 {
		q.queue = append(first, q.queue...)
	}
	q.queue = append(q.queue, last...)
}

// append takes up what retired sessions left, after the rest, while the session with number seq is the newest. It reports
// whether the queue has to be run: if somebody does so already, no other one may, or what comes first is not sent first.
func (q *Queue) append(seq uint64) (run bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lost) > 0 {
		q.collectLocked(seq)
	}
	run = !q.running && len(q.queue) > 0
	q.running = q.running || run
	return run
}

// end drops everything, in order: the Line has finished.
func (q *Queue) end(err error) {
	q.mu.Lock()
	q.finished = true
	q.collectLocked(0)
	dropped := q.queue
	q.queue = nil
	q.mu.Unlock()
	for _, what := range dropped {
		what.Drop(err)
	}
}
