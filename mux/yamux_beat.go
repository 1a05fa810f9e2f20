package mux

import (
	"time"

	"github.com/gantline-project/gantline/internal/oddity"
)

// pinged takes a ping of the peer's, or the answer to one of ours. Reader goroutine.
func (y *Yamux) pinged(h yamuxHeader) error {
	l := y.l
	l.Lock()
	defer l.Unlock()
	if h.flags == yamuxSYN {
		if l.ping.pongDue < len(l.ping.pongs) {
			l.ping.pongs[l.ping.pongDue] = h.length
			l.ping.pongDue++
			l.Wake()
		}
		return l.Charge(oddity.Cheap, "a ping")
	}
	p := l.ping.probe
	if p == nil || p.due || p.id != h.length {
		return l.Charge(oddity.Odd, "the answer to a ping that nobody waits for")
	}
	l.ping.probe = nil
	p.rtt = time.Duration(max(y.now()-p.at, 1))
	if least := l.ping.rtt.Load(); least == 0 || int64(p.rtt) < least {
		l.ping.rtt.Store(int64(p.rtt))
	}
	close(p.done)
	return nil
}

// idle takes a frame that changes nothing.
func (y *Yamux) idle(what string) error {
	y.l.Lock()
	defer y.l.Unlock()
	return y.s.idleLocked(what)
}

// askLocked returns the ping under way, or starts one. One that the peer has left unanswered for too long,
// though alive, is given up: those who wait for it have a context. Send lock held.
func (y *Yamux) askLocked() *yamuxProbe {
	l := y.l
	if p := l.ping.probe; p != nil && (p.due || y.now()-p.at < int64(y.patience())) {
		return p
	}
	l.ping.asked++
	l.ping.probe = &yamuxProbe{id: l.ping.asked, due: true, done: make(chan struct{})}
	l.Wake()
	return l.ping.probe
}

// patience is how long a peer may leave a ping unanswered.
func (y *Yamux) patience() time.Duration { return y.cfg.Heartbeat * 2 / 3 }

// beat looks after the session: it pings a silent peer, gives up a dead one, and sweeps.
func (y *Yamux) beat() {
	now, last := y.now(), y.lastRead.Load()
	silent := time.Duration(now - last)
	l := y.l
	l.Lock()
	if l.life.cause != nil {
		l.Unlock()
		return
	}
	limit := y.cfg.Heartbeat + y.patience()
	next := y.cfg.Heartbeat
	if silent >= y.cfg.Heartbeat {
		y.askLocked()
		next = limit
	}
	if silent < limit {
		l.ping.beat.Reset(max(next-silent, time.Millisecond))
	}
	l.Unlock()
	if silent >= limit {
		y.fail(yamuxSilent(limit))
		return
	}
	y.sweep(now)
}
