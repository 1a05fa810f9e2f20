package conn

import (
	"errors"
	"io"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// errBye ends the reader: the peer has said goodbye.
var errBye = errors.New("gantline: the peer said goodbye")

// read is the reader goroutine. It ends when the carrier does, or when the peer has
// said BYE; see carrierGone for what follows.
func (l *Link) read(c *carrier) {
	err := l.readFrames(c)
	c.pause()
	l.carrierGone(c, err)
}

// readFrames takes frames until the carrier breaks, or returns errBye.
func (l *Link) readFrames(c *carrier) error {
	failed, late := false, pacer(0)
	for {
		h, err := c.fr.Next()
		switch {
		case err != nil:
			if !c.broken(err) {
				// Where the next frame begins is unknown now.
				l.Fail(err)
				err = c.drain()
			}
			return err
		case l.bye.deaf.Load():
			if failed {
				late.took(frame.HeaderLen + int(h.Length))
			}
			err = l.handleLate(c, h)
		case h.Type.Sequenced():
			err = l.handleSequenced(c, h)
		default:
			err = l.handleLink(c, h)
		}
		if err == errBye || err != nil && c.broken(err) {
			return err
		}
		if err != nil {
			l.Fail(err) // and read on for the peer's answer
			failed = true
		}
		if c.frames++; c.frames == 1 {
			l.life.confirm()
		}
	}
}

// handleSequenced hands a frame to the handler. It counts the frame when nothing of
// it can be torn any more.
func (l *Link) handleSequenced(c *carrier, h frame.Header) error {
	c.size = uint64(frame.HeaderLen) + uint64(h.Length)
	var odd error
	if h.Type.Skippable() { // all known types are not
		odd = l.Charge(oddity.Odd, "one of an unknown type")
	} else if err := l.handler.HandleFrame(h, c.fr); err != nil {
		c.size = 0
		return err
	}
	if c.fr.Len() > 0 {
		if err := c.fr.Skip(); err != nil {
			c.size = 0
			return err
		}
	}
	c.count()
	return odd
}

// handleLate takes frames when our own BYE is due: only the peer's BYE matters.
func (l *Link) handleLate(c *carrier, h frame.Header) error {
	c.pause()
	if h.Type == frame.TypeBye {
		return l.handleLink(c, h)
	}
	return c.fr.Skip()
}

// EnterUser says that the handler is about to run user code on the reader goroutine.
// The handler calls it within HandleFrame, after it has read the payload; the frame
// counts as received then. Until LeaveUser, the peer's silence does not count, Inside
// reports true there, and Close does not wait longer than CloseTimeout. HandleClose may
// run user code without it.
func (l *Link) EnterUser() {
	l.carrier().count()
	l.carrier().pause()
	l.user.calls.Add(1)
}

// LeaveUser ends EnterUser.
func (l *Link) LeaveUser() {
	l.user.calls.Add(1)
	l.carrier().busy.Store(true)
}

// busy reports whether the reader is between EnterUser and LeaveUser.
func (l *Link) busy() bool { return l.user.calls.Load()%2 == 1 }

// Hears returns the number of the newest carrier, and whether its frames are taken now.
// They are not while it is gone, nor between EnterUser and LeaveUser. The send lock is held.
func (l *Link) Hears() (carrier uint64, now bool) {
	return l.carriers.epoch, l.Carried() && !l.busy()
}

// inUser calls f, which says that the link has ended. Much of that is user code. There is
// no reader any more, or this is it.
func (l *Link) inUser(f func()) {
	l.user.calls.Add(1)
	defer l.user.calls.Add(1)
	l.user.on.Run(f)
}

// Inside reports whether the caller is user code on the reader goroutine, or in
// HandleClose. Such code must not wait for the peer. While none runs the answer costs an
// atomic load.
func (l *Link) Inside() bool { return l.busy() && l.user.on.Here() }

// count adds the current frame to the position, once.
func (c *carrier) count() {
	c.pos += c.size
	c.size = 0
}

// publish makes what was received visible to the other goroutines. It makes sure that
// it is acknowledged.
func (c *carrier) publish() {
	l := c.l
	if c.frames != c.published {
		l.stats.framesIn.Add(c.frames - c.published)
		c.published = c.frames
		c.lastFrame.Store(c.lastRead.Load())
	}
	if c.pos == l.recv.position.Load() {
		return
	}
	l.recv.position.Store(c.pos)
	if c.pos-l.recv.ackSent.Load() >= l.recv.ackAlone {
		l.askAck()
	} else {
		l.armAck(ackDelay)
	}
}

// pause publishes and lets the writer compose a BYE. The position in a BYE must cover
// all that was handed to the handler, and the frame that it is reading now.
func (c *carrier) pause() {
	c.publish()
	if c.size > 0 {
		return
	}
	c.busy.Store(false)
	if c.l.bye.deaf.Load() { // the writer may have found us busy
		c.l.mu.Lock()
		c.l.send.cond.Signal()
		c.l.mu.Unlock()
	}
}

// Read is the frame.Reader's source. While it waits between two frames, the reader is
// paused.
func (c *carrier) Read(p []byte) (int, error) {
	c.pause()
	var n int
	var err error
	if c.sock != nil {
		n, err = c.sock.Read(p)
	} else {
		n, err = c.nc.Read(p)
	}
	if !c.l.bye.deaf.Load() {
		c.busy.Store(true)
	}
	if n > 0 {
		now := c.l.now()
		if c.l.stoodStill(now) {
			return 0, c.giveUp(ErrStoodStill) // the peer has done so
		}
		c.lastRead.Store(now)
		c.l.stats.bytesIn.Add(uint64(n))
	}
	if err != nil {
		err = &readError{err}
		if c.readErr == nil {
			c.readErr = err
		}
	}
	return n, err
}

// A readError is an error of the carrier's Read. Unlike that one it can be compared.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// giveUp gives up a carrier because of err. What was just read is dropped; if the
// session lives, it is sent again.
func (c *carrier) giveUp(err error) error {
	c.l.mu.Lock()
	c.why = err
	c.l.mu.Unlock()
	c.cut()
	c.readErr = err
	return err
}

// broken reports whether err is of the carrier, and not about a frame.
func (c *carrier) broken(err error) bool {
	if c.readErr == nil {
		return errors.Is(err, io.ErrNoProgress)
	}
	return errors.Is(err, c.readErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// drain reads and drops until the carrier ends; Fail has limited for how long. A close
// with unread input could destroy our BYE before the peer has it.
func (c *carrier) drain() error {
	b := make([]byte, lingerPiece)
	for late := pacer(0); ; {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		late.took(n)
	}
}

// A pacer slows down a peer that goes on sending after its error, so that it costs us little.
// It has the bytes that came since the last pause.
type pacer int

func (p *pacer) took(n int) {
	if *p += pacer(n); *p > lingerBytes {
		*p -= lingerPiece
		<-time.After(lingerPause)
	}
}
