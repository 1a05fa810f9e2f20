package conn

import (
	"fmt"

	"github.com/gantline-project/gantline/frame"
)

const (
	// flushSize is the most that a flush takes, unless a single chunk holds more. What is due meanwhile waits for its
	// end.
	flushSize = chunkSize
	// shortFlush is the same on a short path, where even the whole log takes no time.
	shortFlush = 1 << 20
)

// sendLog holds every sequenced frame from its encoding until the peer has
// acknowledged it. Positions are bytes since the session began, and
//
//	acked <= sent <= appended
//
// holds at all times: a flush writes from sent, an acknowledgement trims up to
// acked, a new carrier moves sent back to what the peer has. Guarded by the
// send lock.
type sendLog struct {
	acked, sent, appended uint64

	head, tail *chunk    // from the one that holds acked to the one that is filled
	cur        *chunk    // where the next flush begins; nil only when head is
	last       uint64    // where the last frame begins
	free       chunkList // for the next chunks; empty while head is nil
	pins       []*chunk  // in the flush that is being written
	mem        int       // bytes in chunks held, free ones included
}

// unacked returns how many bytes are appended and not acknowledged.
func (g *sendLog) unacked() uint64 { return g.appended - g.acked }

// unsent returns how many bytes no flush has taken.
func (g *sendLog) unsent() uint64 { return g.appended - g.sent }

// alloc appends a frame of n bytes and returns them. They are not cleared.
func (g *sendLog) alloc(n int) []byte {
	t := g.tail
	if t == nil || len(t.buf)-t.w < n {
		t = g.grow(n)
	}
	b := t.buf[t.w : t.w+n : t.w+n]
	t.w += n
	g.last = g.appended
	g.appended += uint64(n)
	return b
}

// grow appends a chunk with room for n bytes.
func (g *sendLog) grow(n int) *chunk {
	var c *chunk
	switch {
	case n > chunkSize:
		c = &chunk{buf: make([]byte, n)}
		g.mem += n
	case g.free.n > 0:
		c = g.free.pop()
	default:
		c = chunkPool.Get().(*chunk)
		g.mem += chunkSize
	}
	c.base, c.w = g.appended, 0
	if g.tail == nil {
		g.head, g.cur = c, c
	} else {
		g.tail.next = c
	}
	g.tail = c
	return c
}

// lastFrame returns the last frame, and by how many bytes it could grow in place. It
// returns nil once a flush has taken the frame.
func (g *sendLog) lastFrame() (b []byte, spare int) {
	if g.last < g.sent || g.sent == g.appended {
		return nil, 0
	}
	t := g.tail
	return t.buf[g.last-t.base : t.w : t.w], len(t.buf) - t.w
}

// extend adds n bytes to the frame that lastFrame returned. It returns nil when they
// do not fit.
func (g *sendLog) extend(n int) []byte {
	if _, spare := g.lastFrame(); n > spare {
		return nil
	}
	t := g.tail
	b := t.buf[t.w : t.w+n : t.w+n]
	t.w += n
	g.appended += uint64(n)
	return b
}

// take appends to bufs what one flush of at most size bytes is to write. It pins the
// chunks, moves sent to their end, and ends between two frames.
func (g *sendLog) take(bufs [][]byte, size int) [][]byte {
	total := 0
	for c := g.cur; c != nil && g.sent < g.appended; c = c.next {
		off := int(g.sent - c.base)
		n := c.w - off
		if n == 0 {
			continue
		}
		if total > 0 && total+n > size {
			break
		}
		bufs = append(bufs, c.buf[off:c.w])
		total += n
		g.sent += uint64(n)
		c.pinned = true
		g.pins = append(g.pins, c)
		g.cur = c
	}
	return bufs
}

// unpin ends the flush of take: its chunks may be recycled once acknowledged.
func (g *sendLog) unpin() {
	for i, c := range g.pins {
		c.pinned = false
		g.pins[i] = nil
	}
	g.pins = g.pins[:0]
	g.trim()
}

// ack moves acked to pos, which lies between acked and sent.
func (g *sendLog) ack(pos uint64) {
	g.acked = pos
	g.trim()
}

// trim recycles chunks that are acknowledged as a whole. The one that is being filled
// goes only when everything is acknowledged. Then the log holds no memory.
func (g *sendLog) trim() {
	for c := g.head; c != nil && !c.pinned && c.end() <= g.acked; c = g.head {
		if c == g.tail && g.acked != g.appended {
			return
		}
		g.head = c.next
		if g.cur == c {
			g.cur = c.next
		}
		if g.head == nil {
			g.tail = nil
		}
		g.recycle(c)
	}
	if g.head == nil {
		g.drop()
	}
}

func (g *sendLog) recycle(c *chunk) {
	c.next = nil
	switch {
	case len(c.buf) != chunkSize:
		g.mem -= len(c.buf)
	case g.free.n < keepChunks:
		g.free.push(c)
	default:
		g.mem -= chunkSize
		chunkPool.Put(c)
	}
}

// drop gives the free chunks back.
func (g *sendLog) drop() {
	for c := g.free.pop(); c != nil; c = g.free.pop() {
		g.mem -= chunkSize
		chunkPool.Put(c)
	}
}

// reset gives all chunks back and keeps the positions. No flush is being
// written.
func (g *sendLog) reset() {
	for c := g.head; c != nil; {
		next := c.next
		g.recycle(c)
		c = next
	}
	g.head, g.tail, g.cur = nil, nil, nil
	g.drop()
}

// rewind makes pos, up to which the peer has everything, both acked and sent. pos
// must be the start of a frame that the log holds and has sent, or the end of the
// last one sent; else rewind fails and changes nothing. No flush is being written.
func (g *sendLog) rewind(pos uint64) error {
	if pos < g.acked || pos > g.sent {
		return fmt.Errorf("position %d lies outside of the log, which holds %d to %d", pos, g.acked, g.sent)
	}
	c := g.head
	for c != nil && c.end() <= pos && c.next != nil {
		c = c.next
	}
	if c != nil {
		off, want := 0, int(pos-c.base)
		for off < want {
			h, err := frame.ParseHeader(c.buf[off:c.w])
			if err != nil {
				return err
			}
			off += frame.HeaderLen + int(h.Length)
		}
		if off != want {
			return fmt.Errorf("position %d lies inside of a frame", pos)
		}
		g.cur = c
	}
	g.sent = pos
	g.ack(pos)
	return nil
}

// content returns how many unacknowledged bytes say something to the application.
// They are opens, and bodies or answers, with their headers.
func (g *sendLog) content() (n uint64) {
	g.frames(g.acked, func(f []byte) {
		h, _ := frame.ParseHeader(f)
		if h.Type == frame.TypeOpen || h.Type == frame.TypeData && (h.Length > 0 || h.Flags&frame.FlagHead != 0) {
			n += uint64(len(f))
		}
	})
	return n
}

// frames calls f for every frame of the log from pos on.
func (g *sendLog) frames(pos uint64, f func(frame []byte)) {
	for c := g.head; c != nil; c = c.next {
		for off := 0; off < c.w; {
			h, err := frame.ParseHeader(c.buf[off:c.w])
			if err != nil {
				return
			}
			n := frame.HeaderLen + int(h.Length)
			if c.base+uint64(off) >= pos {
				f(c.buf[off : off+n])
			}
			off += n
		}
	}
}
