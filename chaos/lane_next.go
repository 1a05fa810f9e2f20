package chaos

import "time"

// op is what a lane does next.
type op uint8

const (
	opStop   op = iota
	opWait      // until woken, or until a time
	opRead      // until a time, zero = none
	opWrite     // n bytes of the head
	opFinish    // give dst its EOF
)

type step struct {
	op    op
	n     int
	until time.Time
}

// nextLocked decides what the lane does at now. Everything that a fault changes about a lane is in here.
func (ln *lane) nextLocked(now time.Time) step {
	l := ln.link
	m := ln.modeLocked()
	switch {
	case l.ending != endNone:
		return step{op: opStop}
	case m.stall:
		return step{op: opWait}
	case m.hole || l.lost:
		return ln.swallowLocked(m.hole)
	case !l.ready:
		return step{op: opWait}
	case ln.cut && !ln.finSent:
		return step{op: opFinish}
	case ln.cut && ln.eof:
		return step{op: opStop}
	case ln.cut:
		ln.dropLocked()
		return step{op: opRead}
	case ln.broken:
		l.endLocked(endReset, false)
		return step{op: opStop}
	case ln.finSent:
		return step{op: opStop}
	case len(ln.queue) == 0:
		return step{op: opRead}
	}
	return ln.forwardLocked(now, m)
}

// forwardLocked decides about the head of the queue.
func (ln *lane) forwardLocked(now time.Time, m mode) step {
	head := &ln.queue[0]
	if head.due.After(now) {
		if !ln.eof && ln.queued < maxQueue {
			return step{op: opRead, until: head.due}
		}
		return step{op: opWait, until: head.due}
	}
	if len(head.data) == 0 {
		return step{op: opFinish}
	}
	if ln.writeAt.After(now) {
		ln.paced = true
		return step{op: opWait, until: ln.writeAt}
	}
	if n := ln.reserveLocked(min(len(head.data), m.piece)); n > 0 {
		return step{op: opWrite, n: n}
	}
	return step{op: opWait} // other lanes are about to reach the offset
}

// swallowLocked is nextLocked in a Blackhole, and for ever after it has swallowed something.
func (ln *lane) swallowLocked(hole bool) step {
	l := ln.link
	if ln.dropLocked() > 0 {
		l.lost = true
		l.wakeLocked()
	}
	other := l.lanes[2-ln.side]
	switch {
	case !ln.eof:
		return step{op: opRead}
	case hole && l.dialed && (!other.eof || other.finSent):
		return step{op: opWait} // somebody may still listen, and must not learn of it
	}
	// Nobody is there any more, or the way is back: the answer of a host that knows nothing of the connection.
	l.endLocked(endReset, false)
	return step{op: opStop}
}

// meters returns the four meters that count the bytes of ln.
func (ln *lane) meters() [4]*meter {
	l := ln.link
	return [4]*meter{l.bytes.of(ln.side), l.bytes.of(Both), l.group.total.of(ln.side), l.group.total.of(Both)}
}

// reserveLocked takes up to n bytes on all meters and returns how many there was room for.
func (ln *lane) reserveLocked(n int) int {
	ms := ln.meters()
	for _, m := range ms {
		n = int(min(int64(n), m.room()))
	}
	for _, m := range ms {
		m.taken += int64(n)
	}
	return n
}

// commitLocked records that done of n reserved bytes were forwarded, and fires what waited for them.
func (ln *lane) commitLocked(n, done int) {
	ms := ln.meters()
	for _, m := range ms {
		m.taken -= int64(n - done)
		m.done += int64(done)
	}
	if done < n {
		ln.link.group.wakeAllLocked() // there is room again
	}
	if done == 0 {
		return
	}
	for _, m := range ms {
		ln.link.group.fireMeterLocked(m)
	}
}

// paceLocked says when the next bytes may go, after n went now.
func (ln *lane) paceLocked(n int) {
	m := ln.modeLocked()
	now := time.Now()
	if m.rate > 0 {
		// A timer that was late is made up for, an idle time is not.
		base := now
		if ln.paced && ln.writeAt.After(now.Add(-maxLate)) {
			base = ln.writeAt
		}
		ln.paced = false
		ln.writeAt = base.Add(time.Duration(float64(n) / float64(m.rate) * float64(time.Second)))
	}
	if next := now.Add(m.pause); m.pause > 0 && next.After(ln.writeAt) {
		ln.writeAt = next
	}
}

// flipLocked flips a bit in each byte of data that a Flip is waiting for.
func (ln *lane) flipLocked(data []byte) {
	rest := ln.flips[:0]
	for _, f := range ln.flips {
		for i := 0; i < len(data) && f.left > 0; i++ {
			data[i] ^= 1 << (f.src.next() % 8)
			f.left--
			ln.link.group.counters.Flipped++
		}
		if f.left > 0 {
			rest = append(rest, f)
		}
	}
	ln.flips = rest
}

// dropLocked discards the queue, but not the end in it, and returns how many bytes that were.
func (ln *lane) dropLocked() int {
	n := 0
	var end []chunk
	for _, c := range ln.queue {
		if n += len(c.data); len(c.data) == 0 {
			end = append(end, c)
		}
	}
	ln.queue, ln.queued = end, 0
	ln.countDroppedLocked(n)
	return n
}

func (ln *lane) countDroppedLocked(n int) {
	if ln.side == Up {
		ln.link.group.counters.DroppedUp += int64(n)
	} else {
		ln.link.group.counters.DroppedDown += int64(n)
	}
}

// popLocked takes the head off the queue.
func (ln *lane) popLocked() {
	ln.queue[0] = chunk{}
	ln.queue = ln.queue[1:]
	if len(ln.queue) == 0 {
		ln.queue = nil
	}
}
