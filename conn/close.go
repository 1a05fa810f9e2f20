package conn

import (
	"context"
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
