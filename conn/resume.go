package conn

import (
	"errors"
	"fmt"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// ErrNotBroken says that a Link has a carrier, or needs none any more.
var ErrNotBroken = errs.New(frame.Unknown, "gantline: resume: the link is not waiting for a carrier")

// outlives reports whether the link may wait for another carrier when it has lost one.
func (l *Link) outlives() bool { return l.cfg.OnBroken != nil && l.cfg.Expiry > 0 }

// breakLocked makes the link wait for another carrier, if it may. c is joined.
func (l *Link) breakLocked(c *carrier, err error) bool {
	if !l.outlives() || l.life.stopped || l.life.final || l.life.fault != nil || l.bye.due || l.bye.sent || l.bye.heard || l.life.cause != nil && !l.life.closing {
		return false
	}
	l.carriers.broken, l.carriers.brokenBy = true, err
	l.send.frames.broke(l.send.log.unacked())
	if l.beat.timer != nil {
		l.beat.timer.Stop()
	}
	if !l.carriers.moving {
		l.eventLocked(evLost)
	}
	resumes, epoch := l.stats.resumes, l.carriers.epoch
	if l.carriers.expiry == nil {
		l.carriers.expiry = time.AfterFunc(l.peer.Expiry, func() { l.expire(resumes, epoch) })
	}
	return true
}

// unbreakLocked ends the wait for a carrier when something has ended the link. If it
// returns true, the caller must call finish. It cuts resumes that are under way, the last
// of which does the rest then.
func (l *Link) unbreakLocked() bool {
	if !l.carriers.broken || l.life.cause == nil && !l.bye.due || l.life.closing && l.life.fault == nil && !l.life.final {
		return false
	}
	if len(l.carriers.attempts) > 0 {
		l.carriers.attempts.cut()
		return false
	}
	l.carriers.broken = false
	return true
}

// expire ends a link that is still broken, after as many resumes and in the same epoch.
func (l *Link) expire(resumes, epoch uint64) {
	l.mu.Lock()
	if l.stats.resumes != resumes { // late: another break has another timer
		l.mu.Unlock()
		return
	}
	l.carriers.expiry = nil
	if !l.carriers.broken || l.carriers.epoch != epoch {
		if l.carriers.broken { // an attempt has begun: it has its own time
			l.carriers.expiry = time.AfterFunc(l.cfg.HandshakeTimeout, func() { l.expire(resumes, l.Epoch()) })
		}
		l.mu.Unlock()
		return
	}
	l.endLocked(newLost(fmt.Sprintf("no carrier within %v: %s", l.peer.Expiry, whyLost(l.carriers.brokenBy)), nil))
	l.life.final = true
	last := l.unbreakLocked()
	l.mu.Unlock()
	if last {
		l.finish()
	}
}

// Epoch returns the number of the newest carrier. Attempts to resume count, too.
func (l *Link) Epoch() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carriers.epoch
}

// Lose ends a broken link whose session is gone, and reports whether it did. It leaves
// a link alone that has a carrier, or is being resumed right now. The link ends with
// ErrSessionLost, unless err is a *RefusedError:
//
//   - With HasPosition, Sent is that position from then on: the peer has taken nothing
//     beyond it, and never will.
//   - With Closed, the link ends as if the peer's BYE had come.
//   - With code AlreadyExists, a resume that is under way fails, and a later one is
//     answered with Closed.
func (l *Link) Lose(err error) bool {
	var refused *RefusedError
	errors.As(err, &refused)
	l.mu.Lock()
	if !l.carriers.broken || len(l.carriers.attempts) > 0 && (refused == nil || refused.Code != frame.AlreadyExists) {
		l.mu.Unlock()
		return false
	}
	if refused != nil && refused.HasPosition && len(l.carriers.attempts) == 0 {
		_ = l.send.log.rewind(refused.Position) // a position that cannot be says nothing
	}
	if refused != nil && refused.Closed {
		l.endLocked(&ClosedError{Remote: true, Code: refused.Code, Text: refused.Text})
	} else {
		l.endLocked(newLost(whyLost(err), err))
	}
	l.life.final = true
	last := l.unbreakLocked()
	l.mu.Unlock()
	if last {
		l.finish()
	}
	return true
}

// attachLocked puts a verified carrier under a broken link. What the peer does not
// have, from pos on, is sent again. released are the peer's counters.
func (l *Link) attachLocked(c *carrier, pos uint64, released [frame.Groups]uint64) error {
	if !l.carriers.broken {
		return ErrNotBroken
	}
	if l.life.final || l.life.cause != nil && !l.life.closing {
		return l.life.cause
	}
	from := max(pos, l.send.log.acked)
	if err := l.send.log.rewind(pos); err != nil {
		return protocolf(frame.OutOfRange, "resume: %w", err)
	}
	if r, ok := l.handler.(Replayer); ok {
		l.send.log.frames(from, func(f []byte) {
			if h, err := frame.ParseHeader(f); err == nil && h.Type == frame.TypeOpen {
				r.HandleReplay(h, f[frame.HeaderLen:])
			}
		})
	}
	now := l.now()
	c.pos, c.relSeen = l.recv.position.Load(), released
	l.recv.ackSent.Store(c.pos) // the handshake has announced it
	l.recv.ackAsked.Store(false)
	l.beat.rtt.Store(0)
	c.lastRead.Store(now)
	c.lastFrame.Store(now)
	l.send.ackAt = now
	l.send.room.since, l.send.room.bytes = now, 0
	l.beat.pinger.restart()
	l.beat.pongDue, l.carriers.broken, l.carriers.brokenBy, l.send.wake = false, false, nil, true
	if l.carriers.expiry != nil {
		l.carriers.expiry.Stop()
		l.carriers.expiry = nil
	}
	l.carriers.newest.Store(c)
	l.stats.resumes++
	l.stats.replayed += l.send.log.unsent()
	if !l.carriers.moving {
		l.eventLocked(evCarrier)
		if l.life.closing {
			l.eventLocked(evUpDraining)
		} else {
			l.eventLocked(evUp)
		}
	}
	l.carriers.moving = false
	l.armBeatLocked(l.beatPeriod())
	go l.write(c)                            // stopped by release
	go l.user.on.Run(func() { l.readOn(c) }) // stopped by the end of the carrier
	return nil
}

// readOn is read for a carrier that replaces another. What the peer has released so far
// comes first, since the carrier's own counters are higher.
func (l *Link) readOn(c *carrier) {
	if err := l.handler.HandleReleased(c.relSeen); err != nil {
		l.Fail(err)
	}
	l.read(c)
}

var errSuperseded = newLost("a newer carrier took its place", nil)
