package inbox

import (
	"sync/atomic"
	"time"
)

// Item is a message's place in an Inbox, and a part of the message. It is put into one Inbox once. From then on the
// Inbox's lock guards it.
type Item[M any] struct {
	of         M
	queue      *queue[M] // which holds it; nil before PutLocked and once it is handed out
	next, prev *Item[M]  // in its lane of queue
	nextWanted *Item[M]  // in wants

	by    atomic.Pointer[worker[M]] // which has given it to its Consumer; nil before, after, and once Nest was called
	since time.Duration             // unclaimed since then, by uptime
	bytes int32                     // of the limit that unclaimed messages share

	depth    uint8
	complete bool // the body is all there
	wanted   bool // Want was called, or is about to be
}

// Init prepares the Item of m, which was sent from within so many others. bytes is what m counts in Limits.Bytes.
func (it *Item[M]) Init(m M, depth uint8, bytes int, complete bool) {
	it.of, it.depth, it.bytes, it.complete = m, depth, int32(bytes), complete
}

// Nest says that the Consumer that has m may be waiting for messages of a greater depth. From now on, until it has done
// with m, they do not wait for it. Nest does nothing when no Taker's Consumer has m.
func (it *Item[M]) Nest() {
	w := it.by.Load()
	if w == nil {
		return
	}
	in := w.t.in
	in.Lock()
	defer in.Unlock()
	if it.by.CompareAndSwap(w, nil) { // else it is done
		w.nested, w.t.nests = true, true
		w.t.startLocked()
	}
}

// lane is the messages of one depth, in the order in which they were sent.
type lane[M any] struct {
	head, tail *Item[M]
	incomplete int // those whose body is still arriving
}

// push puts it in its place, which is the end unless it comes from another queue.
func (l *lane[M]) push(it *Item[M], room Room[M]) {
	after := l.tail
	for after != nil && room.Before(it.of, after.of) {
		after = after.prev
	}
	it.prev, it.next = after, l.head
	if after != nil {
		it.next = after.next
		after.next = it
	} else {
		l.head = it
	}
	if it.next != nil {
		it.next.prev = it
	} else {
		l.tail = it
	}
	if !it.complete {
		l.incomplete++
	}
}

// remove takes it out, which must be in l.
func (l *lane[M]) remove(it *Item[M]) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		l.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		l.tail = it.prev
	}
	it.prev, it.next = nil, nil
	if !it.complete {
		l.incomplete--
	}
}

// wantAhead is how many messages from the front of a lane have their bodies sent. They are enough to keep the link busy, few
// enough to leave memory for bodies to others.
const wantAhead = 4

// want adds the bodies that are needed next to what Unlock asks for.
func (l *lane[M]) want(w *wants[M]) {
	if l.incomplete == 0 {
		return
	}
	it := l.head
	for i := 0; i < wantAhead && it != nil; i++ {
		if !it.complete && !it.wanted {
			it.wanted = true
			w.add(it)
		}
		it = it.next
	}
}
