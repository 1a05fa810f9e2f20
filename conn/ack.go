package conn

import (
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// When an ACK goes out. Bulk that may fill 288 KiB (Bulk) is acknowledged in halves: 4 % more bytes than in quarters.
const (
	ackDelay    = 10 * time.Millisecond // at the latest, after the first frame
	ackWithData = 32 << 10              // unacknowledged bytes: at the head of a flush
	ackByItself = 128 << 10             // unacknowledged bytes, or a quarter of the peer's log: alone
	relByItself = 512 << 10             // released early bytes: alone
)

// recvState is what has been received, and how much of it the peer knows. The
// reader advances position; released and relTotal belong to whoever calls Release.
// All of it is atomic, but for ackAlone, which is constant, and ackDue.
type recvState struct {
	position atomic.Uint64 // bytes of whole sequenced frames, see carrier.publish

	released [frame.Groups]atomic.Uint64 // early bytes that were consumed, by kind group
	relTotal atomic.Uint64               // their sum
	relSent  atomic.Uint64               // relTotal when it was last announced
	ackSent  atomic.Uint64               // position when it was last announced
	ackAsked atomic.Bool                 // an ACK was asked for and not sent yet
	ackArmed atomic.Bool                 // ackTimer runs
	ackDue   bool                        // the next flush has an ACK; guarded by the send lock
	ackTimer *time.Timer                 // calls ackTimeout
	ackAlone uint64                      // unacknowledged bytes that are worth an ACK of their own
}

// Release announces that n more early bytes of the peer's were consumed. They
// belong to the given kind group. The sum travels with the next ACK: at the head
// of a flush, alone from 512 KiB on, at the latest after 10 ms. Any goroutine may
// call it; it takes no lock.
func (l *Link) Release(group, n int) {
	l.recv.released[group].Add(uint64(n))
	if l.recv.relTotal.Add(uint64(n))-l.recv.relSent.Load() < relByItself {
		l.armAck(ackDelay)
	} else if l.recv.ackAsked.CompareAndSwap(false, true) {
		l.recv.ackArmed.Store(false)
		l.armAck(0)
	}
}

// armAck makes an ACK due within d, unless one is due anyway.
func (l *Link) armAck(d time.Duration) {
	if !l.recv.ackArmed.Load() && l.recv.ackArmed.CompareAndSwap(false, true) {
		l.recv.ackTimer.Reset(d)
	}
}

// ackTimeout is what ackTimer calls.
func (l *Link) ackTimeout() {
	l.recv.ackArmed.Store(false)
	l.mu.Lock()
	l.recv.ackAsked.Store(false) // by ackDue now, or there is nothing to say
	if !l.life.stopped && l.ackNewsLocked() {
		l.recv.ackDue = true
		l.send.cond.Signal()
	}
	l.mu.Unlock()
}

// askAck makes an ACK due now. Reader goroutine.
func (l *Link) askAck() {
	if l.recv.ackAsked.Swap(true) {
		return
	}
	l.mu.Lock()
	l.recv.ackDue = true
	l.send.cond.Signal()
	l.mu.Unlock()
}

// ackNewsLocked reports whether an ACK would say something new.
func (l *Link) ackNewsLocked() bool {
	return l.recv.position.Load() != l.recv.ackSent.Load() || l.recv.relTotal.Load() != l.recv.relSent.Load()
}

// ackWantedLocked reports whether an ACK belongs into the flush. If another frame has just announced everything, an ACK
// that was asked for is not sent, but counts as sent.
func (l *Link) ackWantedLocked(withData bool) bool {
	if l.recv.ackDue {
		l.recv.ackAsked.Store(false) // before the counters are read
		return l.ackNewsLocked()
	}
	return withData && (l.recv.position.Load()-l.recv.ackSent.Load() >= ackWithData ||
		l.recv.relTotal.Load()-l.recv.relSent.Load() >= ackWithData)
}

// ackLocked returns what ACK, PING and PONG carry, which counts as announced.
func (l *Link) ackLocked() (a frame.Ack) {
	l.recv.ackDue = false
	l.recv.ackAsked.Store(false) // before the counters are read: what comes later asks again
	l.recv.relSent.Store(l.recv.relTotal.Load())
	a.Position = l.recv.position.Load()
	l.recv.ackSent.Store(a.Position)
	for g := range l.recv.released {
		a.Released[g] = l.recv.released[g].Load()
	}
	return a
}
