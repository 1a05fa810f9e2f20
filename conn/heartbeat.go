package conn

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// startupPings follow each other at once, so that the round trip is known before
	// there is traffic.
	startupPings = 3
	// pingSpacing and pingBurst limit Ping to 50 frames per second after the first
	// 200, which stays within the peer's budget.
	pingSpacing = 20 * time.Millisecond
	pingBurst   = 200
)

// beatState is how a link knows that its peer is alive. It has PINGs, PONGs and the
// watchdog. Guarded by the send lock unless atomic.
type beatState struct {
	pinger  pinger
	pongDue bool
	pong    uint64       // what the next PONG returns
	timer   *time.Timer  // runs heartbeat; set by Start, nil when the link has ended
	due     atomic.Int64 // when it fires; it is armed by Start and armBeatLocked
	rtt     atomic.Int64 // least round trip of the carrier, ns; 0 = unknown
}

// pinger is what concerns our own PINGs. Guarded by the send lock.
type pinger struct {
	seq      uint64 // opaque number of the last PING sent
	sentAt   int64
	answered uint64 // highest number that was answered
	due      bool   // send the next one
	startup  int    // how many are sent by themselves when the link starts
	closing  bool   // one was sent to learn that everything has arrived
	silent   int64  // when the silence of the peer was found; 0 = it is not silent
	waiters  []*pingWaiter
	paid     int64 // Ping has used its share of frames up to this time
}

// A pingWaiter is a Ping that waits for the answer to seq or a later one.
type pingWaiter struct {
	seq  uint64
	done chan time.Duration // capacity 1
}

// send returns the opaque number of the PING that is being sent.
func (p *pinger) send(now int64) uint64 {
	p.due = false
	p.seq++
	p.sentAt = now
	return p.seq
}

// answer takes a PONG. It returns the round trip, 0 when it is unknown, and whether
// the PONG answered anything.
func (p *pinger) answer(seq uint64, now int64) (rtt time.Duration, ok bool) {
	if seq <= p.answered || seq > p.seq {
		return 0, false
	}
	p.answered = seq
	if seq == p.seq {
		rtt = time.Duration(max(now-p.sentAt, 1))
	}
	keep := p.waiters[:0]
	for _, w := range p.waiters {
		if w.seq <= seq {
			w.done <- time.Duration(max(now-p.sentAt, 1))
		} else {
			keep = append(keep, w)
		}
	}
	clear(p.waiters[len(keep):])
	p.waiters = keep
	if p.startup > 0 {
		p.startup--
	}
	if len(keep) > 0 || p.startup > 0 {
		p.due = true
	}
	return rtt, true
}

// reserve takes one of Ping's frames, or returns how long to wait for it.
func (p *pinger) reserve(now int64) time.Duration {
	p.paid = max(p.paid, now)
	if wait := p.paid - now - int64(pingSpacing*(pingBurst-1)); wait > 0 {
		return time.Duration(wait)
	}
	p.paid += int64(pingSpacing)
	return 0
}

// joinable reports whether a Ping already waits for the next PING to be sent.
func (p *pinger) joinable() bool {
	n := len(p.waiters)
	return n > 0 && p.waiters[n-1].seq == p.seq+1
}

// Ping asks the peer for a sign of life and returns the round trip. Calls at the
// same time share one frame. After 200 in a row there are at most 50 frames per
// second. It fails with the context's error, or with why the link ended.
func (l *Link) Ping(ctx context.Context) (time.Duration, error) {
	select {
	case <-l.life.started:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	l.mu.Lock()
	p := &l.beat.pinger
	for !l.life.ended && !p.joinable() {
		wait := p.reserve(l.now())
		if wait == 0 {
			break
		}
		l.mu.Unlock()
		if err := l.sleep(ctx, wait); err != nil {
			return 0, err
		}
		l.mu.Lock()
	}
	w := &pingWaiter{seq: p.seq + 1, done: make(chan time.Duration, 1)}
	p.waiters = append(p.waiters, w)
	if p.answered == p.seq { // else the PONG that is under way sends the next
		p.due = true
		l.send.cond.Signal()
	}
	l.mu.Unlock()
	select {
	case rtt := <-w.done:
		return rtt, nil
	case <-ctx.Done():
		l.mu.Lock()
		p.forget(w)
		l.mu.Unlock()
		return 0, ctx.Err()
	case <-l.life.done:
		return 0, l.Err()
	}
}

func (p *pinger) forget(w *pingWaiter) {
	for i := range p.waiters {
		if p.waiters[i] == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return
		}
	}
}

func (l *Link) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.life.done:
		return l.Err()
	}
}

// beatPeriod is how often the watchdog looks at the link when nothing is wrong. It
// sees every deadline coming.
func (l *Link) beatPeriod() time.Duration {
	return min(l.peer.Heartbeat, l.cfg.FlushTimeout, l.cfg.AckTimeout)
}

func (l *Link) armBeatLocked(d time.Duration) {
	l.beat.due.Store(l.now() + int64(d))
	l.beat.timer.Reset(d)
}

// stoodStill reports whether the watchdog is overdue for as long as a silent peer is waited for. Then
// this process did not run, and the peer has given up the carrier.
func (l *Link) stoodStill(now int64) bool {
	due := l.beat.due.Load()
	return due != 0 && now-due >= int64(l.peer.Heartbeat)*5/3
}

// heartbeat is the watchdog, which one timer runs. It asks a silent peer for a sign
// of life, and closes the carrier of a peer that is gone, does not read or does not
// acknowledge.
func (l *Link) heartbeat() {
	l.mu.Lock()
	if l.life.stopped || l.carriers.broken || l.beat.timer == nil {
		l.mu.Unlock()
		return
	}
	now := l.now()
	next, err := now+int64(l.beatPeriod()), error(nil)
	due := func(at int64) bool { // or look again then
		if now >= at {
			return true
		}
		next = min(next, at)
		return false
	}
	if l.busy() {
		l.carrier().lastRead.Store(now) // the silence is ours
		l.send.ackAt = now
	}
	last := l.carrier().lastRead.Load()
	interval := int64(l.peer.Heartbeat)
	switch p := &l.beat.pinger; {
	case !due(last + interval):
		p.silent = 0
	case p.silent <= last:
		p.silent = now
		p.due = true
		l.send.cond.Signal()
		due(now + interval*2/3)
	case due(p.silent + interval*2/3):
		err = ErrHeartbeat
	}
	if l.stoodStill(now) {
		err = ErrStoodStill
	}
	if at := l.carrier().flushAt.Load(); at != 0 && due(at+int64(l.cfg.FlushTimeout)) {
		err = ErrStalled
	}
	if l.send.log.sent > l.send.log.acked && due(l.send.ackAt+int64(l.cfg.AckTimeout)) {
		// A peer that is gone breaks no rule. One that could send a frame late could have acknowledged.
		if l.carrier().lastFrame.Load() >= l.send.ackAt+int64(l.cfg.AckTimeout)/2 {
			l.failLocked(protocolf(frame.Internal, "frames came for %v, but no acknowledgement of the %d bytes sent",
				l.cfg.AckTimeout, l.send.log.sent-l.send.log.acked))
		} else {
			due(now + int64(l.cfg.AckTimeout)/30)
		}
	}
	if l.send.log.unacked() == 0 && l.send.room.limit > l.send.room.base {
		l.send.room.shrink()
	}
	c := l.carrier()
	if err != nil {
		c.why = err
	} else {
		l.armBeatLocked(time.Duration(next - now))
	}
	l.mu.Unlock()
	if err != nil {
		c.cut()
	}
}

// restart sends the pings that nobody has answered again, on a new carrier.
func (p *pinger) restart() {
	p.answered, p.silent = p.seq, 0
	for _, w := range p.waiters {
		w.seq = p.seq + 1
	}
	p.due = true
	p.startup = startupPings
}
