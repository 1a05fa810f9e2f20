package work

import (
	"sync"
	"sync/atomic"
)

// maxDepth is the greatest depth of a task.
const maxDepth = 16

// Gate lets a number of tasks run at a time. The others wait in the order in which they came.
type Gate struct {
	limit int32
	deep  bool // see NewDeepGate

	counted atomic.Int32 // those that run, but for the free ones
	waits   atomic.Bool  // somebody waits, or did when the last one left; changed with mu held

	mu    sync.Mutex          // guards what follows; the lists' own locks are taken inside
	lanes [maxDepth + 1]*lane // by depth; made when they are first used, since most never are
}

// lane is what a gate knows of the tasks of a depth. A gate that does not look at depths has one.
type lane struct {
	running int // above depth 0
	waiting list
}

// NewGate returns a Gate for limit tasks at a time.
func NewGate(limit int) *Gate { return &Gate{limit: int32(min(limit, 1<<30))} }

// NewDeepGate returns a Gate for limit tasks of all depths, which may wait for deeper ones. One of each depth above 0 does
// not count, so that none waits in vain, and deeper ones come first.
func NewDeepGate(limit int) *Gate { return &Gate{limit: int32(min(limit, 1<<30)), deep: true} }

// depth returns the lane of it.
func (g *Gate) depth(it *Item) int {
	if g.deep {
		return it.depth()
	}
	return 0
}

// laneLocked returns the lane of a depth.
func (g *Gate) laneLocked(depth int) *lane {
	if g.lanes[depth] == nil {
		g.lanes[depth] = new(lane)
	}
	return g.lanes[depth]
}

// count counts a task that is not free, if there is a place for it.
func (g *Gate) count() bool {
	for n := g.counted.Load(); n < g.limit; n = g.counted.Load() {
		if g.counted.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// takeLocked counts a task of a depth, if it may run.
func (g *Gate) takeLocked(depth int) bool {
	l := g.laneLocked(depth)
	if (depth == 0 || l.running > 0) && !g.count() {
		return false
	}
	if depth > 0 {
		l.running++
	}
	return true
}

// enter reports whether it may run now; if not it is queued, and a later leave returns it. While nobody waits, tasks of
// depth 0 take no lock.
func (g *Gate) enter(it *Item) bool {
	depth := g.depth(it)
	if depth == 0 && !g.waits.Load() && g.count() {
		return true
	}
	g.mu.Lock()
	if depth > 0 && (!g.waits.Load() || g.laneLocked(depth).running == 0) && g.takeLocked(depth) {
		g.mu.Unlock()
		return true
	}
	g.waits.Store(true) // whoever leaves from here on looks for somebody
	l := &g.laneLocked(depth).waiting
	l.mu.Lock()
	l.pushLocked(it)
	l.mu.Unlock()
	next := g.nextLocked() // a place may have come free just before
	g.mu.Unlock()
	if next == it {
		return true
	}
	next.Go()
	return false
}

// leave gives the place of it up, and returns who has it now, if anybody.
func (g *Gate) leave(it *Item) *Item {
	depth := g.depth(it)
	if depth == 0 {
		if g.counted.Add(-1); !g.waits.Load() {
			return nil
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if depth > 0 {
		l := g.laneLocked(depth)
		if l.running--; l.running > 0 {
			g.counted.Add(-1)
		}
	}
	return g.nextLocked()
}

// nextLocked takes a task that waits and may run now: the first of its depth, of the greatest depth.
func (g *Gate) nextLocked() *Item {
	if !g.waits.Load() {
		return nil
	}
	some := false
	for depth := maxDepth; depth >= 0; depth-- {
		if g.lanes[depth] == nil {
			continue
		}
		l := &g.lanes[depth].waiting
		l.mu.Lock()
		it := l.head
		taken := it != nil && g.takeLocked(depth)
		if taken {
			l.removeLocked(it)
		}
		l.mu.Unlock()
		if taken {
			return it
		}
		some = some || it != nil
	}
	g.waits.Store(some)
	return nil
}
