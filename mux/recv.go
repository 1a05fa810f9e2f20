package mux

import (
	"io"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// directRead is the payload size from which a frame is read straight into the chunk the reader of the
// stream will see; smaller ones are copied out of the link's buffer.
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

// consumedLocked books n bytes taken by the reader: how many early bytes are released thereby, and how
// many bytes of credit to grant. Receive lock held; the caller passes both to settle without it.
func (st *Stream) consumedLocked(n int) (rel, credit int) {
	rel = min(n, st.held)
	st.held -= rel
	if st.rerr != nil {
		st.unreserveLocked()
		return rel, 0
	}
	if st.window == 0 { // the first ask: buffered early bytes move to the grant
		st.window, st.reserved = st.s.budget.window(st.s.cfg.Window)
		rel += st.held
		st.held = 0
	}
	if due := st.window - st.grant - st.in.n; due >= st.window/2 {
		st.grant += due
		credit = due
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
	if !f.recvEnd && s.gone == nil {
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

// unreserveLocked gives the window back once nothing more comes and all of it is read: a stream that both
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
	st.in.clear()
	st.unreserveLocked()
	return rel
}

// takeFirst takes the bytes an OPEN brought. The stream is not shared yet.
func (st *Stream) takeFirst(p []byte, fin bool) {
	st.rmu.Lock()
	st.earlyIn, st.held = len(p), len(p)
	if len(p) > 0 {
		st.in.copyIn(p)
	}
	if fin {
		st.rerr = io.EOF
	}
	st.rmu.Unlock()
}

// data takes a DATA frame. Called by the reader.
func (st *Stream) data(h frame.Header, r *frame.Reader) error {
	s, n := st.s, r.Len()
	early, fin := h.Flags&frame.FlagEarly != 0, h.Flags&frame.FlagFin != 0
	if h.Flags&frame.FlagHead != 0 {
		return st.trailer(h, r)
	}
	st.rmu.Lock()
	err := st.admitLocked(n, early)
	st.rmu.Unlock()
	if err == nil && early {
		err = s.checkEarly(st.id, st.group, n)
	}
	if err != nil {
		return err
	}
	var c *chunk
	var p []byte
	if n >= directRead {
		c = newChunk(n)
		if err := r.ReadFull(c.buf[:n]); err != nil {
			c.free()
			return err
		}
		c.w = n
	} else if p, err = r.Payload(); err != nil {
		return err
	}

	// The frame is whole: from here on nothing fails.
	rel, rtt := 0, time.Duration(0)
	blocked := h.Flags&frame.FlagBlocked != 0
	if blocked {
		rtt = s.l.RTT()
	}
	st.rmu.Lock()
	if early {
		s.earlyIn[st.group] += uint64(n)
		st.earlyIn += n
		if st.window > 0 || st.rend != nil {
			rel = n
		} else {
			st.held += n
		}
	} else {
		st.grant -= n
	}
	switch {
	case st.rend != nil:
		if c != nil {
			c.free()
		}
	case c != nil:
		st.in.add(c)
	case n > 0:
		st.in.copyIn(p)
	}
	st.rated += n
	if fin && st.rerr == nil {
		st.rerr = io.EOF
		st.unreserveLocked()
	}
	if n > 0 || fin {
		st.wakeReadersLocked()
	}
	credit := 0
	if blocked {
		credit = st.growLocked(rtt)
	}
	st.rmu.Unlock()
	st.settle(rel, credit)
	if fin {
		s.l.Lock()
		s.endRecvLocked(&st.flow)
		s.l.Unlock()
	}
	return nil
}

// admitLocked checks n bytes that arrive against what the peer may send. Receive lock held.
func (st *Stream) admitLocked(n int, early bool) error {
	switch {
	case early && st.earlyIn+n > int(st.s.cfg.Local.EarlyStream):
		return protocolError(st.id, "%d early bytes after %d are over the stream's early window of %d", n, st.earlyIn, st.s.cfg.Local.EarlyStream)
	case !early && n > st.grant:
		return protocolError(st.id, "%d bytes are over the credit of %d", n, st.grant)
	}
	return nil
}

// trailer takes DATA|HEAD|FIN, the end of a streaming call's answer.
func (st *Stream) trailer(h frame.Header, r *frame.Reader) error {
	if st.kind != frame.KindStreamingCall || !st.own || h.Flags&frame.FlagFin == 0 {
		return protocolError(st.id, "HEAD on a frame that does not end the answer of a streaming call")
	}
	p, err := r.Payload()
	if err != nil {
		return err
	}
	head, body, err := frame.ParseHead(p)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		return protocolError(st.id, "a trailer with %d bytes behind it", len(body))
	}
	head.Detail = append([]byte(nil), head.Detail...)
	head.Metadata = append([]byte(nil), head.Metadata...)
	st.rmu.Lock()
	if err = st.admitLocked(0, false); err == nil {
		st.head = &head
		if st.rerr == nil {
			st.rerr = io.EOF
		}
		st.unreserveLocked()
		st.wakeReadersLocked()
	}
	st.rmu.Unlock()
	if err != nil {
		return err
	}
	st.s.l.Lock()
	st.s.endRecvLocked(&st.flow)
	st.s.l.Unlock()
	return nil
}

// reset takes the peer's RESET.
func (st *Stream) reset(code frame.Code, text string) {
	err := &StreamError{Code: code, Message: text, Remote: true}
	s := st.s
	s.l.Lock() // first, so that no Write succeeds after a Read has told of the reset
	if st.stopped == nil {
		st.stopped = err
	}
	st.wakeWritersLocked()
	if !st.sentEnd {
		s.oweLocked(&st.flow, oweFin)
	}
	s.l.Unlock()
	st.rmu.Lock()
	st.rerr = err
	rel := st.discardLocked()
	st.wakeReadersLocked()
	st.rmu.Unlock()
	s.release(st.group, rel)
	s.l.Lock()
	told := st.told
	st.told = true // now, and not when the FIN has room
	s.endRecvLocked(&st.flow)
	s.l.Unlock()
	if !told {
		s.acc.EndStream(st, err)
	}
}

// end takes the end of the session. What is buffered stays readable.
func (st *Stream) end(err error) {
	st.rmu.Lock()
	if st.rerr == nil {
		st.rerr = err
	}
	st.wakeReadersLocked()
	st.rmu.Unlock()
	st.s.l.Lock()
	st.unsent = st.own && st.id != 0 && st.openPos >= st.s.l.Sent()
	st.finishedLocked()
	st.s.l.Unlock()
}

// Unsent reports whether the session ended before the open of this stream of ours was handed to a carrier, or
// before the peer took it: then the peer has not heard of it, and never will.
func (st *Stream) Unsent() bool {
	st.s.l.Lock()
	defer st.s.l.Unlock()
	return st.unsent
}

// growLocked answers BLOCKED: the window doubles while the sender is limited by it and not by the reader
// or the path, that is while rate x minimum round trip is over half of it (Little's law; a window grown
// just because the sender was blocked costs latency: docs/PERFORMANCE.md). It returns credit to grant.
func (st *Stream) growLocked(rtt time.Duration) int {
	now := time.Now()
	since, bytes := now.Sub(st.rateFrom), st.rated
	first := st.rateFrom.IsZero()
	st.rateFrom, st.rated = now, 0
	if first || rtt <= 0 || since <= 0 || st.window == 0 || st.rend != nil || st.rerr != nil {
		return 0
	}
	inFlight := float64(bytes) / since.Seconds() * rtt.Seconds()
	if inFlight <= float64(st.window)/2 || 2*st.window > st.s.cfg.MaxWindow || !st.s.budget.grow(st.window) {
		return 0
	}
	st.reserved += st.window
	st.window *= 2
	due := st.window - st.grant - st.in.n
	if due <= 0 {
		return 0
	}
	st.grant += due
	return due
}
