package mux

import (
	"time"

	"github.com/gantline-project/gantline/frame"
)

// HandleReplay brings an OPEN that a new carrier sends again up to date. Its timeout becomes what remains of it.
// A call whose caller has given up becomes void, so that it never runs. The link calls it with the send lock held,
// for frames that the peer has not got.
func (s *Session) HandleReplay(h frame.Header, payload []byte) {
	if h.Type != frame.TypeOpen || !s.mine(h.ID) {
		return
	}
	switch e := s.lookup(h.ID).(type) {
	case *Exchange:
		setTimeout(payload, e.deadline)
	case *Stream:
		setTimeout(payload, e.opening().deadline)
	case *leftover:
		if e.group == frame.GroupCalls { // other groups count their early bytes elsewhere
			frame.SetOpenKind(payload, frame.KindVoid)
		}
	}
}

// setTimeout writes what is left until deadline; the least that can be said is 1 ms.
func setTimeout(payload []byte, deadline time.Time) {
	if !deadline.IsZero() {
		left := max(time.Until(deadline), time.Millisecond)
		frame.SetOpenTimeout(payload, uint32(min(left/time.Millisecond, 1<<32-1)))
	}
}

// deadlineOf returns when a timeout that begins now ends.
func deadlineOf(timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return time.Now().Add(timeout)
}
