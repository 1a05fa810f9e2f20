package mux

import (
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// idleLocked takes a frame of the peer's that changes nothing, though it is legal. A CREDIT for a stream that has
// ended was on its way, for instance. A peer may send as many as it gets frames from here; beyond that they are charged
// to the link's budget. Reader; send lock held.
func (s *Session) idleLocked(what string) error {
	if s.idle.Take(s.l.Appended()) {
		return nil
	}
	return s.l.Charge(oddity.Cheap, what)
}

// noEntry takes a frame whose stream is not in the table. What a sender may have sent before it knew of the end is
// dropped. DATA cannot be on its way any more: its sender has ended the stream.
func (s *Session) noEntry(h frame.Header) error {
	switch {
	case !s.wasOpened(h.ID):
		return protocolError(h.ID, "%v for a stream that was never opened", h.Type)
	case h.Type == frame.TypeData && !s.cfg.yamux: // the yamux link has dropped what is legal
		return s.l.Charge(oddity.Odd, "DATA for a stream that has ended")
	}
	s.l.Lock()
	defer s.l.Unlock()
	return s.idleLocked(h.Type.String() + " for a stream that has ended")
}

// peerBlocked is flow.peerEnd of a direction that goes on, and that has had a BLOCKED without bytes.
const peerBlocked frame.Type = 1

// blocked takes BLOCKED without bytes. A sender says that once before it gets CREDIT, and then once for each.
func (s *Session) blocked(f *flow) error {
	if f.peerEnd == 0 {
		f.peerEnd = peerBlocked
		return nil
	}
	s.l.Lock()
	defer s.l.Unlock()
	return s.idleLocked("BLOCKED without bytes")
}
