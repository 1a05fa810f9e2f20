package chaos

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

const (
	// bufferSize is how much a lane reads at once.
	bufferSize = 32 << 10
	// maxQueue is how many bytes a lane holds back for Latency before it stops reading: 20 ms of 200 MB/s.
	maxQueue = 4 << 20
	// maxLate is how late a timer may be and still be made up for by Cap.
	maxLate = 20 * time.Millisecond
)

// lane carries bytes one way. Group.mu guards it; run, its goroutine, releases
// the mutex for I/O and owns buf.
type lane struct {
	link     *link
	side     Side
	src, dst net.Conn // the one that is dialed is set before link.ready is
	jitter   *source
	buf      []byte

	queue   []chunk   // read and not forwarded
	queued  int       // bytes in it
	writeAt time.Time // Drip and Cap: not before
	paced   bool      // something has been waiting for writeAt since the last write
	flips   []*flip

	eof     bool // src ended, in order or not
	broken  bool // src was reset
	cut     bool // by a fault: dst gets EOF and the rest is swallowed
	finSent bool // dst got EOF
	stopped bool

	io        ioState
	readUntil time.Time // src's read deadline
	kicked    bool      // dst's write deadline is in the past
	wake      chan struct{}
}

// chunk is something read, to be forwarded when it is due. Without data it is the end.
type chunk struct {
	data []byte
	due  time.Time
}

// flip is one Flip on its way through the bytes.
type flip struct {
	left int64
	src  *source
}

type ioState uint8

const (
	idle ioState = iota
	reading
	writing
)

// longAgo is a deadline that ends I/O at once.
var longAgo = time.Unix(1, 0)

// run moves bytes until nextLocked says stop. link.run waits for it.
func (ln *lane) run() {
	ln.buf = make([]byte, bufferSize)
	g := ln.link.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		switch s := ln.nextLocked(time.Now()); s.op {
		case opStop:
			ln.stopLocked()
			return
		case opWait:
			ln.waitLocked(s.until)
		case opRead:
			ln.readLocked(s.until)
		case opWrite:
			ln.writeLocked(s.n)
		case opFinish:
			ln.finishLocked()
		}
	}
}

// stopLocked marks the lane as ended. A Conn whose user closed it ends when all that the user wrote is sent.
func (ln *lane) stopLocked() {
	ln.stopped = true
	if l := ln.link; l.closing && l.user == ln {
		l.endLocked(endClose, false)
	}
}

// kickLocked ends the lane's wait and its I/O, so that it looks at what has changed.
func (ln *lane) kickLocked() {
	switch ln.io {
	case reading:
		ln.readUntil = longAgo
		_ = ln.src.SetReadDeadline(longAgo)
	case writing:
		ln.kicked = true
		_ = ln.dst.SetWriteDeadline(longAgo)
	}
	select {
	case ln.wake <- struct{}{}:
	default:
	}
}

// waitLocked waits to be woken, or until a time if it is not zero.
func (ln *lane) waitLocked(until time.Time) {
	g := ln.link.group
	g.mu.Unlock()
	defer g.mu.Lock()
	if until.IsZero() {
		<-ln.wake
		return
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ln.wake:
	case <-t.C:
	}
}

// readLocked reads once, until the given time if it is not zero.
func (ln *lane) readLocked(until time.Time) {
	g := ln.link.group
	if !ln.readUntil.Equal(until) {
		ln.readUntil = until
		_ = ln.src.SetReadDeadline(until)
	}
	ln.io, ln.paced = reading, false
	g.mu.Unlock()
	n, err := ln.src.Read(ln.buf)
	g.mu.Lock()
	ln.io = idle
	if n > 0 {
		ln.pushLocked(ln.buf[:n])
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		ln.eof, ln.broken = true, !errors.Is(err, io.EOF)
		ln.pushLocked(nil)
	}
}

// pushLocked queues what was read; nil is the end.
func (ln *lane) pushLocked(data []byte) {
	now := time.Now()
	m := ln.modeLocked()
	due := now.Add(m.lagLocked(ln.jitter)) // after what is queued: the order stays
	// buf is reused for reading only when the queue is empty, or while its head is not due.
	if len(data) > 0 && (len(ln.queue) > 0 || due.After(now)) {
		data = append([]byte(nil), data...)
	}
	ln.queue = append(ln.queue, chunk{data, due})
	ln.queued += len(data)
}

// delayLocked holds back, for a new Latency, what was read before it and not forwarded.
func (ln *lane) delayLocked(e *effect) {
	now := time.Now()
	m := mode{lags: []*effect{e}}
	for i := range ln.queue {
		c := &ln.queue[i]
		c.data = bytes.Clone(c.data) // buf may be read into before it is due
		if due := now.Add(m.lagLocked(ln.jitter)); due.After(c.due) {
			c.due = due
		}
	}
}

// writeLocked forwards n bytes of the head, for which reserveLocked has made room.
func (ln *lane) writeLocked(n int) {
	g := ln.link.group
	head := &ln.queue[0]
	data := head.data[:n]
	ln.flipLocked(data)
	if ln.kicked {
		ln.kicked = false
		_ = ln.dst.SetWriteDeadline(time.Time{})
	}
	ln.io = writing
	g.mu.Unlock()
	done, err := ln.dst.Write(data)
	g.mu.Lock()
	ln.io = idle
	ln.queued -= done
	if head.data = head.data[done:]; len(head.data) == 0 {
		ln.popLocked()
	}
	ln.paceLocked(done)
	ln.commitLocked(n, done)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		ln.refusedLocked()
	}
}

// refusedLocked is for a dst that takes no more: it was closed or reset.
func (ln *lane) refusedLocked() {
	if l := ln.link; l.user != nil && l.user != ln {
		ln.cut = true // the user closed the Conn: what arrives for it is swallowed, what it wrote is still sent
	} else {
		l.endLocked(endReset, false)
	}
}

// finishLocked gives dst its EOF.
func (ln *lane) finishLocked() {
	ln.finSent = true
	ln.queued = 0
	for _, c := range ln.queue {
		ln.countDroppedLocked(len(c.data))
	}
	ln.queue = nil
	if c, ok := ln.dst.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	} else {
		ln.link.endLocked(endClose, false) // it cannot be half closed
	}
}
