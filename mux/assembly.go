package mux

import (
	"sync"

	"github.com/gantline-project/gantline/frame"
)

// assembly collects a body that does not fit one frame. Memory is allocated as it is granted, so a peer
// that announces a large body and sends nothing costs nothing.
type assembly struct {
	f *flow

	mu      sync.Mutex // guards what follows, except need
	buf     []byte
	size    int  // announced, 0 = unknown
	grant   int  // granted bytes the peer may still send
	earlyIn int  // early bytes received
	held    int  // of those, not released
	asked   bool // waits for or has had a grant
	granted int  // taken from the budget
	active  bool // counts as under way in the budget
	over    bool // complete or given up

	need int // of the grant asked for; set before it is queued
}

// unknownStep is what a body of unknown size is granted at a time.
const unknownStep = 256 << 10

// start takes the first bytes.
func (a *assembly) start(f *flow, size int, first []byte, early bool) {
	a.mu.Lock()
	a.f, a.size = f, size
	a.buf = append(make([]byte, 0, len(first)), first...)
	if early {
		a.earlyIn, a.held = len(first), len(first)
	}
	a.mu.Unlock()
}

// want asks the budget for what is missing, unless it has.
func (a *assembly) want() {
	a.mu.Lock()
	if a.over || a.asked {
		a.mu.Unlock()
		return
	}
	a.asked = true
	if a.size > 0 {
		a.need = a.size - len(a.buf)
	} else {
		a.need = unknownStep
	}
	a.mu.Unlock()
	a.f.s.giveGrants(a.f.s.budget.ask(a))
}

// giveGrants hands out what the budget allowed. No lock held.
func (s *Session) giveGrants(as []*assembly) {
	for _, a := range as {
		a.mu.Lock()
		if a.over { // given up while it was handed over
			a.mu.Unlock()
			s.giveGrants(s.budget.done(true, a.need))
			continue
		}
		n, rel := a.need, a.held
		a.held = 0
		a.grant += n
		a.granted += n
		a.active = true
		if need := len(a.buf) + a.grant; cap(a.buf) < need {
			a.buf = append(make([]byte, 0, need), a.buf...)
		}
		a.mu.Unlock()
		s.release(a.f.group, rel)
		a.f.grantMore(n)
	}
}

// data takes a DATA frame's body bytes: p when they were parsed already, else all that r has left.
func (a *assembly) data(h frame.Header, r *frame.Reader, p []byte, limit int) error {
	n, early := len(p), h.Flags&frame.FlagEarly != 0
	if r != nil {
		n = r.Len()
	}
	s, f := a.f.s, a.f
	a.mu.Lock()
	err := a.admitLocked(n, early, limit)
	dst := a.buf
	a.mu.Unlock()
	if err == nil && early {
		err = s.checkEarly(f.id, f.group, n)
	}
	if err != nil {
		return err
	}
	// Only the reader grows buf beyond its length; giveGrants may move it, so the bytes are read into
	// spare room when it is there and appended under the lock otherwise.
	if r != nil {
		if cap(dst)-len(dst) >= n && n >= directRead {
			return a.readInto(r, dst, n, early)
		}
		if p, err = r.Payload(); err != nil {
			return err
		}
	}
	a.mu.Lock()
	if !a.over {
		a.buf = append(a.buf, p...)
	}
	rel := a.bookLocked(n, early)
	a.mu.Unlock()
	s.release(f.group, rel)
	return nil
}

// readInto reads n bytes behind dst, which was a.buf.
func (a *assembly) readInto(r *frame.Reader, dst []byte, n int, early bool) error {
	if err := r.ReadFull(dst[len(dst) : len(dst)+n]); err != nil {
		return err
	}
	a.mu.Lock()
	if !a.over {
		if &dst[:1][0] == &a.buf[:1][0] {
			a.buf = a.buf[:len(dst)+n]
		} else { // it moved while we read
			a.buf = append(a.buf, dst[len(dst):len(dst)+n]...)
		}
	}
	rel := a.bookLocked(n, early)
	a.mu.Unlock()
	a.f.s.release(a.f.group, rel)
	return nil
}

func (a *assembly) admitLocked(n int, early bool, limit int) error {
	id, got := a.f.id, len(a.buf)
	switch {
	case a.over:
		return nil // dropped
	case early && a.earlyIn+n > int(a.f.s.cfg.Local.EarlyStream):
		return protocolError(id, "%d early bytes after %d are over the stream's early window of %d", n, a.earlyIn, a.f.s.cfg.Local.EarlyStream)
	case !early && n > a.grant:
		return protocolError(id, "%d bytes are over the credit of %d", n, a.grant)
	case a.size > 0 && got+n > a.size:
		return protocolError(id, "%d bytes after %d are over the announced size of %d", n, got, a.size)
	case a.size == 0 && got+n > limit:
		return protocolError(id, "a body of unannounced size is over the limit of %d", limit)
	}
	return nil
}

// bookLocked counts n bytes that are in and returns the early ones to release.
func (a *assembly) bookLocked(n int, early bool) (rel int) {
	if early {
		a.f.s.earlyIn[a.f.group] += uint64(n)
		a.earlyIn += n
		if a.over || a.granted > 0 {
			return n
		}
		a.held += n
		return 0
	}
	a.grant -= n
	return 0
}

// refillable reports that a body of unknown size has used up its grant.
func (a *assembly) refill() {
	a.mu.Lock()
	again := a.size == 0 && a.active && a.grant == 0 && !a.over
	if again {
		a.active, a.asked = false, false
	}
	a.mu.Unlock()
	if again {
		a.f.s.giveGrants(a.f.s.budget.done(true, 0))
		a.want()
	}
}

// finish ends the collecting: the body, and false when it was given up before or is shorter than announced.
func (a *assembly) finish() (body []byte, ok bool) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return nil, true
	}
	a.over = true
	active := a.active
	a.active = false
	body, ok = a.buf, a.size == 0 || len(a.buf) == a.size
	a.mu.Unlock()
	s := a.f.s
	if active {
		s.giveGrants(s.budget.done(true, 0))
	} else {
		s.budget.drop(a)
	}
	return body, ok
}

// handOver gives back what the body held of early window and budget. Call it once, after finish.
func (a *assembly) handOver() {
	a.mu.Lock()
	rel, granted := a.held, a.granted
	a.held, a.granted, a.buf = 0, 0, nil
	a.mu.Unlock()
	s := a.f.s
	s.release(a.f.group, rel)
	if granted > 0 {
		s.giveGrants(s.budget.done(false, granted))
	}
}

// abandon gives the body up.
func (a *assembly) abandon() {
	a.finish()
	a.handOver()
}
