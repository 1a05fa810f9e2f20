package server

import (
	"errors"
	"net"
	"time"

	"github.com/gantline-project/gantline/internal/throttle"
)

// accept takes connections until the listener stops or fails. It runs on a
// goroutine of its own, which Close and Shutdown stop and wait for.
func (l *Listener) accept() {
	defer l.running.done()
	var delay time.Duration
	for {
		nc, err := l.ln.Accept()
		switch {
		case err == nil:
			delay = 0
			l.admit(nc)
		case l.ctx.Err() != nil:
			return
		case !temporary(err):
			l.fail(errorf("listener %v: %w", l.ln.Addr(), bare{err}))
			return
		default:
			delay = nextDelay(delay)
			l.log.Say(throttle.AcceptFailed, "listener", l.ln.Addr(), "err", err, "delay", delay)
			if !l.pause(delay) {
				return
			}
		}
	}
}

// temporary reports whether Accept may succeed later, as when the process has no file descriptor left.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// The pauses between failed Accepts are net/http's.
const (
	minDelay = 5 * time.Millisecond
	maxDelay = time.Second
)

func nextDelay(d time.Duration) time.Duration { return min(max(2*d, minDelay), maxDelay) }

// pause waits; it returns false when the listener stops in the meantime.
func (l *Listener) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// admit starts the handshake with nc, or hangs up. It waits while there are too
// many handshakes and none is slow.
func (l *Listener) admit(nc net.Conn) {
	sl := l.slots.enter(l.ctx, nc.RemoteAddr(), func(own bool) { l.tellFull(nc, own) })
	if sl == nil {
		nc.Close()
		if l.ctx.Err() == nil {
			l.tolls.turnedAway.Add(1)
		}
		return
	}
	l.running.add()
	go func() { // ends with the handshake, which l.ctx, its slot and its timeout end
		defer l.running.done()
		defer sl.leave()
		l.welcome(nc, sl)
	}()
}

// tellFull counts and logs that nc has found all handshakes taken, or all of its source.
func (l *Listener) tellFull(nc net.Conn, own bool) {
	hits, line, limit, option := &l.tolls.handshakes, throttle.ConnectionsWait, l.opts.limits.Handshakes, "Limits.Handshakes"
	if own {
		hits, line, limit, option = &l.tolls.perSource, throttle.TooManyOfSource, l.opts.limits.HandshakesPerSource, "Limits.HandshakesPerSource"
	}
	hits.Add(1)
	l.log.Say(line, "listener", l.ln.Addr(), "remote", nc.RemoteAddr(), "limit", limit, "option", option)
}
