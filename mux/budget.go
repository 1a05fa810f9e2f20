package mux

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
)

// budget bounds what the peer may have sent beyond its early windows: grants to streams that are read,
// and grants to bodies being assembled. The two do not compete, so a stream that stops reading cannot
// keep a call from completing. What it gives is taken from the process too.
//
// A body holds its share until it is handed to the application, which may take as long as a handler or a
// consumer takes, and that one may wait for other bodies. So bodies stand in lanes that cannot wait for
// themselves: answers, calls of each depth, messages. A lane that holds nothing gets one body even when
// the budget is spent; all others wait until something is handed over.
type budget struct {
	proc *process

	mu      sync.Mutex // guards what follows but needs; only the process's lock is taken with it held
	windows pocket
	bodies  pocket // over its limit by the bodies that had to be
	// Of what is used the process has no room for this much.
	windowsBeyond, bodiesBeyond int
	lanes                       [bodyLanes]bodyLane
	over                        bool // the session is gone: nothing is granted, and the process has everything back

	needs int // what the next body waits for in the process; guarded by its lock

	tight atomic.Bool // windows are tight; written with mu held
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

func (b *budget) init(proc *process, windows, bodies int) {
	b.proc, b.windows.limit, b.bodies.limit = proc, windows, bodies
}

// window returns the first window of a stream and how much of it is reserved: what is wanted while there
// is that much, else the minimum that every stream gets.
func (b *budget) window(want int) (window, reserved int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over || !b.windows.fits(want) {
		return min(want, minWindow), 0
	}
	ok, beyond := b.proc.window(want, b.windows.used == 0)
	if !ok {
		return min(want, minWindow), 0
	}
	if beyond {
		b.windowsBeyond += want
	}
	b.useLocked(want)
	return want, want
}

// grow reserves n more for a window. The last quarter is left to those that small says are no larger than a
// first window then.
func (b *budget) grow(n int, small bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over || !b.windows.mayGrow(n, small) || !b.proc.grow(n, small) {
		return false
	}
	b.useLocked(n)
	return true
}

func (b *budget) useLocked(n int) {
	b.windows.used += n
	b.tight.Store(b.windows.tight())
}

// pressed reports whether windows that have grown should give back, here or in the whole process.
func (b *budget) pressed() bool { return b.tight.Load() || b.proc.tight.Load() }

func (b *budget) freeWindow(n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.useLocked(-n)
	if !b.over {
		beyond := min(n, b.windowsBeyond)
		b.windowsBeyond -= beyond
		b.proc.freeWindows(n-beyond, beyond)
	}
}

// ask queues a for a.cost bytes and returns what can be granted now.
func (b *budget) ask(a *assembly) []*assembly {
	b.mu.Lock()
	l := &b.lanes[a.lane]
	l.queue = append(l.queue, a)
	return b.served(b.nextLocked())
}

// handedOver books that a granted body is the application's now, or was given up.
func (b *budget) handedOver(a *assembly) []*assembly {
	b.mu.Lock()
	b.lanes[a.lane].held--
	b.bodies.used -= a.cost
	switch {
	case b.over:
	case a.beyond:
		b.bodiesBeyond -= a.cost
		b.proc.freeBodies(0, a.cost)
	default:
		b.proc.freeBodies(a.cost, 0)
	}
	return b.served(b.nextLocked())
}

// drop takes a out of its queue, if it is there, and returns what can be granted now.
func (b *budget) drop(a *assembly) []*assembly {
	b.mu.Lock()
	l := &b.lanes[a.lane]
	l.queue = slices.DeleteFunc(l.queue, func(x *assembly) bool { return x == a })
	return b.served(b.nextLocked()) // those behind it may need less
}

// served unlocks b and adds what other sessions are granted to what b is.
func (b *budget) served(granted []*assembly) []*assembly {
	b.mu.Unlock()
	return append(granted, b.proc.serve()...)
}

// nextLocked takes from the queues what fits.
func (b *budget) nextLocked() (granted []*assembly) {
	if b.over {
		return nil
	}
	needs := 0 // of the first body that only the process has no room for; what is behind it must not overtake
	for i := range b.lanes {
		l := &b.lanes[i]
		for len(l.queue) > 0 {
			a := l.queue[0]
			if l.held == 0 {
				if a.beyond = !b.proc.firstBody(a.cost); a.beyond {
					b.bodiesBeyond += a.cost
				}
			} else if needs > 0 || !b.bodies.fits(a.cost) {
				break
			} else if !b.proc.body(b, a.cost) {
				needs = a.cost
				break
			}
			l.queue = l.queue[1:]
			l.held++
			b.bodies.used += a.cost
			granted = append(granted, a)
		}
	}
	b.proc.queue(b, needs)
	return granted
}

// close gives everything back to the process, for good: the peer of a session that is gone sends nothing more.
// It returns what others are granted thereby.
func (b *budget) close() []*assembly {
	b.mu.Lock()
	b.over = true
	b.proc.freeWindows(b.windows.used-b.windowsBeyond, b.windowsBeyond)
	b.proc.freeBodies(b.bodies.used-b.bodiesBeyond, b.bodiesBeyond)
	b.proc.queue(b, 0)
	return b.served(nil)
}

// Granted returns how many bytes are granted to windows of streams and to bodies being received now.
func (s *Session) Granted() (windows, bodies int) {
	b := &s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.windows.used, b.bodies.used
}
