package sessions

import "sync/atomic"

// Latch is something that opens once. To ask whether it has costs no lock.
type Latch struct {
	open atomic.Bool
	ch   chan struct{}
}

// Open opens the latch. It is called once.
func (l *Latch) Open() {
	l.open.Store(true)
	close(l.ch)
}

// IsOpen reports whether Open was called.
func (l *Latch) IsOpen() bool { return l.open.Load() }
