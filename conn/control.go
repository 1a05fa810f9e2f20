package conn

import (
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// Charge counts a frame of the peer's that has no use, and fails when there were too many. The error closes
// the link. The handler calls it within HandleFrame, locked or not.
func (l *Link) Charge(k oddity.Kind, what string) error {
	return l.budget.Spend(k, what, l.carrier().lastRead.Load())
}

// handleLink takes a frame that is not sequenced. Reader goroutine.
func (l *Link) handleLink(c *carrier, h frame.Header) error {
	c.publish()             // an answer must acknowledge all that came before
	if h.Type.Skippable() { // all known types are not
		if err := c.fr.Skip(); err != nil {
			return err
		}
		return l.Charge(oddity.Odd, "one of an unknown type")
	}
	p, err := c.fr.Payload()
	if err != nil {
		return err
	}
	switch h.Type {
	case frame.TypeAck:
		a, err := frame.ParseAck(p)
		if err != nil {
			return err
		}
		return l.handleAck(c, &a, true)
	case frame.TypePing:
		x, err := frame.ParsePing(p)
		if err != nil {
			return err
		}
		return l.handlePing(c, &x)
	case frame.TypePong:
		x, err := frame.ParsePing(p)
		if err != nil {
			return err
		}
		return l.handlePong(c, &x)
	case frame.TypeBye:
		b, err := frame.ParseBye(p)
		if err != nil {
			return err
		}
		return l.handleBye(&b)
	}
	return protocolf(frame.Internal, "%v frame after the handshake", h.Type)
}

// handleAck takes an acknowledgement. One that came by itself and says nothing
// new is charged to the budget.
func (l *Link) handleAck(c *carrier, a *frame.Ack, alone bool) error {
	l.mu.Lock()
	n, err := l.ackedLocked(c, a.Position)
	l.stats.acksIn++
	l.mu.Unlock()
	if err != nil {
		return err
	}
	released := a.Released != c.relSeen
	if released {
		for g, v := range a.Released {
			if v < c.relSeen[g] {
				return protocolf(frame.Internal, "released counter %d goes back from %d to %d", g, c.relSeen[g], v)
			}
		}
		c.relSeen = a.Released
		if err := l.handler.HandleReleased(a.Released); err != nil {
			return err
		}
	}
	if alone && n == 0 && !released {
		return l.Charge(oddity.Cheap, "an ACK that acknowledges nothing")
	}
	return nil
}

// ackedLocked moves the log's acked to pos and returns by how much.
func (l *Link) ackedLocked(c *carrier, pos uint64) (uint64, error) {
	g := &l.send.log
	if pos < g.acked || pos > g.sent {
		return 0, protocolf(frame.Internal, "position %d acknowledged, the log waits for %d to %d", pos, g.acked, g.sent)
	}
	n := pos - g.acked
	if n == 0 {
		return 0, nil
	}
	now := c.lastRead.Load()
	g.ack(pos)
	l.send.room.acked(n, now, l.RTT())
	l.send.frames.acked(n, g.unacked(), now-l.send.ackAt)
	l.send.ackAt = now
	if c.flushAt.Load() != 0 {
		c.flushAt.Store(now) // bytes get through, if slowly
	}
	if l.send.waiting || l.life.closing {
		l.Wake()
	}
	return n, nil
}

// handlePing records what the next PONG is to return. Of several pings only the
// last is answered, so they need no queue.
func (l *Link) handlePing(c *carrier, x *frame.Ping) error {
	if err := l.Charge(oddity.Cheap, "PING"); err != nil {
		return err
	}
	if err := l.handleAck(c, &x.Ack, false); err != nil {
		return err
	}
	l.mu.Lock()
	l.beat.pong, l.beat.pongDue = x.Opaque, true
	l.send.cond.Signal()
	l.mu.Unlock()
	return nil
}

// handlePong answers the pings that wait for it.
func (l *Link) handlePong(c *carrier, x *frame.Ping) error {
	if err := l.handleAck(c, &x.Ack, false); err != nil {
		return err
	}
	now := l.now()
	l.mu.Lock()
	rtt, ok := l.beat.pinger.answer(x.Opaque, now)
	if rtt > 0 && (l.beat.rtt.Load() == 0 || rtt < l.RTT()) {
		l.beat.rtt.Store(int64(rtt))
	}
	if l.beat.pinger.due {
		l.send.cond.Signal()
	}
	l.mu.Unlock()
	if !ok {
		return l.Charge(oddity.Odd, "a PONG without a PING")
	}
	return nil
}

// handleBye takes the peer's goodbye and makes sure that ours is said.
func (l *Link) handleBye(b *frame.Bye) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.ackedLocked(l.carrier(), b.Position); err != nil {
		l.failLocked(err)
	} else {
		l.bye.final = true
	}
	l.bye.heard = true
	l.bye.deaf.Store(true)
	l.endLocked(&ClosedError{Remote: true, Code: b.Code, Text: b.Text})
	if !l.bye.sent && !l.bye.due {
		l.bye.frame = frame.Bye{}
		l.bye.due = true
	}
	l.endInLocked(lingerTimeout)
	l.send.cond.Signal()
	return errBye
}
