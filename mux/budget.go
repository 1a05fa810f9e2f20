package mux

import "sync"

// budget bounds what the peer may have sent beyond its early windows: grants to streams that are read,
// and grants to bodies being assembled. The two do not compete, so a stream that stops reading cannot
// keep a call from completing.
type budget struct {
	mu      sync.Mutex // guards all; nothing is called with it held
	streams int        // left for windows
	bodies  int        // left for bodies; may be below 0 for one body over it
	active  int        // bodies granted and not complete
	queue   []*assembly
}

func (b *budget) init(streams, bodies int) { b.streams, b.bodies = streams, bodies }

// window returns the first window of a stream and how much of it is reserved: what is wanted while there
// is that much, else the minimum that every stream gets.
func (b *budget) window(want int) (window, reserved int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if want > b.streams {
		return min(want, minWindow), 0
	}
	b.streams -= want
	return want, want
}

// grow reserves n more for a window.
func (b *budget) grow(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.streams {
		return false
	}
	b.streams -= n
	return true
}

func (b *budget) freeWindow(n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.streams += n
	b.mu.Unlock()
}

// ask queues a for a grant of a.need bytes and returns those that can be granted now, oldest first.
func (b *budget) ask(a *assembly) []*assembly {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, a)
	return b.nextLocked()
}

// nextLocked takes from the queue what fits. The oldest body is granted even over the budget when no other
// is under way, so there is always one that completes.
func (b *budget) nextLocked() (granted []*assembly) {
	for len(b.queue) > 0 {
		a := b.queue[0]
		if a.need > b.bodies && b.active > 0 {
			break
		}
		b.bodies -= a.need
		b.active++
		b.queue = b.queue[1:]
		granted = append(granted, a)
	}
	return granted
}

// done books that a granted body is complete or given up (active) and that n bytes were handed over.
func (b *budget) done(active bool, n int) []*assembly {
	b.mu.Lock()
	defer b.mu.Unlock()
	if active {
		b.active--
	}
	b.bodies += n
	return b.nextLocked()
}

// drop takes a out of the queue; false when it is not there.
func (b *budget) drop(a *assembly) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, x := range b.queue {
		if x == a {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			return true
		}
	}
	return false
}
