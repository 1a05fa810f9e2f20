package conn

import (
	"math"

	"github.com/gantline-project/gantline/frame"
)

// reserve is how far the log may exceed its limit before the link is closed. A
// handler stays within Room, apart from a little that must not wait. If the log
// grows beyond this all the same, the peer does not read.
const reserve = 512 << 10

// Room returns how many more bytes fit into the log, headers included. It is
// negative when the log exceeds its limit. Lock held.
func (l *Link) Room() int { return l.send.room.limit - int(l.send.log.unacked()) }

// aheadOfAll is how much bulk may lie unsent in the log of a path that may be long. The rest waits outside it, so that
// a small frame has at most this much before it.
const aheadOfAll = 128 << 10

// Bulk returns how many bytes of bulk may be appended, at most Room. alone says that nobody waits for anything else.
//
// On a path that is known to be short, other frames wait for all that lies in the log, sent or not. Beside them bulk
// may take 9/16 of the first limit, 288 KiB. Alone it may take everything, because larger flushes mean fewer wake-ups
// on both sides (docs/PERFORMANCE.md). Lock held.
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

// Appended returns the log position after the last frame. When that was dropped (see
// Alloc) it is one that Sent never reaches. Lock held.
func (l *Link) Appended() uint64 {
	if l.mutedLocked() {
		return math.MaxUint64
	}
	return l.send.log.appended
}

// Sent returns the log position up to which the peer may have taken what was
// appended. That is what was handed to a carrier, and once the peer has said BYE,
// what it has acknowledged. Lock held.
func (l *Link) Sent() uint64 {
	if l.bye.final {
		return l.send.log.acked
	}
	return l.send.log.sent
}

// Acked returns the log position up to which the peer is known to have taken what was
// appended. Lock held.
func (l *Link) Acked() uint64 { return l.send.log.acked }

// Carried reports whether there is a carrier that takes what is appended, as far as is
// known. Lock held.
func (l *Link) Carried() bool {
	c := l.carrier()
	return !l.carriers.broken && !l.life.ended && !c.stop && c.writeErr == nil
}

// mutedLocked reports whether what is appended is dropped. That is so when the
// link has ended, when BYE is written, and when Close has taken all there was.
func (l *Link) mutedLocked() bool { return l.life.ended || l.bye.sent || l.life.sealed }

// Alloc returns n new bytes at the end of the log, for one whole frame. Lock held.
//
//   - n includes the header, so it is at least frame.HeaderLen.
//   - The frame must be written before the lock is released.
//   - Alloc always succeeds, but at 512 KiB beyond the log's limit (see Room) it
//     closes the link.
//   - When the link has ended, or Close has taken all there was, the bytes are
//     dropped.
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

// failOverLocked closes the link because the log exceeds its limit by too much.
// It is not inlined: its arguments would take much of a new goroutine's small
// stack, which would then grow in every handler's answer.
//
//go:noinline
func (l *Link) failOverLocked() {
	l.failLocked(protocolf(frame.ResourceExhausted,
		"the peer has not acknowledged %d bytes, the limit of the send log is %d (Config.Limits.Log) and %d in reserve",
		l.send.log.unacked(), l.send.room.limit, reserve))
}

// Tail returns the last frame, and by how many bytes it could grow in place. It
// returns nil once a flush has taken the frame, and when there is none. Lock held.
func (l *Link) Tail() (last []byte, spare int) {
	if l.mutedLocked() {
		return nil, 0
	}
	return l.send.log.lastFrame()
}

// Extend adds n bytes to the frame that Tail returned, and returns them. The
// caller must rewrite the length in the frame's header before it releases the
// lock. Extend returns nil when n is more than Tail said. Lock held.
func (l *Link) Extend(n int) []byte {
	if l.mutedLocked() {
		return nil
	}
	return l.send.log.extend(n)
}

// Wake makes the writer look for something to send, in the log or in Fill. Lock
// held.
func (l *Link) Wake() {
	if !l.send.wake {
		l.send.wake = true
		l.send.cond.Signal()
	}
}

// Passed returns how many bytes have certainly got through since the session
// began. Those are the bytes that the peer has acknowledged, and those received,
// headers included. Any goroutine, without the send lock.
func (l *Link) Passed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.send.log.acked + l.recv.position.Load()
}
