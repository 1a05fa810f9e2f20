package mux

import (
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// HandleFrame takes one sequenced frame of the peer. It is called by the link's reader goroutine only.
func (s *Session) HandleFrame(h frame.Header, r *frame.Reader) error {
	switch h.Type {
	case frame.TypeOpen:
		return s.handleOpen(h, r)
	case frame.TypeData:
		s.peer.dataIn.Add(int64(h.Length))
		e := s.lookup(h.ID)
		if e == nil {
			return s.noEntry(h)
		}
		return s.handleData(e, h, r)
	case frame.TypeCredit:
		return s.handleCredit(h, r)
	case frame.TypeReset, frame.TypeStop:
		p, err := r.Payload()
		if err != nil {
			return err
		}
		if h.Type == frame.TypeReset {
			m, err := frame.ParseReset(p)
			if err != nil {
				return err
			}
			return s.handleReset(h, m)
		}
		m, err := frame.ParseStop(p)
		if err != nil {
			return err
		}
		return s.handleStop(h, m)
	case frame.TypeDrain:
		return s.handleDrain(r)
	case frame.TypeSettings:
		p, err := r.Payload()
		if err != nil {
			return err
		}
		m, err := frame.ParseSettings(p)
		if err != nil {
			return err
		}
		s.l.Lock()
		s.opens.slots.setLimits(m)
		s.l.Unlock()
		return s.l.Charge(oddity.Cheap, "SETTINGS")
	}
	return r.Skip()
}

// handleData checks that the direction goes on. After RESET frames are dropped, whether or not this side has
// answered it; after FIN they are an error while the entry is there.
func (s *Session) handleData(e entry, h frame.Header, r *frame.Reader) error {
	f := e.base()
	switch f.peerEnd {
	case frame.TypeReset:
		return s.l.Charge(oddity.Odd, "DATA after RESET")
	case frame.TypeData:
		return protocolError(h.ID, "DATA after FIN")
	}
	if h.Flags == frame.FlagBlocked && h.Length == 0 {
		if err := s.blocked(f); err != nil {
			return err
		}
	}
	if h.Flags&frame.FlagFin == 0 {
		return e.data(h, r)
	}
	f.peerEnd = frame.TypeData // before data, after which e may be in use again
	err := e.data(h, r)
	if err != nil {
		f.peerEnd = 0 // torn: it comes again
	}
	return err
}

func (s *Session) handleCredit(h frame.Header, r *frame.Reader) error {
	p, err := r.Payload()
	if err != nil {
		return err
	}
	n, err := frame.ParseCredit(p)
	if err != nil {
		return err
	}
	e := s.lookup(h.ID)
	if e == nil {
		return s.noEntry(h)
	}
	f := e.base()
	s.l.Lock()
	defer s.l.Unlock()
	news := !f.heard || f.parked != nil || f.credit <= 0 && n > 0
	s.confirmLocked(f)
	if f.sentEnd {
		return s.idleLocked("CREDIT after the end")
	}
	if f.credit+int64(n) > maxCredit {
		return protocolError(h.ID, "credit of %d + %d bytes is over the maximum %d", f.credit, n, int64(maxCredit))
	}
	f.credit += int64(n)
	f.saidBlocked = f.saidBlocked && n == 0
	if f.parked != nil && f.credit > 0 {
		s.enqueueLocked(f)
		s.l.Wake()
	}
	if !news {
		return s.idleLocked("CREDIT that nobody waits for")
	}
	return nil
}

func (s *Session) handleReset(h frame.Header, m frame.Reset) error {
	e := s.lookup(h.ID)
	if e == nil {
		return s.noEntry(h)
	}
	f := e.base()
	if f.peerEnd == frame.TypeReset {
		s.l.Lock()
		defer s.l.Unlock()
		return s.idleLocked("RESET after RESET")
	}
	f.peerEnd = frame.TypeReset
	e.reset(m.Code, m.Text)
	return nil
}

func (s *Session) handleStop(h frame.Header, m frame.Stop) error {
	e := s.lookup(h.ID)
	if e == nil {
		return s.noEntry(h)
	}
	f := e.base()
	s.l.Lock()
	defer s.l.Unlock()
	s.confirmLocked(f)
	if f.sentEnd || f.stopped != nil {
		return s.idleLocked("STOP of a direction that has ended")
	}
	f.stopped = errPeerStopped
	if m.Code != frame.OK {
		f.stopped = &StreamError{Code: m.Code, Message: m.Text, Remote: true}
	}
	f.wakeWriterLocked()
	switch e := e.(type) {
	case *Incoming: // an answer is still due from a handler
	case *Stream:
		// A stream that was closed and not accepted yet keeps its slot, and its place among the opener's
		// unaccepted ones, until it is: the backlog would have no bound otherwise.
		switch {
		case e.servedLocked():
			e.announceServedEndLocked()
		case e.own || e.accepted || e.kind != frame.KindStream:
			s.oweLocked(f, oweFin)
		}
	default:
		s.oweLocked(f, oweFin)
	}
	return nil
}

// HandleReleased takes the peer's counters of early bytes it has released.
func (s *Session) HandleReleased(total [frame.Groups]uint64) error {
	s.l.Lock()
	defer s.l.Unlock()
	s.carriedLocked() // a new carrier begins with this
	for g, n := range total {
		if n < s.pools.freed[g] || n > s.pools.sent[g] {
			return protocolError(0, "released counter %d of group %d is not between %d and %d", n, g, s.pools.freed[g], s.pools.sent[g])
		}
		if n == s.pools.freed[g] {
			continue
		}
		s.pools.freed[g] = n
		s.servePoolLocked(g)
	}
	return nil
}
