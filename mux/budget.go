package mux

import (
	"math/bits"
	"slices"
	"sync"

	"github.com/gantline-project/gantline/frame"
)

// budget bounds what the peer may have sent beyond its early windows. It makes grants to streams that are
// read, and to bodies being assembled. The two do not compete, so a stream that stops reading cannot keep a
// call from completing. Whatever it grants is taken from the process, too.
//
// A body holds its share until the application has it. That may take as long as a handler or a consumer
// takes, which may in turn wait for other bodies. So bodies stand in lanes that cannot wait for themselves:
// answers, calls of each depth, messages of each depth. A lane that holds nothing gets one body even when the budget is
// spent. All others wait until the application takes a body.
//
// A grant is charged in full, since it cannot be taken back. A body of which nothing has come costs its sender
// nothing, so such bodies get no more than half of what the process has.
type budget struct {
	proc *process

	mu      sync.Mutex // guards what follows but needs; only the process's lock is taken with it held
	total   int        // for windows; constant
	streams int        // of it left; below 0 by least windows that exceeded it
	readers int        // streams that have a window
	bodies  int        // left for bodies; below 0 by the bodies that exceeded it
	room    int        // for bodies; constant
	lanes   [bodyLanes]bodyLane
	closed  bool // the session is gone: the process has everything back

	windowsBeyond, bodiesBeyond int    // granted, and the process had no room for it
	needs                       [2]int // what the next body, and the next that has not begun, waits for in the process; guarded by its lock
}

// bodyLane is one class of bodies, granted in the order they ask.
type bodyLane struct {
	held  int // bodies granted that the application does not have yet
	queue []*assembly
}

const (
	answerLane  = 0
	callLane    = 1                       // plus the depth
	messageLane = callLane + MaxDepth + 1 // plus the depth
	bodyLanes   = messageLane + MaxDepth + 1
)

// laneOf returns the lane of f's incoming body.
func laneOf(f *flow) int {
	switch {
	case f.own:
		return answerLane
	case f.group == frame.GroupMessages:
		return messageLane + int(f.depth)
	}
	return callLane + int(f.depth)
}

func (b *budget) init(proc *process, streams, bodies int) {
	b.proc, b.total, b.streams, b.bodies, b.room = proc, streams, streams, bodies, bodies
}

// shareLocked returns what every stream that is read may have. It is want or, when there are too many streams, a
// power of 2: the halves of such a window are whole frames.
func (b *budget) shareLocked(want int) int {
	if fair := b.total / b.readers; fair < want {
		return max(1<<bits.Len(uint(fair))>>1, min(want, minWindow))
	}
	return want
}

// window returns the first window of a stream and reserves it. It is the stream's share, but no more than an
// eighth of what is left, as the stream may never use it, and no less than the minimum.
func (b *budget) window(want int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers++
	least := min(want, minWindow)
	n := max(min(b.shareLocked(want), b.streams/8), least)
	if !b.closed {
		var beyond int
		n, beyond = b.proc.window(n, least, b.streams == b.total)
		b.windowsBeyond += beyond
	}
	b.streams -= n
	return n
}

// fit returns how large a window in use is to be from now on. inUse of it is granted or buffered. Below its share
// it grows as far as there is something left. Above, because it was grown or there were fewer streams, it gives back
// when the streams are too many for want, or another first window does not fit, or the process is short.
func (b *budget) fit(window, want, inUse int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	to, share := window, b.shareLocked(want)
	switch {
	case window < share:
		to += b.takeLocked(max(0, min(share-window, b.streams)), true)
		return to
	case share < want || b.streams < want:
		to = min(window, max(share, b.total/b.readers, inUse))
	}
	b.freeLocked(window - to)
	return b.giveBackLocked(to, want, inUse)
}

// giveBack returns how large a window in use is to be from now on. inUse of it is granted or buffered. While the
// process is short, the window is halved, but not below least.
func (b *budget) giveBack(window, least, inUse int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.giveBackLocked(window, least, inUse)
}

func (b *budget) giveBackLocked(window, least, inUse int) int {
	if !b.proc.tight.Load() {
		return window
	}
	to := min(window, max(window/2, least, inUse))
	b.freeLocked(window - to)
	return to
}

// grow reserves up to n more for a window, and returns how much. It leaves some to first windows.
func (b *budget) grow(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.takeLocked(max(0, min(n, b.streams-b.total/16)), false)
}

// takeLocked takes what the process has of n.
func (b *budget) takeLocked(n int, small bool) int {
	if b.closed || n == 0 {
		return 0
	}
	n = b.proc.grow(n, small)
	b.streams -= n
	return n
}

// freeWindow gives all of a window back; 0 is none.
func (b *budget) freeWindow(n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.readers--
	b.freeLocked(n)
	b.mu.Unlock()
}

func (b *budget) freeLocked(n int) {
	if b.streams += n; n == 0 || b.closed {
		return
	}
	beyond := min(n, b.windowsBeyond)
	b.windowsBeyond -= beyond
	b.proc.freeWindows(n-beyond, beyond)
}

// ask queues a for a.cost bytes and returns what can be granted now.
func (b *budget) ask(a *assembly) []*assembly {
	b.mu.Lock()
	l := &b.lanes[a.lane]
	l.queue = append(l.queue, a)
	return b.served(b.nextLocked())
}

// handedOver records that the application has a granted body, or that it was given up.
func (b *budget) handedOver(a *assembly) []*assembly {
	b.mu.Lock()
	b.lanes[a.lane].held--
	b.bodies += a.cost
	switch {
	case b.closed:
	case a.beyond:
		b.bodiesBeyond -= a.cost
		b.proc.freeBodies(0, a.cost)
	default:
		b.proc.freeBodies(a.cost, 0)
	}
	return b.served(b.nextLocked())
}

// begun returns what can be granted now that a body which waits has begun.
func (b *budget) begun() []*assembly {
	b.mu.Lock()
	return b.served(b.nextLocked())
}

// drop takes a out of its queue, if it is there, and returns what can be granted now.
func (b *budget) drop(a *assembly) []*assembly {
	b.mu.Lock()
	l := &b.lanes[a.lane]
	l.queue = slices.DeleteFunc(l.queue, func(x *assembly) bool { return x == a })
	return b.served(b.nextLocked()) // those after it may need less
}

// served unlocks b and adds what other sessions are granted to what b is.
func (b *budget) served(granted []*assembly) []*assembly {
	b.mu.Unlock()
	return append(granted, b.proc.serve()...)
}

// nextLocked takes from the queues what fits.
func (b *budget) nextLocked() (granted []*assembly) {
	if b.closed {
		return nil
	}
	var needs [2]int // of the first body, and the first not begun, that only the process has no room for; what comes after it must not overtake
	for i := range b.lanes {
		l := &b.lanes[i]
		for len(l.queue) > 0 {
			a := l.queue[0]
			if l.held == 0 {
				if a.beyond = !b.proc.firstBody(queueOf(a), a.cost); a.beyond {
					b.bodiesBeyond += a.cost
				}
			} else if q := queueOf(a); needs[q] > 0 || a.cost > b.bodies {
				break
			} else if !b.proc.body(b, q, a.cost) {
				needs[q] = a.cost
				break
			}
			l.queue = l.queue[1:]
			l.held++
			b.bodies -= a.cost
			granted = append(granted, a)
		}
	}
	b.proc.queue(b, needs)
	return granted
}

// close gives everything back to the process, for good. The peer of a session that is gone sends nothing more.
// close returns what others are granted now.
func (b *budget) close() []*assembly {
	b.mu.Lock()
	b.closed = true
	b.proc.freeWindows(b.total-b.streams-b.windowsBeyond, b.windowsBeyond)
	b.proc.freeBodies(b.room-b.bodies-b.bodiesBeyond, b.bodiesBeyond)
	b.proc.queue(b, [2]int{})
	return b.served(nil)
}

// Granted returns how many bytes are granted to windows of streams and to bodies being received now.
func (s *Session) Granted() (windows, bodies int) {
	b := &s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total - b.streams, b.room - b.bodies
}
