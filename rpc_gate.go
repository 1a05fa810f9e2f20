package gantline

import "sync"

// servingList is a FIFO of calls that wait for something. A serving is on one list at most; its links are
// guarded by the list's mu.
type servingList struct {
	mu         sync.Mutex
	head, tail *serving
}

func (l *servingList) push(sv *serving) {
	l.mu.Lock()
	l.pushLocked(sv)
	l.mu.Unlock()
}

func (l *servingList) pushLocked(sv *serving) {
	sv.on.Store(l)
	if sv.prev = l.tail; l.tail == nil {
		l.head = sv
	} else {
		l.tail.next = sv
	}
	l.tail = sv
}

func (l *servingList) removeLocked(sv *serving) {
	if sv.prev == nil {
		l.head = sv.next
	} else {
		sv.prev.next = sv.next
	}
	if sv.next == nil {
		l.tail = sv.prev
	} else {
		sv.next.prev = sv.prev
	}
	sv.next, sv.prev = nil, nil
	sv.on.Store(nil)
}

// unlink takes sv off the list it is on, and reports whether it was on one.
func (sv *serving) unlink() bool {
	for {
		l := sv.on.Load()
		if l == nil {
			return false
		}
		l.mu.Lock()
		found := sv.on.Load() == l
		if found {
			l.removeLocked(sv)
		}
		l.mu.Unlock()
		if found {
			return true
		}
	}
}

// gate lets a number of calls of one handler run at a time.
type gate struct {
	limit   int
	queue   servingList
	running int // guarded by queue.mu
}

// enter reports whether sv may run now; if not it is queued and leave returns it later.
func (g *gate) enter(sv *serving) bool {
	g.queue.mu.Lock()
	defer g.queue.mu.Unlock()
	if g.running < g.limit {
		g.running++
		return true
	}
	g.queue.pushLocked(sv)
	return false
}

// leave gives the place up, and returns who has it now, if anybody.
func (g *gate) leave() *serving {
	g.queue.mu.Lock()
	defer g.queue.mu.Unlock()
	sv := g.queue.head
	if sv == nil {
		g.running--
		return nil
	}
	g.queue.removeLocked(sv)
	return sv
}
