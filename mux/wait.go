package mux

import (
	"context"
	"time"
)

// A waiter is one blocked operation. It gets exactly one token: whoever takes it off its list sends it.
// Waiters are reused within a session only, so that their channels never cross a synctest bubble.
type waiter struct {
	ch      chan struct{} // capacity 1
	next    *waiter
	need    int       // what it waits for, in the list's unit
	granted bool      // the thing waited for came with the token
	label   labelSize // that is what was granted, to an open that waits for it
	queued  bool      // on a list; false once the token is sent

	// Of a writer that is parked on its flow.
	pend []byte // what it still has to send
	head []byte // trailer that goes with the end
	fin  bool   // the end follows pend
	done bool   // all of it is in the log
}

// waitList is a FIFO of waiters, guarded by the lock of what is waited for.
type waitList struct{ head, tail *waiter }

func (q *waitList) empty() bool { return q.head == nil }

func (q *waitList) push(w *waiter) {
	w.queued, w.granted, w.next = true, false, nil
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
}

// wakeFirst takes the first waiter off the list and gives it its token.
func (q *waitList) wakeFirst(granted bool) {
	w := q.head
	if w == nil {
		return
	}
	if q.head = w.next; q.head == nil {
		q.tail = nil
	}
	w.next, w.queued, w.granted = nil, false, granted
	w.ch <- struct{}{}
}

func (q *waitList) wakeAll() {
	for q.head != nil {
		q.wakeFirst(false)
	}
}

// remove takes w off the list without a token.
func (q *waitList) remove(w *waiter) {
	var prev *waiter
	for x := q.head; x != nil; prev, x = x, x.next {
		if x != w {
			continue
		}
		if prev == nil {
			q.head = x.next
		} else {
			prev.next = x.next
		}
		if q.tail == x {
			q.tail = prev
		}
		w.next, w.queued = nil, false
		return
	}
}

// maxIdleWaiters bounds the session's free list.
const maxIdleWaiters = 64

// newWaiterLocked returns a waiter from the session's free list.
func (s *Session) newWaiterLocked() *waiter {
	if n := len(s.idleWaiters); n > 0 {
		w := s.idleWaiters[n-1]
		s.idleWaiters = s.idleWaiters[:n-1]
		return w
	}
	return &waiter{ch: make(chan struct{}, 1)}
}

func (s *Session) freeWaiterLocked(w *waiter) {
	if len(s.idleWaiters) < maxIdleWaiters {
		s.idleWaiters = append(s.idleWaiters, w)
	}
}

// awaitOpenLocked is awaitLocked for what an open needs.
func (s *Session) awaitOpenLocked(o *Open, q *waitList, need int, ctx context.Context, timer *openTimer) (granted bool, err error) {
	if o.NoWait {
		return false, ErrWouldWait
	}
	return s.awaitLocked(q, need, ctx, timer.c())
}

// awaitLocked queues on q for need, and waits with the send lock released. It ends when it is woken, ctx ends or
// the timer fires. It reports whether it got what it waited for; err is set when ctx or timeout came first.
func (s *Session) awaitLocked(q *waitList, need int, ctx context.Context, timeout <-chan time.Time) (granted bool, err error) {
	w := s.newWaiterLocked()
	granted, err = s.awaitOnLocked(w, q, need, ctx, timeout)
	s.freeWaiterLocked(w)
	return granted, err
}

// awaitOnLocked is awaitLocked of a waiter of the caller's.
func (s *Session) awaitOnLocked(w *waiter, q *waitList, need int, ctx context.Context, timeout <-chan time.Time) (granted bool, err error) {
	var done <-chan struct{}
	if ctx != nil {
		done = ctx.Done()
	}
	w.need = need
	q.push(w)
	s.l.Unlock()
	woken := true
	if done == nil && timeout == nil {
		<-w.ch
	} else {
		select {
		case <-w.ch:
		case <-done:
			woken, err = false, context.Cause(ctx)
		case <-timeout:
			woken, err = false, ErrOpenTimeout
		}
	}
	s.l.Lock()
	if !woken {
		if w.queued {
			q.remove(w)
		} else {
			<-w.ch // woken in the meantime: the token is ours, and so is what came with it
			if w.granted {
				err = nil
			}
		}
	}
	return w.granted, err
}
