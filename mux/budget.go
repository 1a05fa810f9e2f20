package mux

import (
	"math/bits"
	"sync"

	"github.com/gantline-project/gantline/frame"
)

// budget bounds what the peer may have sent beyond its early windows: grants to streams that are read,
// and grants to bodies being assembled. The two do not compete, so a stream that stops reading cannot
// keep a call from completing.
//
// A body holds its share until it is handed to the application, which may take as long as a handler or a
// consumer takes, and that one may wait for other bodies. So bodies stand in lanes that cannot wait for
// themselves: answers, calls of each depth, messages. A lane that holds nothing gets one body even when
// the budget is spent; all others wait until something is handed over.
type budget struct {
	mu      sync.Mutex // guards all; nothing is called with it held
	total   int        // for windows; constant
	streams int        // of it left; below 0 by least windows that went over it
	readers int        // streams that have a window
	bodies  int        // left for bodies; below 0 by the bodies that went over it
	lanes   [bodyLanes]bodyLane
}

// bodyLane is one class of bodies, granted in the order they ask.
type bodyLane struct {
	held  int // bodies granted and not handed over
	queue []*assembly
}

const (
	answerLane  = 0
	callLane    = 1 // plus the depth
	messageLane = callLane + MaxDepth + 1
	bodyLanes   = messageLane + 1
)

// laneOf returns the lane of f's incoming body.
func laneOf(f *flow) int {
	switch {
	case f.own:
		return answerLane
	case f.group == frame.GroupMessages:
		return messageLane
	}
	return callLane + int(f.depth)
}

func (b *budget) init(streams, bodies int) { b.total, b.streams, b.bodies = streams, streams, bodies }

// shareLocked returns what every stream that is read may have: want, or a power of 2 when there are too many of
// them, since the halves of such a window are whole frames.
func (b *budget) shareLocked(want int) int {
	if fair := b.total / b.readers; fair < want {
		return max(1<<bits.Len(uint(fair))>>1, min(want, minWindow))
	}
	return want
}

// window returns the first window of a stream and reserves it: its share, but no more than an eighth of what is
// left, as the stream may never use it, and no less than the minimum.
func (b *budget) window(want int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers++
	n := max(min(b.shareLocked(want), b.streams/8), min(want, minWindow))
	b.streams -= n
	return n
}

// fit returns what a window in use is to be from now on, of which inUse is granted or buffered. Below its share it
// grows as far as there is something left. Above, because it was grown or there were fewer streams, it gives back
// when the streams are too many for want, or another first window does not fit.
func (b *budget) fit(window, want, inUse int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	to, share := window, b.shareLocked(want)
	switch {
	case window < share:
		to += max(0, min(share-window, b.streams))
	case share < want || b.streams < want:
		to = min(window, max(share, b.total/b.readers, inUse))
	}
	b.streams += window - to
	return to
}

// grow reserves up to n more for a window, and returns how much. It leaves some to first windows.
func (b *budget) grow(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = max(0, min(n, b.streams-b.total/16))
	b.streams -= n
	return n
}

// freeWindow gives all of a window back; 0 is none.
func (b *budget) freeWindow(n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.streams += n
	b.readers--
	b.mu.Unlock()
}

// ask queues a for a.cost bytes and returns what can be granted now.
func (b *budget) ask(a *assembly) []*assembly {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &b.lanes[a.lane]
	l.queue = append(l.queue, a)
	return b.nextLocked()
}

// handedOver books that a granted body of that cost is the application's now, or was given up.
func (b *budget) handedOver(lane, cost int) []*assembly {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lanes[lane].held--
	b.bodies += cost
	return b.nextLocked()
}

// nextLocked takes from the queues what fits.
func (b *budget) nextLocked() (granted []*assembly) {
	for i := range b.lanes {
		l := &b.lanes[i]
		for len(l.queue) > 0 && (l.held == 0 || l.queue[0].cost <= b.bodies) {
			a := l.queue[0]
			l.queue = l.queue[1:]
			l.held++
			b.bodies -= a.cost
			granted = append(granted, a)
		}
	}
	return granted
}

// drop takes a out of its queue, if it is there, and returns what can be granted now.
func (b *budget) drop(a *assembly) []*assembly {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &b.lanes[a.lane]
	for i, x := range l.queue {
		if x == a {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return b.nextLocked() // those behind it may need less
		}
	}
	return nil
}
