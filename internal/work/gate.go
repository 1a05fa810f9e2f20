package work

import "sync"

// maxDepth is the greatest depth of a task.
const maxDepth = 16

// Gate lets a number of tasks run at a time. The others wait in the order in which they came.
type Gate struct {
	limit int
	deep  bool // see NewDeepGate

	mu      sync.Mutex          // guards what follows; the lists' own locks are taken inside
	counted int                 // those that run, but for the free ones
	lanes   [maxDepth + 1]*lane // by depth; made when they are first used, since most never are
}

// lane is what a gate knows of the tasks of a depth. A gate that does not look at depths has one.
type lane struct {
	running int
	waiting list
}

// NewGate returns a Gate for limit tasks at a time.
func NewGate(limit int) *Gate { return &Gate{limit: limit} }

// NewDeepGate returns a Gate for limit tasks of all depths, which may wait for deeper ones. One of each depth above 0 does
// not count, so that none waits in vain, and deeper ones come first.
func NewDeepGate(limit int) *Gate { return &Gate{limit: limit, deep: true} }

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

// takeLocked counts a task of a depth, if it may run.
func (g *Gate) takeLocked(depth int) bool {
	l := g.laneLocked(depth)
	if depth == 0 || l.running > 0 {
		if g.counted >= g.limit {
			return false
		}
		g.counted++
	}
	l.running++
	return true
}

// enter reports whether it may run now; if not it is queued, and a later leave returns it.
func (g *Gate) enter(it *Item) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	depth := g.depth(it)
	if g.takeLocked(depth) {
		return true
	}
	l := &g.laneLocked(depth).waiting
	l.mu.Lock()
	l.pushLocked(it)
	l.mu.Unlock()
	return false
}

// leave gives the place of it up, and returns who has it now, if anybody.
func (g *Gate) leave(it *Item) *Item {
	g.mu.Lock()
	defer g.mu.Unlock()
	depth := g.depth(it)
	full := g.counted >= g.limit // else nobody waits
	l := g.laneLocked(depth)
	if l.running--; depth == 0 || l.running > 0 {
		g.counted--
	}
	for d := maxDepth; full && d >= 0; d-- {
		if next := g.nextLocked(d); next != nil {
			return next
		}
	}
	return nil
}

// nextLocked takes the first task of a depth that waits, if it may run now.
func (g *Gate) nextLocked(depth int) *Item {
	if g.lanes[depth] == nil {
		return nil
	}
	l := &g.lanes[depth].waiting
	l.mu.Lock()
	defer l.mu.Unlock()
	it := l.head
	if it == nil || !g.takeLocked(depth) {
		return nil
	}
	l.removeLocked(it)
	return it
}
