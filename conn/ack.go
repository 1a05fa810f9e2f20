package conn

import (
	"time"

	"github.com/gantline-project/gantline/frame"
)

// When an ACK goes out. Bulk that may fill 288 KiB (Bulk) is acknowledged in halves: 4 % more bytes than in quarters.
const (
	ackDelay    = 10 * time.Millisecond // at the latest, behind the first frame
	ackWithData = 32 << 10              // unacknowledged bytes: at the head of a flush
	ackByItself = 128 << 10             // unacknowledged bytes, or a quarter of the peer's log: alone
	relByItself = 512 << 10             // released early bytes: alone
)

// Release announces that n more early bytes of the peer's, of the given kind
// group, were consumed. It is cumulative and travels with the next ACK: at the
// head of a flush, alone from 512 KiB on, at the latest after 10 ms. Any
// goroutine; it takes no lock.
func (l *Link) Release(group, n int) {
	l.released[group].Add(uint64(n))
	if l.relTotal.Add(uint64(n))-l.relSent.Load() < relByItself {
		l.armAck(ackDelay)
	} else if l.ackAsked.CompareAndSwap(false, true) {
		l.ackArmed.Store(false)
		l.armAck(0)
	}
}

// armAck makes an ACK due within d, unless one is due anyway.
func (l *Link) armAck(d time.Duration) {
	if !l.ackArmed.Load() && l.ackArmed.CompareAndSwap(false, true) {
		l.ackTimer.Reset(d)
	}
}

// ackTimeout is what ackTimer calls.
func (l *Link) ackTimeout() {
	l.ackArmed.Store(false)
	l.mu.Lock()
	l.ackAsked.Store(false) // by ackDue now, or there is nothing to tell
	if !l.stopped && l.ackNewsLocked() {
		l.ackDue = true
		l.cond.Signal()
	}
	l.mu.Unlock()
}

// askAck makes an ACK due now. Reader goroutine.
func (l *Link) askAck() {
	if l.ackAsked.Swap(true) {
		return
	}
	l.mu.Lock()
	l.ackDue = true
	l.cond.Signal()
	l.mu.Unlock()
}

// ackNewsLocked reports whether an ACK would tell the peer something.
func (l *Link) ackNewsLocked() bool {
	return l.received.Load() != l.ackSent.Load() || l.relTotal.Load() != l.relSent.Load()
}

// ackWantedLocked reports whether an ACK belongs into the flush. Who asked for one may find that another has just
// told everything; the ask is over all the same.
func (l *Link) ackWantedLocked(withData bool) bool {
	if l.ackDue {
		l.ackAsked.Store(false) // before the counters are read
		return l.ackNewsLocked()
	}
	return withData && (l.received.Load()-l.ackSent.Load() >= ackWithData ||
		l.relTotal.Load()-l.relSent.Load() >= ackWithData)
}

// ackLocked returns what ACK, PING and PONG carry, which counts as told.
func (l *Link) ackLocked() (a frame.Ack) {
	l.ackDue = false
	l.ackAsked.Store(false) // before the counters are read: what comes later asks again
	l.relSent.Store(l.relTotal.Load())
	a.Position = l.received.Load()
	l.ackSent.Store(a.Position)
	for g := range l.released {
		a.Released[g] = l.released[g].Load()
	}
	return a
}
