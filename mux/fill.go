package mux

import (
	"github.com/gantline-project/gantline/frame"
)

// sendState decides in which order the flows get their frames into the log.
// Guarded by the send lock.
type sendState struct {
	ring      flowRing // flows with bytes to send and leave to send them
	fills     uint64   // calls of Fill, one before each flush
	livelyAt  uint64   // what fills was when something was appended that somebody may wait for
	bulkOf    uint64   // the flow whose bulk was appended last
	bulkSince uint64   // what fills was when that was another
	passed    int      // bytes that went ahead of the ring since it was empty, less two for each it has sent
	debts     debtList // flows that owe CREDIT, STOP, RESET, FIN or BLOCKED
	roomWait  waitList // small frames waiting for room in the log, in bytes
	reserved  int      // bytes of room handed to woken waiters that have not appended yet
}

// earlyPools is what this side may send early, by kind group. Guarded by the
// send lock.
type earlyPools struct {
	wait  [frame.Groups]waitList // opens that wait for their pool, in bytes
	flows [frame.Groups][]*flow  // flows with early bytes left that wait for their pool
	sent  [frame.Groups]uint64   // ours, cumulative
	freed [frame.Groups]uint64   // of those, released by the peer, cumulative
}

// flowRing is the round of flows that have bytes waiting and may send them. Each sends one frame in a round,
// which is deficit round robin with frames of one size.
type flowRing struct{ head, tail *flow }

func (r *flowRing) empty() bool { return r.head == nil }

func (r *flowRing) push(f *flow) {
	if f.queued {
		return
	}
	f.queued, f.next = true, nil
	if r.tail == nil {
		r.head = f
	} else {
		r.tail.next = f
	}
	r.tail = f
}

func (r *flowRing) pop() *flow {
	f := r.head
	if r.head = f.next; r.head == nil {
		r.tail = nil
	}
	f.next, f.queued = nil, false
	return f
}

// debt is what a flow owes the peer: state that is encoded when the log has room, never a queue.
type debt uint8

const (
	oweCredit  debt = 1 << iota // CREDIT, of oweCredit bytes (0 confirms an accepted stream)
	oweStop                     // STOP
	oweReset                    // RESET; replaces everything else
	oweFin                      // an empty DATA|FIN
	oweBlocked                  // an empty DATA|BLOCKED
	oweAnswer                   // the answer to an exchange of the peer's, without a body
)

// debtList is the FIFO of flows with debts.
type debtList struct{ head, tail *flow }

// oweLocked adds a debt of f.
func (s *Session) oweLocked(f *flow, d debt) {
	f.owe |= d
	if !f.inDebt {
		f.inDebt, f.nextDebt = true, nil
		if s.out.debts.tail == nil {
			s.out.debts.head = f
		} else {
			s.out.debts.tail.nextDebt = f
		}
		s.out.debts.tail = f
	}
	s.l.Wake()
}

// oweResetLocked ends both directions with a code.
func (s *Session) oweResetLocked(f *flow, code frame.Code, text string) {
	if len(text) > frame.MaxText {
		text = text[:frame.MaxText]
	}
	f.why = &frame.Reset{Code: code, Text: text}
	s.oweLocked(f, oweReset)
}

// enqueueLocked puts a flow with bytes to send where it belongs. That is the ring, or among those that wait
// for credit or for their early pool.
func (s *Session) enqueueLocked(f *flow) {
	if n, early := f.allowanceLocked(); n > 0 || len(f.parked.pend) == 0 {
		s.out.ring.push(f)
		return
	} else if early && f.early > 0 && !f.pooled {
		f.pooled = true
		s.pools.flows[f.group] = append(s.pools.flows[f.group], f)
	}
	if !f.saidBlocked && !f.sentEnd {
		f.saidBlocked = true
		s.oweLocked(f, oweBlocked)
	}
}

// servePoolLocked lets those go on that waited for early window of group g.
func (s *Session) servePoolLocked(g int) {
	q := &s.pools.wait[g]
	for !q.empty() && s.poolRoomLocked(uint8(g)) >= q.head.need {
		s.pools.sent[g] += uint64(q.head.need)
		q.wakeFirst(true)
	}
	if !q.empty() || s.poolRoomLocked(uint8(g)) <= 0 {
		return
	}
	flows := s.pools.flows[g]
	s.pools.flows[g] = nil
	for _, f := range flows {
		f.pooled = false
		if f.parked != nil {
			s.enqueueLocked(f)
		}
	}
	if len(flows) > 0 {
		s.l.Wake()
	}
}

// Fill appends what is owed, and of the bulk that waits what fits. The link's writer calls it with the send
// lock held. It reports whether something waits for room in the log.
//
// Frames that wait for room go first, but what goes past the ring is counted. After 128 KiB of it bulk is due,
// whatever Bulk says; else enough callers would stop every stream.
func (s *Session) Fill() (waiting bool) {
	s.out.fills++
	if s.life.gone != nil {
		return false
	}
	waiting = !s.payLocked()
	for !s.out.roomWait.empty() || !s.out.ring.empty() {
		due := s.out.passed >= aheadOfAll
		if q := &s.out.roomWait; !q.empty() && (s.out.ring.empty() || !due) {
			if q.head.need > s.roomLocked() {
				return true
			}
			s.out.reserved += q.head.need
			q.wakeFirst(true)
			continue
		}
		if s.roomLocked() < frame.HeaderLen+minBulkRoom || s.bulkLocked() <= 0 && !due {
			return true
		}
		f := s.out.ring.pop()
		w := f.parked
		if w == nil {
			continue // its writer has left
		}
		if f.sentEnd || f.closed != nil || f.stopped != nil {
			f.wakeWriterLocked()
			continue
		}
		n, done := f.appendLocked(w.pend, w.fin, w.head)
		s.out.passed = max(0, s.out.passed-2*n) // a third of what goes out is bulk
		if w.pend = w.pend[n:]; done {
			w.done = true
			f.wakeWriterLocked()
			continue
		}
		s.enqueueLocked(f)
	}
	s.out.passed = 0
	return waiting
}

// payLocked encodes debts, and reports whether all of them are paid.
func (s *Session) payLocked() bool {
	for f := s.out.debts.head; f != nil; f = s.out.debts.head {
		if s.l.Room() < -controlReserve {
			return false
		}
		if s.out.debts.head = f.nextDebt; s.out.debts.head == nil {
			s.out.debts.tail = nil
		}
		f.nextDebt, f.inDebt = nil, false
		owe := f.owe
		f.owe = 0
		s.payFlowLocked(f, owe)
	}
	return true
}

func (s *Session) payFlowLocked(f *flow, owe debt) {
	if owe&oweReset != 0 {
		if !f.sentEnd || !f.recvEnd {
			s.appendReasonLocked(frame.TypeReset, f)
		}
		if !f.sentEnd {
			s.endSendLocked(f)
		}
		return
	}
	if owe&oweCredit != 0 && (!f.recvEnd || f.confirm && !f.sentEnd) {
		b := s.l.Alloc(frame.HeaderLen + 4)
		frame.PutHeader(b, frame.Header{Type: frame.TypeCredit, Length: 4, ID: f.id})
		frame.AppendCredit(b[frame.HeaderLen:frame.HeaderLen], f.oweCredit)
		f.oweCredit, f.confirm = 0, false
	}
	if owe&oweStop != 0 && !f.recvEnd {
		s.appendReasonLocked(frame.TypeStop, f)
	}
	switch {
	case f.sentEnd:
	case owe&oweAnswer != 0:
		s.lookup(f.id).(*Incoming).payAnswerLocked()
	case owe&oweFin != 0:
		if !f.extendLocked(nil, frame.FlagFin) {
			s.appendEmptyLocked(f, frame.FlagFin)
		}
		s.endSendLocked(f)
	case owe&oweBlocked != 0:
		n, _ := f.allowanceLocked()
		if f.saidBlocked = f.parked != nil && n <= 0; f.saidBlocked {
			s.appendEmptyLocked(f, frame.FlagBlocked)
		}
	}
}

func (s *Session) appendEmptyLocked(f *flow, flags frame.Flags) {
	b := s.l.Alloc(frame.HeaderLen)
	frame.PutHeader(b, frame.Header{Type: frame.TypeData, Flags: flags, ID: f.id})
}

// appendReasonLocked appends a RESET or STOP with the flow's code and text.
func (s *Session) appendReasonLocked(t frame.Type, f *flow) {
	var buf [frame.HeaderLen + 8 + frame.MaxText]byte
	why := f.why
	if why == nil {
		why = &frame.Reset{}
	}
	p := frame.AppendReset(buf[:frame.HeaderLen], why)
	frame.PutHeader(p, frame.Header{Type: t, Length: uint32(len(p) - frame.HeaderLen), ID: f.id})
	copy(s.l.Alloc(len(p)), p)
	s.l.Wake()
}
