package conn

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/throttle"
)

// lifetime is how far a Link is from its start and its end. Guarded by the send
// lock, but for state, which is atomic, and the channels, which are constant.
//
// Its state moves like this (docs/PROTOCOL.md, section 5.6; the code has it as
// transitions, and a test compares the three):
//
//	              carrier      up  up draining  drain        lost    end
//	connecting    handshaking                   connecting           closed
//	handshaking                up  draining     handshaking  broken  closed
//	up                                          draining     broken  closed
//	broken        handshaking                   broken               closed
//	draining                                    draining     broken  closed
//	closed
//
// The flags say more than the state, and each is set once: committed and ready by the
// handshake; running by Start, or by a Close before it, which sets departed until Start
// comes; closing by Close, then sealed when all there was is in the log; cause by
// whatever ends the link first; final when no carrier may follow; ended and
// stopped by finish, which closes done last.
type lifetime struct {
	state     atomic.Uint32 // a State; changed by eventLocked
	committed bool          // the peer may take the handshake for done
	ready     bool          // it is done
	running   bool          // there are goroutines, or were
	departed  bool          // Close has started them, and Start was not called yet
	closing   bool          // Close was called: flush, then BYE
	sealed    bool          // Close takes nothing more into the log
	final     bool          // no carrier can bring the link back any more
	stopped   bool          // the writer must return
	ended     bool          // the log is closed
	started   chan struct{} // closed by Start, or when there will be none
	confirmed chan struct{} // closed by the first frame of the peer
	confirm   func()        // closes it, once
	done      chan struct{} // closed when the goroutines are gone

	cause   error       // why the link ends: what HandleClose and Err say
	fault   error       // what went wrong when the cause is our own Close
	left    uint64      // bytes that stayed unconfirmed, when it has ended
	timer   *time.Timer // cuts the carrier at timerAt
	timerAt int64
}

// byeState is the goodbye, ours and the peer's. Guarded by the send lock unless
// atomic.
type byeState struct {
	deaf    atomic.Bool // BYE is due, or came: sequenced frames are not taken any more
	due     bool        // the next flush is our BYE
	sent    bool        // no frame follows any more
	heard   bool        // the peer has said BYE
	unheard bool        // ours follows what was sent: the peer cannot acknowledge any more
	final   bool        // what is acknowledged is all that the peer has taken and ever will
	frame   frame.Bye   // ours
}

// endLocked records why the link ends. The first reason counts. After our own
// Close the next one is why that failed.
func (l *Link) endLocked(err error) {
	switch {
	case l.life.cause == nil:
		l.life.cause = err
	case l.life.closing && l.life.fault == nil && err != l.life.cause:
		l.life.fault = err
	}
}

// endInLocked cuts the carrier after d, unless an earlier call gave it less.
func (l *Link) endInLocked(d time.Duration) {
	at := l.now() + int64(d)
	switch {
	case l.life.timer == nil:
		l.life.timer = time.AfterFunc(d, l.overdue)
	case at < l.life.timerAt:
		l.life.timer.Reset(d)
	default:
		return
	}
	l.life.timerAt = at
}

// overdue is what life.timer calls.
func (l *Link) overdue() {
	l.mu.Lock()
	ended := l.life.ended
	if !ended && l.life.closing {
		l.endLocked(errCloseTimeout)
	}
	last := l.unbreakLocked()
	l.mu.Unlock()
	switch {
	case last:
		l.finish()
	case !ended:
		l.carrier().cut()
	}
}

// endUnstartedLocked ends a link without goroutines; the caller closes the
// carrier when it has unlocked.
func (l *Link) endUnstartedLocked(cause error) {
	l.life.ended, l.life.stopped = true, true
	if l.life.cause == nil {
		l.life.cause = cause
	}
	l.eventLocked(evEnd)
	close(l.life.started)
	close(l.life.done)
}

// carrierGone is the last that the reader goroutine does. err is what ended it.
// The link goes on without a carrier if it may wait for another one.
func (l *Link) carrierGone(c *carrier, err error) {
	l.mu.Lock()
	if err == errBye || l.lastWordLocked(c, err) {
		l.mu.Unlock()
		<-c.writerDone // it says BYE, or life.timer ends it
		c.nc.Close()
		l.mu.Lock()
	}
	if err != errBye && !l.bye.sent {
		switch {
		case c.why != nil:
			err = c.why
		case c.writeErr != nil:
			err = lost(c.writeErr)
		default:
			err = lost(err)
		}
	}
	c.stop = true
	l.send.cond.Signal()
	l.mu.Unlock()
	c.cut()
	<-c.writerDone

	l.mu.Lock()
	if c.linger != nil {
		c.linger.Stop()
	}
	if l.breakLocked(c, err) {
		moving := l.carriers.moving
		l.carriers.newest.Store(c.husk())
		l.mu.Unlock()
		close(c.joined)
		if !moving {
			l.deliver()
			l.say(throttle.CarrierLost, "err", whyLost(err))
			l.cfg.OnBroken(l, err)
		}
		return
	}
	if err != errBye && !l.bye.sent {
		l.endLocked(err)
	}
	l.mu.Unlock()
	l.finish()
	close(c.joined)
}

// lastWordLocked reports whether our BYE may still reach the peer when err has ended c. A
// peer that has ended its direction may read on.
func (l *Link) lastWordLocked(c *carrier, err error) bool {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || c.why != nil || c.writeErr != nil {
		return false
	}
	if l.life.closing && !l.bye.due && !l.outlives() {
		l.endLocked(lost(err))
		l.bye.unheard = true
		l.endInLocked(lingerTimeout)
		l.send.wake = true
		l.send.cond.Signal()
	}
	return l.bye.due || l.bye.unheard
}

// finish takes the link down when its goroutines are gone. It is called once, by
// whoever found that no other carrier can follow.
func (l *Link) finish() {
	l.mu.Lock()
	l.life.stopped, l.life.ended = true, true
	if l.beat.timer != nil {
		l.beat.timer.Stop()
		l.beat.timer = nil
	}
	l.recv.ackTimer.Stop()
	for _, t := range []*time.Timer{l.life.timer, l.carriers.expiry} {
		if t != nil {
			t.Stop()
		}
	}
	if errors.Is(l.life.cause, ErrSessionLost) || errors.Is(l.life.fault, ErrSessionLost) {
		l.eventLocked(evLost)
	}
	l.eventLocked(evEnd)
	l.life.left = l.send.log.content()
	cause, h := l.life.cause, l.handler
	l.mu.Unlock()
	l.inUser(func() {
		l.deliver()
		l.logEnd(cause)
		h.HandleClose(cause)
	})
	l.mu.Lock()
	l.send.log.reset()
	l.send.room.shrink()
	l.mu.Unlock()
	close(l.life.done)
}

func (l *Link) logEnd(cause error) {
	var p *ProtocolError
	switch {
	case errors.As(cause, &p):
		l.say(throttle.LinkBroken, "err", bare(cause))
	case errors.Is(cause, ErrSessionLost):
		l.say(throttle.LinkLost, "err", bare(cause))
	default:
		l.say(throttle.LinkClosed, "err", bare(cause))
	}
}
