package mux

import (
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// assembly collects a body that does not fit one frame. Memory is allocated as bytes come, so that a peer that
// announces a large body and sends nothing costs nothing.
type assembly struct {
	f     *flow
	lane  int // of the budget
	cost  int // to the budget: the announced size, else the limit
	limit int

	beyond bool        // granted though the process had no room; guarded by the budget's lock
	begun  atomic.Bool // enough of it has come to take room that others need; see begunLocked
	stall  stallState

	mu      sync.Mutex // guards what follows
	buf     []byte
	size    int // announced, 0 = unknown
	grant   int // granted bytes the peer may still send
	earlyIn int // early bytes received
	held    int // of those, not released
	wanted  bool
	asked   bool // waits for or has had a grant
	charged bool // cost is taken from the budget
	closed  bool // complete or given up
}

const (
	// unknownStep is what a body of unknown size is granted at a time.
	unknownStep = 256 << 10
	// bodyGrowth is how much memory a byte that has come may take. So a body of 3 MiB is allocated at once when its
	// first frame has come, one of 4 MiB with the second: growing step by step would copy them.
	bodyGrowth = 48
	// begunPart is which part of a body must have come before it has begun.
	begunPart = 64
)

// start takes the first bytes.
func (a *assembly) start(f *flow, size, limit int, first []byte, early bool) {
	a.mu.Lock()
	a.f, a.lane, a.size, a.limit, a.cost = f, laneOf(f), size, limit, size
	if size == 0 {
		a.cost = limit
	}
	a.setLocked(append(a.buf, first...)) // rounded up, which leaves room for the rest of a whole early window
	if early {
		a.earlyIn, a.held = len(first), len(first)
	}
	a.begunLocked()
	a.mu.Unlock()
}

// begunLocked looks whether the body has begun, and reports whether it has just now. No peer need send more early
// bytes than its window for that.
func (a *assembly) begunLocked() bool {
	if a.begun.Load() || len(a.buf) < min(a.cost/begunPart, int(a.f.s.cfg.Local.EarlyStream)) {
		return false
	}
	a.begun.Store(true)
	return true
}

// want asks the budget for the body, unless it has or nothing is missing.
func (a *assembly) want() {
	a.mu.Lock()
	first, whole := !a.closed && !a.wanted, a.size > 0 && len(a.buf) == a.size
	if first {
		a.wanted, a.asked = true, !whole
	}
	a.mu.Unlock()
	if first {
		a.f.s.stalls.watch(a)
	}
	if first && !whole {
		giveGrants(a.f.s.budget.ask(a))
	}
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
	return n
}

// roomLocked makes room in buf for n more bytes, of which sure have come, if the body has been granted. It is room for
// all that is granted when what has come pays for that. The reader alone calls it.
func (a *assembly) roomLocked(n, sure int) bool {
	need := len(a.buf) + n
	if cap(a.buf) >= need {
		return true
	}
	most := len(a.buf) + max(a.grant, n)
	if a.size > 0 {
		most = a.size
	}
	if most > bodyGrowth*(len(a.buf)+sure) {
		if most = min(most, 2*need); sure == 0 { // the next frame may pay
			return false
		}
	}
	if !a.charged {
		return false
	}
	a.setLocked(append(make([]byte, 0, most), a.buf...))
	return true
}

// setLocked puts buf in the place of what there is.
func (a *assembly) setLocked(buf []byte) {
	a.f.s.bodies.Add(int64(cap(buf) - cap(a.buf)))
	a.buf = buf
}

// data takes a DATA frame's body bytes.
func (a *assembly) data(h frame.Header, r *frame.Reader) error {
	n, early := r.Len(), h.Flags&frame.FlagEarly != 0
	s, f := a.f.s, a.f
	a.mu.Lock()
	err := a.admitLocked(n, early)
	dropped := a.closed && a.overLocked(n, early)
	direct := err == nil && !a.closed && n >= directRead && a.roomLocked(n, 0)
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
	var p []byte
	if direct { // nobody else writes to buf
		dst = dst[:len(dst)+n]
		err = r.ReadFull(dst[len(dst)-n:])
	} else {
		p, err = r.Payload()
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	switch {
	case a.closed:
	case direct:
		a.buf = dst
	default:
		a.roomLocked(n, n)
		a.setLocked(append(a.buf, p...))
	}
	rel, begun := a.countLocked(n, early), a.begunLocked() && a.asked && !a.charged && !a.closed
	a.mu.Unlock()
	s.release(f.group, rel)
	if begun {
		giveGrants(s.budget.begun())
	}
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
	watched := a.wanted
	body, ok = a.buf, a.size == 0 || len(a.buf) == a.size
	a.mu.Unlock()
	if watched {
		a.f.s.stalls.forget(a)
	}
	if queued {
		giveGrants(a.f.s.budget.drop(a))
	}
	return body, ok
}

// handOver gives back what the body held of early window and budget. A second call does nothing.
func (a *assembly) handOver() {
	a.mu.Lock()
	rel, charged := a.held, a.charged
	a.held, a.charged = 0, false
	a.setLocked(nil)
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
