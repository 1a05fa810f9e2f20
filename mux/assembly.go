package mux

import (
	"sync"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// assembly collects a body that does not fit one frame. Memory is allocated as it is granted, so that a peer
// that announces a large body and sends nothing costs nothing.
type assembly struct {
	f     *flow
	lane  int // of the budget
	cost  int // to the budget: the announced size, else the limit
	limit int

	beyond bool // granted though the process had no room; guarded by the budget's lock

	mu      sync.Mutex // guards what follows
	buf     []byte
	size    int  // announced, 0 = unknown
	grant   int  // granted bytes the peer may still send
	earlyIn int  // early bytes received
	held    int  // of those, not released
	asked   bool // waits for or has had a grant
	charged bool // cost is taken from the budget
	closed  bool // complete or given up
}

// unknownStep is what a body of unknown size is granted at a time.
const unknownStep = 256 << 10

// start takes the first bytes.
func (a *assembly) start(f *flow, size, limit int, first []byte, early bool) {
	a.mu.Lock()
	a.f, a.lane, a.size, a.limit, a.cost = f, laneOf(f), size, limit, size
	if size == 0 {
		a.cost = limit
	}
	a.buf = append(make([]byte, 0, len(first)), first...)
	if early {
		a.earlyIn, a.held = len(first), len(first)
	}
	a.mu.Unlock()
}

// want asks the budget for the body, unless it has or nothing is missing.
func (a *assembly) want() {
	a.mu.Lock()
	if a.closed || a.asked || a.size > 0 && len(a.buf) == a.size {
		a.mu.Unlock()
		return
	}
	a.asked = true
	a.mu.Unlock()
	giveGrants(a.f.s.budget.ask(a))
}

// giveGrants hands out what the budgets allowed, perhaps of other sessions than the caller's. No lock held.
func giveGrants(as []*assembly) {
	for _, a := range as {
		s := a.f.s
		a.mu.Lock()
		if a.closed { // given up meanwhile
			a.mu.Unlock()
			giveGrants(s.budget.handedOver(a))
			continue
		}
		a.charged = true
		rel, n := a.held, a.stepLocked()
		a.held = 0
		a.mu.Unlock()
		s.release(a.f.group, rel)
		a.f.grantMore(n)
	}
}

// stepLocked grants what is missing, or the next part when the size is unknown.
func (a *assembly) stepLocked() int {
	n := a.size - len(a.buf)
	if a.size == 0 {
		n = min(unknownStep, a.limit-len(a.buf))
	}
	a.grant += n
	if need := len(a.buf) + n; cap(a.buf) < need {
		a.buf = append(make([]byte, 0, need), a.buf...)
	}
	return n
}

// data takes a DATA frame's body bytes.
func (a *assembly) data(h frame.Header, r *frame.Reader) error {
	n, early := r.Len(), h.Flags&frame.FlagEarly != 0
	s, f := a.f.s, a.f
	a.mu.Lock()
	err := a.admitLocked(n, early)
	dropped := a.closed && a.overLocked(n, early)
	dst := a.buf
	a.mu.Unlock()
	if dropped {
		err = s.l.Charge(oddity.Odd, "DATA beyond credit for what was given up")
	}
	if err == nil && early {
		err = s.checkEarly(f.id, f.group, n)
	}
	if err != nil {
		return err
	}
	// Only the reader grows buf beyond its length; giveGrants may move it, so the bytes are read into
	// spare room when it is there and appended under the lock otherwise.
	if cap(dst)-len(dst) >= n && n >= directRead {
		return a.readInto(r, dst, n, early)
	}
	p, err := r.Payload()
	if err != nil {
		return err
	}
	a.mu.Lock()
	if !a.closed {
		a.buf = append(a.buf, p...)
	}
	rel := a.countLocked(n, early)
	a.mu.Unlock()
	s.release(f.group, rel)
	return nil
}

// readInto reads n bytes into the room after dst, which was a.buf.
func (a *assembly) readInto(r *frame.Reader, dst []byte, n int, early bool) error {
	if err := r.ReadFull(dst[len(dst) : len(dst)+n]); err != nil {
		return err
	}
	a.mu.Lock()
	if !a.closed {
		if &dst[:1][0] == &a.buf[:1][0] {
			a.buf = a.buf[:len(dst)+n]
		} else { // it moved while we read
			a.buf = append(a.buf, dst[len(dst):len(dst)+n]...)
		}
	}
	rel := a.countLocked(n, early)
	a.mu.Unlock()
	a.f.s.release(a.f.group, rel)
	return nil
}

// overLocked reports whether the peer may not send n more bytes.
func (a *assembly) overLocked(n int, early bool) bool {
	return early && a.earlyIn+n > int(a.f.s.cfg.Local.EarlyStream) || !early && n > a.grant
}

func (a *assembly) admitLocked(n int, early bool) error {
	id, got := a.f.id, len(a.buf)
	switch {
	case a.closed:
		return nil // dropped
	case early && a.earlyIn+n > int(a.f.s.cfg.Local.EarlyStream):
		return protocolError(id, "%d early bytes after %d are over the stream's early window of %d", n, a.earlyIn, a.f.s.cfg.Local.EarlyStream)
	case !early && n > a.grant:
		return protocolError(id, "%d bytes are over the credit of %d", n, a.grant)
	case a.size > 0 && got+n > a.size:
		return protocolError(id, "%d bytes after %d are over the announced size of %d", n, got, a.size)
	case a.size == 0 && got+n > a.limit:
		return protocolError(id, "a body of unannounced size is over the limit of %d", a.limit)
	}
	return nil
}

// countLocked counts n bytes that are in and returns the early ones to release.
func (a *assembly) countLocked(n int, early bool) (rel int) {
	if early {
		a.f.s.peer.earlyIn[a.f.group] += uint64(n)
		a.earlyIn += n
		if a.closed || a.charged {
			return n
		}
		a.held += n
		return 0
	}
	a.grant -= n
	return 0
}

// refill grants the next part of a body of unknown size.
func (a *assembly) refill() {
	a.mu.Lock()
	n := 0
	if a.size == 0 && a.charged && a.grant == 0 && !a.closed {
		n = a.stepLocked()
	}
	a.mu.Unlock()
	if n > 0 {
		a.f.grantMore(n)
	}
}

// finish ends the collecting and returns the body. ok is false when the body is shorter than announced. A body
// that was given up is nil.
func (a *assembly) finish() (body []byte, ok bool) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil, true
	}
	a.closed = true
	queued := a.asked && !a.charged
	body, ok = a.buf, a.size == 0 || len(a.buf) == a.size
	a.mu.Unlock()
	if queued {
		giveGrants(a.f.s.budget.drop(a))
	}
	return body, ok
}

// handOver gives back what the body held of early window and budget. A second call does nothing.
func (a *assembly) handOver() {
	a.mu.Lock()
	rel, charged := a.held, a.charged
	a.held, a.charged, a.buf = 0, false, nil
	a.mu.Unlock()
	s := a.f.s
	s.release(a.f.group, rel)
	if charged {
		giveGrants(s.budget.handedOver(a))
	}
}

// abandon gives the body up.
func (a *assembly) abandon() {
	a.finish()
	a.handOver()
}
