package conn

import (
	"context"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// lingerTimeout is how long a BYE may take when nothing waits to be
	// confirmed. That is an answer to a BYE, or a BYE that reports an error.
	lingerTimeout = time.Second
	// lingerBytes is how much is read and dropped after a refusal. After a protocol error the rest is
	// taken in pieces, with pauses.
	lingerBytes = 1 << 20
	lingerPiece = 32 << 10
	lingerPause = 10 * time.Millisecond
	// userGrace is how long Close waits when user code on the reader goroutine calls it.
	// The goodbye goes out meanwhile, if nothing else is in the way.
	userGrace = 100 * time.Millisecond
)

// Close delivers what was appended, says BYE, and waits for the peer's answer.
// Then it closes the carrier. The BYE has the given code and text.
//
//   - It takes no longer than its context and Config.CloseTimeout allow.
//   - When it returns, the goroutines of the link are gone. If user code on the
//     reader goroutine calls it, or does not return in time, they end after that code
//     has returned.
//   - It returns nil only if the peer has acknowledged every open and every byte of
//     a body. Frames that only end streams or grant credit do not count.
//   - Else it returns an *UnconfirmedError.
//   - Before Start it says BYE within a second and takes no frame, or hangs up if the
//     peer was not welcomed.
//   - Any goroutine may call it at any time. A further call returns the same.
func (l *Link) Close(ctx context.Context, code frame.Code, text string) error {
	l.mu.Lock()
	unmet := !l.life.running && !l.life.committed
	switch {
	case unmet && !l.life.ended:
		l.endUnstartedLocked(&ClosedError{Code: code, Text: text})
	case l.life.cause == nil:
		l.life.closing = true
		l.bye.frame = frame.Bye{Code: code, Text: text}
		l.endLocked(&ClosedError{Code: code, Text: text})
		if !l.life.running {
			l.departLocked()
			break
		}
		l.eventLocked(evDrain)
		l.endInLocked(l.cfg.CloseTimeout)
		l.Wake()
	}
	l.mu.Unlock()
	if unmet {
		l.carrier().nc.Close()
	}
	l.deliver()
	stuck := l.waitDone(ctx)
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

// waitDone waits until the link is closed, and cuts it when ctx ends. It returns
// true, without waiting further, when it is called on the goroutine that it would wait
// for, or when that does not return from user code before the time to close is up.
func (l *Link) waitDone(ctx context.Context) (stuck bool) {
	tick := time.NewTicker(userGrace)
	defer tick.Stop()
	self, began, last := l.user.on.Here(), time.Now(), uint64(0)
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
			calls := l.user.calls.Load()
			inside := calls%2 == 1 && calls == last
			last = calls
			if self || inside && (end == nil && ctx.Err() != nil || time.Since(began) >= l.cfg.CloseTimeout || l.overtime()) {
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
// handler gets a *ClosedError that wraps err. Any goroutine, without the send lock.
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

// Fail closes the link because the peer broke the protocol. The BYE has the text
// of err and the frame.Code found in it, Internal if there is none. Any goroutine,
// without the send lock.
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
