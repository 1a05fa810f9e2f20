package conn

import (
	"runtime"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// sendState is what is to be sent. It has the log, how large it may become, and what
// the writer waits for. Guarded by the send lock.
type sendState struct {
	cond    sync.Cond // the writer waits on it
	log     sendLog
	room    logLimit
	wake    bool  // Fill has work, or something was appended
	waiting bool  // Fill said so
	ackAt   int64 // when the log began to wait for an ACK, or the last one came
	frames  frameSize
}

// write is the writer goroutine. It ends when BYE is written, when a write fails, or
// when the carrier is to stop.
//
// It yields before and after each flush. So whoever is about to append gets into this
// flush, and whoever waited for the last one goes on first.
func (l *Link) write(c *carrier) {
	defer close(c.writerDone)
	l.mu.Lock()
	defer l.mu.Unlock()
	for flushed := false; ; {
		for !flushed && !l.workLocked() && !c.stop {
			l.send.cond.Wait()
		}
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
		if l.life.stopped || c.stop {
			return
		}
		l.send.wake = false
		if !l.bye.due && !l.life.sealed {
			l.send.waiting = l.handler.Fill()
		}
		if l.life.closing {
			l.closingLocked()
		}
		now := l.now()
		bufs := l.gatherLocked(c, now)
		flushed = len(bufs) > 0
		if !flushed {
			continue
		}
		c.flushAt.Store(now)
		l.mu.Unlock()
		added := 0
		if c.sums != nil {
			bufs, added = c.sums.wrap(bufs)
		}
		err := c.writeAll(bufs)
		l.mu.Lock()
		l.stats.bytesOut += uint64(added)
		c.flushAt.Store(0)
		l.send.log.unpin()
		l.stats.flushes++
		clear(c.bufs)
		if err != nil {
			// What the peer has said before may still be read.
			c.writeErr = err
			c.linger = time.AfterFunc(lingerTimeout, c.cut)
			return
		}
		if l.bye.sent {
			return
		}
	}
}

// workLocked reports whether the writer has something to do.
func (l *Link) workLocked() bool {
	if l.bye.due && !l.life.stopped {
		return l.byeReady()
	}
	return l.send.wake || l.recv.ackDue || l.beat.pongDue || l.beat.pinger.due || l.life.stopped || l.send.log.unsent() > 0
}

// byeReady reports whether the reader has published what it gave to the handler. From
// bye.due on it takes no frame, and signals when it has published.
func (l *Link) byeReady() bool { return !l.carrier().busy.Load() }

// sealBelow is the unsent bytes below which a handler holds nothing back.
const sealBelow = 64 << 10

// closingLocked lets BYE follow when everything is acknowledged. It asks the peer to
// acknowledge at once. What is appended after Close, such as answers to a peer that
// goes on calling, is left out: otherwise there might be no end of it.
func (l *Link) closingLocked() {
	l.life.sealed = l.life.sealed || !l.send.waiting && l.send.log.unsent() < sealBelow
	switch {
	case !l.life.sealed || l.bye.due || l.send.log.unsent() > 0:
	case l.send.log.unacked() == 0 || l.bye.unheard:
		l.bye.due = true
		l.bye.deaf.Store(true)
	case !l.beat.pinger.closing:
		l.beat.pinger.closing, l.beat.pinger.due = true, true
	}
}

// gatherLocked takes what the next flush writes. Control frames, computed now, come
// first, then frames of the log.
func (l *Link) gatherLocked(c *carrier, now int64) [][]byte {
	bufs := c.bufs[:0]
	if l.bye.due {
		if !l.byeReady() {
			return nil
		}
		c.control = l.byeLocked(c.control[:0])
		c.bufs = append(bufs, c.control)
		l.stats.bytesOut += uint64(len(c.control))
		return c.bufs
	}
	withData := l.send.log.unsent() > 0
	c.control = l.controlLocked(c.control[:0], withData, now)
	if len(c.control) > 0 {
		bufs = append(bufs, c.control)
	}
	if withData {
		if l.send.log.acked == l.send.log.sent {
			l.send.ackAt = now
			l.send.room.begin(now, l.RTT())
		}
		size := flushSize
		if l.shortPath() {
			size = shortFlush
		}
		bufs = l.send.log.take(bufs, size)
	}
	c.bufs = bufs
	for _, b := range bufs {
		l.stats.bytesOut += uint64(len(b))
	}
	return bufs
}

// controlLocked appends the control frames that are due.
func (l *Link) controlLocked(b []byte, withData bool, now int64) []byte {
	acked := false
	if l.beat.pongDue {
		l.beat.pongDue, acked = false, true
		b = appendPing(b, frame.TypePong, &frame.Ping{Opaque: l.beat.pong, Ack: l.ackLocked()})
	}
	if l.beat.pinger.due {
		acked = true
		b = appendPing(b, frame.TypePing, &frame.Ping{Opaque: l.beat.pinger.send(now), Ack: l.ackLocked()})
	}
	if !acked && l.ackWantedLocked(withData) {
		at := len(b)
		b = frame.AppendHeader(b, frame.Header{Type: frame.TypeAck})
		b = setLength(frame.AppendAck(b, l.ackLocked()), at)
		l.stats.acksOut++
	}
	l.recv.ackDue = false
	return b
}

func appendPing(b []byte, t frame.Type, x *frame.Ping) []byte {
	at := len(b)
	b = frame.AppendHeader(b, frame.Header{Type: t})
	return setLength(frame.AppendPing(b, x), at)
}

// byeLocked appends BYE. The position in it is final: bye.deaf keeps the reader from
// taking another frame.
func (l *Link) byeLocked(b []byte) []byte {
	l.bye.sent = true
	l.bye.frame.Position = l.recv.position.Load()
	at := len(b)
	b = frame.AppendHeader(b, frame.Header{Type: frame.TypeBye})
	return setLength(frame.AppendBye(b, &l.bye.frame), at)
}

// setLength writes its length into the header of the frame that begins at b[at]. The
// frame ends with b.
func setLength(b []byte, at int) []byte {
	h, _ := frame.ParseHeader(b[at:])
	h.Length = uint32(len(b) - at - frame.HeaderLen)
	frame.PutHeader(b[at:], h)
	return b
}
