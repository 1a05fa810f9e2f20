package mux

// poolRoomLocked returns how many early bytes the group's pool has left.
func (s *Session) poolRoomLocked(group uint8) int {
	return int(uint64(s.cfg.Peer.EarlyPool[group]) - (s.pools.sent[group] - s.pools.freed[group]))
}

// roomLocked returns the log's room, less what is promised to woken waiters.
func (s *Session) roomLocked() int { return s.l.Room() - s.out.reserved }

// frameLocked returns how many payload bytes a frame may have now.
func (s *Session) frameLocked() int { return min(s.maxPayload, s.l.Frame()) }

// aloneAfter is after how many flushes of nothing but bulk the bulk counts as alone. They take a third of a second.
const aloneAfter = 4096

// bulkLocked returns how many bytes of bulk may be appended now.
func (s *Session) bulkLocked() int { return s.l.Bulk(s.out.fills-s.out.livelyAt > aloneAfter) }

// livelyLocked records that n bytes were appended for which somebody may wait.
func (s *Session) livelyLocked(n int) {
	if s.out.livelyAt = s.out.fills; !s.out.ring.empty() {
		s.out.passed += n
	}
}

// aheadOfAll is how much may lie unsent while bulk goes into the log at once, past the ring. Without this limit,
// whoever happens to run would leave nothing to the others.
const aheadOfAll = 128 << 10

// bulkRoomLocked returns how much of a body may go out now, ahead of all others. The body does not fit one frame.
func (s *Session) bulkRoomLocked() int {
	if !s.out.ring.empty() || !s.out.roomWait.empty() {
		return 0
	}
	return max(0, min(s.bulkLocked(), aheadOfAll-s.l.Unsent()))
}

// soleAfter is after how many flushes without bulk of others a flow may take all the room.
const soleAfter = 256

// bulkOfLocked records whose bulk is appended.
func (s *Session) bulkOfLocked(f *flow) {
	if s.out.bulkOf != f.id {
		s.out.bulkOf, s.out.bulkSince = f.id, s.out.fills
	}
}

// directLocked reports whether bulk of f may be appended at once, past the ring.
func (f *flow) directLocked() bool {
	s := f.s
	return s.out.ring.empty() && s.out.roomWait.empty() && s.bulkLocked() > 0 &&
		(s.l.Unsent() < aheadOfAll || s.out.bulkOf == f.id && s.out.fills-s.out.bulkSince > soleAfter)
}

// allowanceLocked returns how many body bytes f may send now, and whether they are early ones.
func (f *flow) allowanceLocked() (n int, early bool) {
	if f.credit > 0 {
		return int(min(f.credit, maxCredit>>8)), false
	}
	if f.early > 0 && f.s.pools.wait[f.group].empty() {
		return min(f.early, f.s.poolRoomLocked(f.group)), true
	}
	return 0, true
}
