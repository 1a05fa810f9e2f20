package conn

import "github.com/gantline-project/gantline/frame"

// reserve is how far the log may exceed its limit before the link is closed. A
// handler keeps within Room, and a little more for what must not wait; whoever
// runs past this serves a peer that does not read.
const reserve = 512 << 10

// Room returns how many bytes, headers included, may still be appended within
// the log's limit; it is negative when the limit is exceeded. Lock held.
func (l *Link) Room() int { return l.send.room.limit - int(l.send.log.unacked()) }

// aheadOfAll is how much bulk may lie unsent in the log where the path is not known to be short; the rest waits
// outside it, so that a small frame has at most this much before it.
const aheadOfAll = 128 << 10

// Bulk returns how many bytes of bulk may be appended, at most Room. alone says that nobody waits for anything else.
//
// On a short path, which is known to be one, what lies in the log is what others wait for, sent or not: beside them
// bulk takes 9/16 of the first limit, 288 KiB. Alone it takes all there is: more in one flush means fewer wake-ups on
// both sides (docs/PERFORMANCE.md). Lock held.
func (l *Link) Bulk(alone bool) int {
	switch {
	case !l.shortPath():
		return min(l.Room(), aheadOfAll-int(l.send.log.unsent()))
	case alone:
		return l.Room()
	}
	return l.send.room.base*9/16 - int(l.send.log.unacked())
}

// shortPath reports whether the path is known to be a short one.
func (l *Link) shortPath() bool {
	rtt := l.RTT()
	return rtt > 0 && rtt < minGrowRTT
}

// Unsent returns how many bytes no flush has taken yet. Lock held.
func (l *Link) Unsent() int { return int(l.send.log.unsent()) }

// Appended returns the log position behind the last frame. Lock held.
func (l *Link) Appended() uint64 { return l.send.log.appended }

// Sent returns the log position up to which bytes were handed to a carrier.
// Lock held.
func (l *Link) Sent() uint64 { return l.send.log.sent }

// mutedLocked reports whether what is appended goes nowhere: the link has ended,
// BYE is written, or Close has taken all there was.
func (l *Link) mutedLocked() bool { return l.life.ended || l.bye.sent || l.life.sealed }

// Alloc returns n new bytes at the end of the log: one whole frame, header
// included, to be written before the lock is released. n is at least
// frame.HeaderLen. It always succeeds; who goes 512 KiB beyond the limit that
// Room tells closes the link. When the link has ended, or Close has taken all
// there was before, the bytes go nowhere. Lock held.
func (l *Link) Alloc(n int) []byte {
	if l.mutedLocked() {
		return make([]byte, n)
	}
	l.stats.framesOut++
	b := l.send.log.alloc(n)
	if l.send.log.unacked() > uint64(l.send.room.limit+reserve) {
		l.failOverLocked()
	}
	return b
}

// failOverLocked is not inlined: its arguments would take much of a new
// goroutine's small stack, which then has to grow in every handler's answer.
//
//go:noinline
func (l *Link) failOverLocked() {
	l.failLocked(protocolf(frame.ResourceExhausted,
		"the peer has not acknowledged %d bytes, the limit of the send log is %d (Config.Limits.Log) and %d in reserve",
		l.send.log.unacked(), l.send.room.limit, reserve))
}

// Tail returns the last frame while no flush has taken it, and by how many
// bytes it could grow in place. It returns nil when there is no such frame.
// Lock held.
func (l *Link) Tail() (last []byte, spare int) {
	if l.mutedLocked() {
		return nil, 0
	}
	return l.send.log.lastFrame()
}

// Extend adds n bytes to the frame that Tail returned and returns them; the
// caller rewrites the length in its header before the lock is released. It
// returns nil when n is more than Tail said. Lock held.
func (l *Link) Extend(n int) []byte {
	if l.mutedLocked() {
		return nil
	}
	return l.send.log.extend(n)
}

// Wake tells the writer that something was appended or that Fill has work. Lock
// held.
func (l *Link) Wake() {
	if !l.send.wake {
		l.send.wake = true
		l.send.cond.Signal()
	}
}

// Passed returns how many bytes have got through for certain since the session
// began: those the peer has acknowledged and those received, headers included.
// Any goroutine, without the send lock.
func (l *Link) Passed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.send.log.acked + l.recv.position.Load()
}
