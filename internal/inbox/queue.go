package inbox

import "time"

// Item is a message's place in an Inbox, and a part of the message. It is put into one Inbox once. From then on the
// Inbox's lock guards it.
type Item[M any] struct {
	of         M
	queue      *queue[M] // which holds it; nil before PutLocked and once it is handed out
	next, prev *Item[M]  // in queue
	nextWanted *Item[M]  // in wants

	since    time.Duration // unclaimed since then, by uptime
	bytes    int32         // of the limit that unclaimed messages share
	complete bool          // the body is all there
	wanted   bool          // Want was called, or is about to be
}

// Init prepares the Item of m. bytes is what m counts in Limits.Bytes.
func (it *Item[M]) Init(m M, bytes int, complete bool) {
	it.of, it.bytes, it.complete = m, int32(bytes), complete
}

// queue is messages in the order in which they were sent.
type queue[M any] struct {
	taker      *Taker[M] // whose it is; nil for Receive's
	head, tail *Item[M]
	len        int
	bytes      int
	incomplete int // of len, those whose body is still arriving
}

// push puts it in its place, which is the end unless it comes from another queue.
func (q *queue[M]) push(it *Item[M], room Room[M]) {
	after := q.tail
	for after != nil && room.Before(it.of, after.of) {
		after = after.prev
	}
	it.queue, it.prev, it.next = q, after, q.head
	if after != nil {
		it.next = after.next
		after.next = it
	} else {
		q.head = it
	}
	if it.next != nil {
		it.next.prev = it
	} else {
		q.tail = it
	}
	q.len++
	q.bytes += int(it.bytes)
	if !it.complete {
		q.incomplete++
	}
}

// remove takes it out, which must be in q.
func (q *queue[M]) remove(it *Item[M]) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		q.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		q.tail = it.prev
	}
	it.queue, it.prev, it.next = nil, nil, nil
	q.len--
	q.bytes -= int(it.bytes)
	if !it.complete {
		q.incomplete--
	}
}

// ready reports whether the first message can be handed out. A later one must wait for it.
func (q *queue[M]) ready() bool { return q.head != nil && q.head.complete }

// pop takes the first message out if it can be handed out, else returns nil.
func (q *queue[M]) pop() *Item[M] {
	it := q.head
	if it == nil || !it.complete {
		return nil
	}
	q.remove(it)
	return it
}

// completed records that the body of it, which is in q, has arrived.
func (q *queue[M]) completed(it *Item[M]) {
	it.complete = true
	q.incomplete--
}

// wantAhead is how many messages from the front of a queue have their bodies sent. They are enough to keep the link busy, few
// enough to leave memory for bodies to others.
const wantAhead = 4

// want adds the bodies that q's consumer needs next to what Unlock asks for.
func (q *queue[M]) want(w *wants[M]) {
	if q.incomplete == 0 {
		return
	}
	it := q.head
	for i := 0; i < wantAhead && it != nil; i++ {
		if !it.complete && !it.wanted {
			it.wanted = true
			w.add(it)
		}
		it = it.next
	}
}

// wants is the messages whose bodies Unlock asks for, in the order in which they were found to be wanted.
type wants[M any] struct{ first, last *Item[M] }

func (w *wants[M]) add(it *Item[M]) {
	if w.last == nil {
		w.first = it
	} else {
		w.last.nextWanted = it
	}
	w.last = it
}

// ask asks for them. No lock is held; only one goroutine has w.
func (w wants[M]) ask(room Room[M]) {
	for it := w.first; it != nil; {
		next := it.nextWanted
		it.nextWanted = nil // a message that is kept must not keep the others
		room.Want(it.of)
		it = next
	}
}
