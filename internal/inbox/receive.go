package inbox

import (
	"context"
	"errors"
)

// ErrGaveUp is what Receive returns when its context has ended.
var ErrGaveUp = errors.New("inbox: the context has ended")

// receiver is a Receive that waits. Its channel has room for the one message it is given, or nil at the end.
type receiver[M any] struct {
	ch         chan *Item[M]
	next, prev *receiver[M]
	waits      bool // it is in the list
}

// receivers is a FIFO.
type receivers[M any] struct{ head, tail *receiver[M] }

func (l *receivers[M]) push(r *receiver[M]) {
	r.prev, r.next, r.waits = l.tail, nil, true
	if l.tail == nil {
		l.head = r
	} else {
		l.tail.next = r
	}
	l.tail = r
}

func (l *receivers[M]) remove(r *receiver[M]) {
	if r.prev == nil {
		l.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.next, r.prev, r.waits = nil, nil, false
}

// Receive returns the next unclaimed message, and waits for one until ctx ends. Those that wait are served in turn. A
// message that was given to a Receive is returned by it, even when ctx ends at that moment.
func (in *Inbox[M]) Receive(ctx context.Context) (m M, err error) {
	in.mu.Lock()
	in.receives++
	if it := in.unclaimed.pop(-1, in.room); it != nil { // then no other Receive waits, or it would have been served
		in.mu.Unlock()
		return it.of, nil
	}
	if err = in.ended; err != nil {
		in.mu.Unlock()
		return m, err
	}
	r := in.spare
	if r == nil {
		r = &receiver[M]{ch: make(chan *Item[M], 1)}
	}
	in.spare = nil
	in.waiting.push(r)
	in.unclaimed.want(&in.wants)
	in.Unlock()

	var it *Item[M]
	gaveUp := false
	select {
	case it = <-r.ch: // nil when the Inbox has ended
	case <-ctx.Done():
		gaveUp = true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if r.waits {
		in.waiting.remove(r)
	} else if gaveUp { // served meanwhile
		it = <-r.ch
	}
	in.spare = r
	switch {
	case it != nil:
		return it.of, nil
	case gaveUp:
		return m, ErrGaveUp
	}
	return m, in.ended
}

// serveLocked hands unclaimed messages to the Receives that wait.
func (in *Inbox[M]) serveLocked() {
	for r := in.waiting.head; r != nil; r = in.waiting.head {
		it := in.unclaimed.pop(-1, in.room)
		if it == nil {
			in.unclaimed.want(&in.wants)
			return
		}
		in.waiting.remove(r)
		r.ch <- it
	}
}
