package conn

import (
	"context"
	"errors"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// lingerTimeout is how long the last words may take when there is nothing to
	// be confirmed: the answer to a BYE, or a BYE that tells of an error.
	lingerTimeout = time.Second
	// userGrace is how long Close waits for a reader that was inside user code
	// when Close was called, before it takes itself for called by that code.
	userGrace = 100 * time.Millisecond
)

// Close delivers what was appended, says BYE with code and text, waits for the
// peer's answer and closes the carrier. It takes no longer than its context and
// Config.CloseTimeout allow. When it returns, the goroutines of the link are
// gone, unless it is called from user code on the reader goroutine: then the
// rest happens behind its back.
//
// It returns nil only if the peer has acknowledged every open and every byte of
// a body; what only ends streams or grants credit does not count. Else it is an
// *UnconfirmedError. Any goroutine may call it at any time, again too: it then
// returns the same.
func (l *Link) Close(ctx context.Context, code frame.Code, text string) error {
	entered := l.recv.userCalls.Load()
	l.mu.Lock()
	switch {
	case !l.life.running && !l.life.ended:
		l.endUnstartedLocked(&ClosedError{Code: code, Text: text})
	case l.life.cause == nil:
		l.life.closing = true
		l.bye.frame = frame.Bye{Code: code, Text: text}
		l.endLocked(&ClosedError{Code: code, Text: text})
		l.eventLocked(evDrain)
		l.endInLocked(l.cfg.CloseTimeout)
		l.Wake()
	}
	unstarted := !l.life.running
	l.mu.Unlock()
	if unstarted {
		l.carrier().nc.Close()
	}
	l.deliver()
	stuck := l.waitDone(ctx, entered)
	l.mu.Lock()
	defer l.mu.Unlock()
	n, why := l.life.left, l.life.fault
	if !l.life.ended {
		n = l.send.log.content()
	}
	switch {
	case n == 0:
		return nil
	case why != nil:
	case stuck:
		why = errInHandler
	default:
		why = l.life.cause
	}
	return &UnconfirmedError{Bytes: n, Err: why}
}

// waitDone waits until the link is closed, and cuts it when ctx ends. It
// reports true instead when the reader does not come back from user code:
// entered is what userCalls was when Close was called.
func (l *Link) waitDone(ctx context.Context, entered uint64) (stuck bool) {
	tick := time.NewTicker(userGrace)
	defer tick.Stop()
	self, last := entered%2 == 1, entered
	end := ctx.Done()
	for {
		select {
		case <-l.life.done:
			return false
		case <-end:
			end = nil
			l.mu.Lock()
			l.endLocked(ctx.Err())
			l.life.final = true
			last := l.unbreakLocked()
			l.mu.Unlock()
			l.carrier().cut()
			if last {
				l.finish()
			}
		case <-tick.C:
			calls := l.recv.userCalls.Load()
			self = self && calls == entered
			inside := calls%2 == 1 && calls == last
			last = calls
			if inside && (self || end == nil && ctx.Err() != nil || l.overtime()) {
				return true
			}
		}
	}
}

// overtime reports whether the time to close is up.
func (l *Link) overtime() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.life.fault != nil
}

// Abort closes the carrier now, without a goodbye, and returns at once. The
// handler gets a *ClosedError that wraps err.
func (l *Link) Abort(err error) {
	l.mu.Lock()
	cause := &ClosedError{Err: err}
	if !l.life.running && !l.life.ended {
		l.endUnstartedLocked(cause)
	} else {
		l.endLocked(cause)
		l.life.final = true
	}
	last := l.unbreakLocked()
	l.mu.Unlock()
	l.carrier().cut()
	if last {
		l.finish()
	}
	l.deliver()
}

// Fail closes the link because the peer broke the protocol: it says BYE with
// the frame.Code found in err, Internal if there is none, and its text. Any
// goroutine, without the send lock.
func (l *Link) Fail(err error) {
	l.mu.Lock()
	l.failLocked(err)
	last, unstarted := l.unbreakLocked(), !l.life.running
	l.mu.Unlock()
	switch {
	case last:
		l.finish()
	case unstarted:
		l.carrier().cut()
	}
	l.deliver()
}

func (l *Link) failLocked(err error) {
	p := asProtocol(err)
	if !l.life.running && !l.life.ended {
		l.endUnstartedLocked(p)
	}
	if l.life.ended || l.bye.due || l.bye.sent {
		return
	}
	l.endLocked(p)
	l.bye.frame = frame.Bye{Code: p.Code, Text: bare(p.Err)}
	l.bye.due = true
	l.bye.deaf.Store(true)
	l.endInLocked(lingerTimeout)
	l.send.cond.Signal()
}

// endLocked notes why the link ends. The first reason counts; behind our own
// Close the next one tells why it failed.
func (l *Link) endLocked(err error) {
	switch {
	case l.life.cause == nil:
		l.life.cause = err
	case l.life.closing && l.life.fault == nil && err != l.life.cause:
		l.life.fault = err
	}
}

// endInLocked cuts the carrier after d, unless the link has ended or an earlier
// call gave it less.
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

// overdue is what endTimer calls.
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
	l.life.cause = cause
	l.eventLocked(evEnd)
	close(l.life.started)
	close(l.life.done)
}

// carrierGone ends the reader goroutine, on which it runs: err is what ended it. The
// link goes on without a carrier when it may wait for another one.
func (l *Link) carrierGone(c *carrier, err error) {
	l.mu.Lock()
	if err == errBye {
		l.mu.Unlock()
		<-c.writerDone // it says BYE, or endTimer ends it
		c.nc.Close()
		l.mu.Lock()
	} else if !l.bye.sent {
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
		l.mu.Unlock()
		close(c.joined)
		if !moving {
			l.deliver()
			l.logger().Info("gantline: carrier lost, the session waits for another", "err", whyLost(err))
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

// finish takes the link down when its goroutines are gone. Its caller is the
// one who found that nothing brings it back.
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
	cause := l.life.cause
	l.mu.Unlock()
	l.deliver()
	l.logEnd(cause)
	l.handler.HandleClose(cause)
	l.mu.Lock()
	l.send.log.reset()
	l.send.room.shrink()
	l.mu.Unlock()
	close(l.life.done)
}

func (l *Link) logEnd(cause error) {
	var p *ProtocolError
	switch log := l.logger(); {
	case errors.As(cause, &p):
		log.Warn("gantline: link closed", "err", bare(cause))
	case errors.Is(cause, ErrSessionLost):
		log.Info("gantline: link lost", "err", bare(cause))
	default:
		log.Debug("gantline: link closed", "err", bare(cause))
	}
}
