package mux

import (
	"github.com/gantline-project/gantline/frame"
)

// maxCredit bounds the granted bytes of one direction; protocol.md, section 5.
const maxCredit int64 = 1 << 62

// flow is what streams, calls and messages share: their place in the table and their sending direction.
// The session's send lock guards all of it, except for peerEnd and the fields set before it is published. Its
// fields are in no structs of their own, so that an idle stream takes few bytes.
type flow struct {
	s   *Session
	id  uint64
	key slotKey

	slots  *slots // the slot of ours it holds
	credit int64  // granted bytes left
	early  int    // early bytes that may still be sent

	parked  *waiter  // the writer whose bytes wait
	writers waitList // other writers, which wait for it

	next, nextDebt *flow        // ring, debts
	why            *frame.Reset // said by the RESET or STOP owed; nil = OK
	stopped        error        // the peer wants no more
	closed         error        // this side closed or reset the direction
	oweCredit      uint32
	label          labelSize // of its name and metadata; of the peer's guarded by the table's lock
	owe            debt

	kind        frame.Kind
	group       uint8
	depth       uint8
	smallAt     uint8      // what fills was at the last small write; wraps, at the price of one that waits
	peerEnd     frame.Type // the peer's end as the reader has seen it: 0, peerBlocked, TypeData (FIN) or TypeReset; owned by the reader
	own         bool       // opened by this side
	refused     bool       // the peer's, beyond a limit: it stays only until its end comes
	unconfirmed bool       // of ours, not accepted by the peer yet
	heard       bool       // of ours, and the peer has said something about it; DATA does not count
	confirm     bool       // the peer's, accepted: a CREDIT is due even when no bytes are wanted
	writing     bool       // a write is in progress; others wait in writers
	queued      bool       // in the ring
	inDebt      bool       // in debts
	pooled      bool       // waits in pools.flows
	saidBlocked bool       // BLOCKED was said since the last CREDIT
	sentEnd     bool       // FIN or RESET is in the log
	recvEnd     bool       // the peer's has come
}

func (s *Session) initFlow(f *flow, id uint64, kind frame.Kind, depth uint8, parent uint64, own bool) {
	f.s, f.id, f.kind, f.group, f.depth, f.own = s, id, kind, uint8(kind.Group()), depth, own
	f.key = keyOf(kind, depth, parent)
	f.early = int(s.cfg.Peer.EarlyStream)
	f.credit = int64(s.cfg.InitialCredit)
}

// opened records whether the peer's OPEN was its end, too. f is not shared yet.
func (f *flow) opened(fin bool) {
	if f.recvEnd = fin; fin {
		f.peerEnd = frame.TypeData
	}
}

func (f *flow) base() *flow { return f }

// writeErrLocked says why nothing more can be sent.
func (f *flow) writeErrLocked() error {
	switch {
	case f.closed != nil:
		return f.closed
	case f.stopped != nil:
		return f.stopped
	case f.s.life.gone != nil:
		return f.s.life.gone
	case f.sentEnd || f.owe&oweFin != 0:
		return errWriteClosed
	}
	return nil
}

// endSendLocked records that FIN or RESET is in the log.
func (s *Session) endSendLocked(f *flow) {
	f.sentEnd = true
	if f.recvEnd {
		s.removeLocked(f)
	}
}

// endRecvLocked records that the peer's FIN or RESET has come.
func (s *Session) endRecvLocked(f *flow) {
	f.recvEnd = true
	s.confirmLocked(f)
	if f.sentEnd {
		s.removeLocked(f)
	}
}
