package inbox

// queue is messages in the order in which they were sent. There is a lane for each depth, because a message may be needed
// before one that is less deep: see next.
type queue[M any] struct {
	taker *Taker[M] // whose it is; nil for Receive's
	outer lane[M]   // depth 0
	inner []lane[M] // depth 1, 2 and so on, as far as there ever was a message
	len   int
	bytes int
}

// lane returns the one of a depth.
func (q *queue[M]) lane(depth int) *lane[M] {
	if depth == 0 {
		return &q.outer
	}
	return q.innerLane(depth)
}

func (q *queue[M]) innerLane(depth int) *lane[M] {
	for len(q.inner) < depth {
		q.inner = append(q.inner, lane[M]{})
	}
	return &q.inner[depth-1]
}

func (q *queue[M]) push(it *Item[M], room Room[M]) {
	it.queue = q
	q.lane(int(it.depth)).push(it, room)
	q.len++
	q.bytes += int(it.bytes)
}

// remove takes it out, which must be in q.
func (q *queue[M]) remove(it *Item[M]) {
	q.lane(int(it.depth)).remove(it)
	it.queue = nil
	q.len--
	q.bytes -= int(it.bytes)
}

// next returns the message to hand out next, of those deeper than above; -1 is all. It is nil while there is none. A message
// whose body is still arriving holds back later ones, but none that is deeper: its body may be waiting for that.
func (q *queue[M]) next(above int, room Room[M]) *Item[M] {
	if it := q.outer.head; len(q.inner) == 0 && above < 0 && it != nil && it.complete { // the common case
		return it
	}
	var first, arriving *Item[M]
	for depth := len(q.inner); depth > above; depth-- {
		switch it := q.lane(depth).head; {
		case it == nil, arriving != nil && room.Before(arriving.of, it.of):
		case !it.complete:
			arriving = it
		case first == nil || room.Before(it.of, first.of):
			first = it
		}
	}
	return first
}

// pop takes out what next returns.
func (q *queue[M]) pop(above int, room Room[M]) *Item[M] {
	it := q.next(above, room)
	if it != nil {
		q.remove(it)
	}
	return it
}

// all yields every message, which may be removed then.
func (q *queue[M]) all(yield func(*Item[M]) bool) {
	for depth := 0; depth <= len(q.inner); depth++ {
		for it := q.lane(depth).head; it != nil; {
			next := it.next
			if !yield(it) {
				return
			}
			it = next
		}
	}
}

// oldest returns the message that has been unclaimed for the longest time, nil when q is empty.
func (q *queue[M]) oldest() *Item[M] {
	first := q.outer.head
	for i := range q.inner {
		if it := q.inner[i].head; it != nil && (first == nil || it.since < first.since) {
			first = it
		}
	}
	return first
}

// completed records that the body of it, which is in q, has arrived.
func (q *queue[M]) completed(it *Item[M]) {
	it.complete = true
	q.lane(int(it.depth)).incomplete--
}

// want adds the bodies that q's consumer needs next to what Unlock asks for.
func (q *queue[M]) want(w *wants[M]) {
	for depth := 0; depth <= len(q.inner); depth++ {
		q.lane(depth).want(w)
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
