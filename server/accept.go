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
// many handshakes.
func (l *Listener) admit(nc net.Conn) {
	leave, ok := l.sources.enter(nc.RemoteAddr())
	if !ok {
		nc.Close()
		l.tolls.turnedAway.Add(1)
		l.log.Say(throttle.TooManyOfSource, "listener", l.ln.Addr(), "remote", nc.RemoteAddr(),
			"limit", l.opts.limits.HandshakesPerSource, "option", "Limits.HandshakesPerSource")
		return
	}
	if !l.takeSlot() {
		leave()
		nc.Close()
		return
	}
	l.running.add()
	l.tolls.handshakes.Add(1)
	go func() { // ends with the handshake, which l.ctx and its timeout end
		defer l.running.done()
		defer l.leaveSlot()
		defer leave()
		defer l.tolls.handshakes.Add(-1)
		l.welcome(nc)
	}()
}

// takeSlot waits until there are fewer handshakes than the limit. It returns false when the listener stops in
// the meantime.
func (l *Listener) takeSlot() bool {
	if l.slots == nil {
		return true
	}
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	l.log.Say(throttle.ConnectionsWait, "listener", l.ln.Addr(), "limit", cap(l.slots), "option", "Limits.Handshakes")
	select {
	case l.slots <- struct{}{}:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *Listener) leaveSlot() {
	if l.slots != nil {
		<-l.slots
	}
}
