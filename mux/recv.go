package mux

import (
	"io"
	"sync"
	"time"
)

// directRead is the payload size from which a frame is read straight into the stream's chunk. Smaller ones are
// copied out of the link's buffer.
const directRead = 8 << 10

// Read returns what has arrived, waiting for at least one byte. The first Read of a stream asks the peer
// for a window; a stream that is never read costs at most its early window.
//
// Errors: io.EOF once the peer has closed its direction, net.ErrClosed (closed here), the deadline's
// os.ErrDeadlineExceeded, *StreamError after a reset, or why the session is gone. What arrived before a
// clean end or the loss of the session stays readable.
func (st *Stream) Read(p []byte) (int, error) {
	st.rmu.Lock()
	if err := st.awaitLocked(len(p) > 0); err != nil || len(p) == 0 {
		st.rmu.Unlock()
		return 0, err
	}
	n := st.in.copyOut(p)
	rel, credit := st.consumedLocked(n)
	st.rmu.Unlock()
	st.settle(rel, credit)
	return n, nil
}

// WriteTo writes what arrives to w until the peer ends its direction, without a copy of its own.
func (st *Stream) WriteTo(w io.Writer) (n int64, err error) {
	for {
		st.rmu.Lock()
		if err := st.awaitLocked(true); err != nil {
			st.rmu.Unlock()
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		c := st.in.pop()
		p := c.buf[c.off:c.w]
		st.in.n -= len(p)
		rel, credit := st.consumedLocked(len(p))
		st.rmu.Unlock()
		st.settle(rel, credit)
		k, err := w.Write(p)
		c.free()
		n += int64(k)
		if err != nil {
			return n, err
		}
		if k < len(p) {
			return n, io.ErrShortWrite
		}
	}
}

// awaitLocked waits until there is something to read, asking for a window when the buffer is empty.
func (st *Stream) awaitLocked(wait bool) error {
	for {
		switch {
		case st.rend != nil:
			return st.rend
		case st.rdl.expired:
			return errDeadline
		case st.in.n > 0 || !wait:
			return nil
		case st.rerr != nil:
			return st.rerr
		}
		if rel, credit := st.consumedLocked(0); rel > 0 || credit > 0 {
			st.rmu.Unlock()
			st.settle(rel, credit)
			st.rmu.Lock()
			continue
		}
		if st.rcond == nil {
			st.rcond = sync.NewCond(&st.rmu)
		}
		st.rcond.Wait()
	}
}

func (st *Stream) wakeReadersLocked() {
	if st.rcond != nil {
		st.rcond.Broadcast()
	}
}

// consumedLocked counts n bytes that the application has read. It returns how many early bytes that releases, and
// how many bytes of credit to grant. Receive lock held; the caller passes both to settle without it.
func (st *Stream) consumedLocked(n int) (rel, credit int) {
	st.addUnreadLocked(-n)
	rel = min(n, st.held)
	st.held -= rel
	if st.rerr != nil {
		st.unreserveLocked()
		return rel, 0
	}
	first := st.window == 0
	if first { // the first ask: buffered early bytes move to the grant
		st.window = st.s.budget.window(st.s.cfg.Window)
		st.reserved = st.window
		rel += st.held
		st.held = 0
	}
	if due := st.window - st.grant - st.in.n; due >= min(st.window/2, creditStep) {
		switch inUse := st.grant + st.in.n; {
		case first:
		case st.s.cfg.InitialCredit == 0:
			st.window = st.s.budget.fit(st.window, st.s.cfg.Window, inUse)
			st.reserved = st.window
		case st.reserved > 0: // but the initial credit
			to := st.s.budget.giveBack(st.window, st.s.cfg.InitialCredit, inUse)
			st.reserved -= st.window - to
			st.window = to
		}
		credit = st.window - st.grant - st.in.n
		st.grant += credit
	}
	return rel, credit
}

// settle announces what consumedLocked found. No lock held.
func (st *Stream) settle(rel, credit int) {
	st.s.release(st.group, rel)
	if credit > 0 {
		st.flow.grantMore(credit)
	}
}

// grantMore owes the peer credit.
func (f *flow) grantMore(n int) {
	s := f.s
	s.l.Lock()
	if !f.recvEnd && s.life.gone == nil {
		f.oweCredit += uint32(n)
		s.oweLocked(f, oweCredit)
	}
	s.l.Unlock()
}

// dropRecv ends the receive side here: err is what Read returns from now on.
func (st *Stream) dropRecv(err error) {
	st.rmu.Lock()
	if st.rend == nil {
		st.rend = err
	}
	rel := st.discardLocked()
	st.rdl.stopLocked()
	st.wakeReadersLocked()
	st.rmu.Unlock()
	st.s.release(st.group, rel)
}

// unreserveLocked gives the window back once nothing more comes and everything is read. So a stream that both
// sides have ended need not be closed.
func (st *Stream) unreserveLocked() {
	if st.in.n == 0 {
		st.s.budget.freeWindow(st.reserved)
		st.reserved = 0
	}
}

// discardLocked empties the buffer and gives the budget back; it returns the early bytes to release.
func (st *Stream) discardLocked() int {
	rel := st.held
	st.held = 0
	st.addUnreadLocked(-st.in.n)
	st.in.clear()
	st.unreserveLocked()
	return rel
}

// growLocked answers BLOCKED, and returns the credit to grant. The window doubles while the window limits the sender,
// and not the reader or the path. That is so while rate x minimum round trip is more than half of it (Little's law). A
// window grown just because the sender was blocked would cost latency (docs/PERFORMANCE.md).
func (st *Stream) growLocked(rtt time.Duration) int {
	now := time.Since(st.s.born)
	since, bytes := now-st.rateFrom, st.rated
	first := st.rateFrom == 0
	st.rateFrom, st.rated = now, 0
	if first || rtt <= 0 || since <= 0 || st.window == 0 || st.rend != nil || st.rerr != nil {
		return 0
	}
	inFlight := float64(bytes) / since.Seconds() * rtt.Seconds()
	if inFlight <= float64(st.window)/2 {
		return 0
	}
	more := st.s.budget.grow(min(st.window, st.s.cfg.MaxWindow-st.window))
	st.reserved += more
	st.window += more
	due := st.window - st.grant - st.in.n
	if due <= 0 {
		return 0
	}
	st.grant += due
	return due
}
