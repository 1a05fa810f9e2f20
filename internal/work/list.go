package work

import "sync"

// list is a FIFO of items that wait for something. An item is on one list at most; its links are guarded by the
// list's mu.
type list struct {
	mu         sync.Mutex
	head, tail *Item
}

func (l *list) pushLocked(it *Item) {
	it.on.Store(l)
	if it.prev = l.tail; l.tail == nil {
		l.head = it
	} else {
		l.tail.next = it
	}
	l.tail = it
}

func (l *list) removeLocked(it *Item) {
	if it.prev == nil {
		l.head = it.next
	} else {
		it.prev.next = it.next
	}
	if it.next == nil {
		l.tail = it.prev
	} else {
		it.next.prev = it.prev
	}
	it.next, it.prev = nil, nil
	it.on.Store(nil)
}

// unlink takes it off the list that it is on, and returns that list, nil if it was on none.
func (it *Item) unlink() *list {
	for {
		l := it.on.Load()
		if l == nil {
			return nil
		}
		l.mu.Lock()
		found := it.on.Load() == l
		if found {
			l.removeLocked(it)
		}
		l.mu.Unlock()
		if found {
			return l
		}
	}
}
