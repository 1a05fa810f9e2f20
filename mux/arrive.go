package mux

import (
	"io"
	"time"

	"github.com/gantline-project/gantline/frame"
)

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
		s.peer.earlyIn[st.group] += uint64(n)
		st.earlyIn += n
		// Beyond the window they stay early ones until they are read, or each stream could hold both.
		if st.rend != nil || st.window > 0 && st.grant+st.in.n+n <= st.window {
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
		st.addUnreadLocked(n)
	case n > 0:
		st.in.copyIn(p)
		st.addUnreadLocked(n)
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
		st.announceServedEndLocked()
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
	if h.Flags&frame.FlagEarly != 0 {
		return errEarlyNothing(st.id)
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
		return protocolError(st.id, "a trailer with %d bytes after it", len(body))
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
	var err error = &StreamError{Code: code, Message: text, Remote: true}
	s := st.s
	s.l.Lock() // first, so that no Write succeeds after a Read has failed with the reset
	if st.unsent = st.refusedLocked(); st.unsent {
		err = st.unsentLocked(s.life.drained)
	}
	if st.stopped == nil {
		st.stopped = err
	}
	st.wakeWritersLocked()
	if !st.sentEnd && !st.servedLocked() {
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
	announced := st.endAnnounced
	st.endAnnounced = true // now, and not when the FIN has room
	s.endRecvLocked(&st.flow)
	s.l.Unlock()
	if !announced {
		s.acc.EndStream(st, err)
	}
}

// end takes the end of the session. What is buffered stays readable.
func (st *Stream) end(err error) {
	st.s.l.Lock()
	err = st.unsentLocked(err)
	st.s.l.Unlock()
	st.rmu.Lock()
	if st.rerr == nil {
		st.rerr = err
	}
	st.wakeReadersLocked()
	st.rmu.Unlock()
	st.s.l.Lock()
	st.finishedLocked()
	st.s.l.Unlock()
}
