package mux

import (
	"context"
	"fmt"

	"github.com/gantline-project/gantline/frame"
)

var okHead frame.Head

// Reply answers x and ends it; nil h means OK. It waits for room and, for an answer of more than one frame, for
// the caller's credit. ctx ends the waits, and the peer gets RESET Canceled. body may be reused when Reply has
// returned. What has not arrived of x's body is dropped.
//
// Errors:
//   - ErrReplied.
//   - *StreamError when the peer has given x up (its slot is freed all the same), when the answer exceeds the
//     peer's limit of bodies (the peer gets that as its answer), or when it cannot be sent at all.
//   - ctx's cause, or why the session is gone.
func (x *Incoming) Reply(ctx context.Context, h *frame.Head, body []byte) error {
	x.Dispatched()
	h, body, bad := x.checkAnswer(h, body)
	s := x.s
	s.l.Lock()
	_, err := x.replyLocked(ctx, h, body, true)
	s.l.Unlock()
	x.letGo()
	if err == nil {
		err = bad
	}
	return err
}

// TryReply is Reply for what can go out at once, in one frame, or has no body. An answer without a body goes out when the
// log has room; do not change what h refers to. False means that nothing was done. TryReply never blocks, so an inline
// handler may use it.
func (x *Incoming) TryReply(h *frame.Head, body []byte) bool {
	h, body, _ = x.checkAnswer(h, body)
	s := x.s
	s.l.Lock()
	ok, _ := x.replyLocked(context.Background(), h, body, false)
	s.l.Unlock()
	if ok {
		x.letGo()
	}
	return ok
}

// letGo gives back what the body held, complete or not, when x is answered.
func (x *Incoming) letGo() {
	if x.asm != nil {
		x.asm.abandon()
	} else {
		x.s.release(x.group, int(x.held.Swap(0)))
	}
}

// checkAnswer replaces what the wire cannot carry by an answer that says so.
func (x *Incoming) checkAnswer(h *frame.Head, body []byte) (*frame.Head, []byte, error) {
	if h == nil {
		h = &okHead
	}
	var err *StreamError
	if limit := int(x.s.cfg.Peer.Body); len(body) > limit {
		err = &StreamError{Code: frame.ResourceExhausted, Message: fmt.Sprintf("answer of %d bytes is over the peer's limit of %d (Limits.Body there)", len(body), limit)}
	} else if bad := h.Validate(); bad != nil {
		err = &StreamError{Code: frame.Internal, Message: bad.Error()}
	} else {
		return h, body, nil
	}
	return &frame.Head{Code: err.Code, Text: err.Message}, nil, err
}

// replyLocked appends an answer that fits. The common case stands apart, with little on the stack: most answers
// come from a new goroutine, whose stack is small and would have to grow for each.
func (x *Incoming) replyLocked(ctx context.Context, h *frame.Head, body []byte, wait bool) (bool, error) {
	s := x.s
	if s.life.gone == nil && !x.replied && !x.canceled && !x.sentEnd && x.owe&oweReset == 0 && h.Size == 0 && s.out.roomWait.empty() {
		n, early := x.allowanceLocked()
		hl := frame.HeadLen(h)
		if len(body) <= min(n, s.frameLocked()-hl) && frame.HeaderLen+hl+len(body) <= s.roomLocked() {
			x.replied = true
			x.appendHeadLocked(h, body, early, true)
			return true, nil
		}
	}
	return x.replySlowLocked(ctx, h, body, wait)
}

//go:noinline
func (x *Incoming) replySlowLocked(ctx context.Context, h *frame.Head, body []byte, wait bool) (bool, error) {
	s := x.s
	head := *h
	if x.replied || x.sentEnd || x.owe&oweReset != 0 {
		return true, ErrReplied
	}
	x.replied = wait
	for {
		switch {
		case s.life.gone != nil:
			return true, s.life.gone
		case x.canceled:
			x.replied = true
			s.oweLocked(&x.flow, oweFin)
			return true, errGivenUp
		}
		n, early := x.allowanceLocked()
		head.Size = 0
		hl := frame.HeadLen(&head)
		one := len(body) <= min(n, s.frameLocked()-hl)
		if !one && !wait {
			return false, nil
		}
		if !one {
			head.Size = uint32(len(body))
			hl = frame.HeadLen(&head)
			n = max(0, min(n, s.frameLocked()-hl, s.bulkRoomLocked()))
		} else {
			n = len(body)
		}
		size := frame.HeaderLen + hl + n
		if !s.out.roomWait.empty() || s.roomLocked() < size {
			if !wait {
				return x.oweAnswerLocked(h, body), nil
			}
			s.l.Wake()
			granted, err := s.awaitLocked(&s.out.roomWait, size, ctx, nil)
			if granted {
				s.out.reserved -= size
			} else if err != nil {
				s.oweResetLocked(&x.flow, frame.Canceled, "the answer could not be sent in time")
				return true, err
			}
			if !granted || s.life.gone != nil || x.canceled {
				continue
			}
			if again, e := x.allowanceLocked(); again < n || e != early {
				continue // somebody else took the early window, or there is credit now
			}
		}
		x.replied = true
		x.appendHeadLocked(&head, body[:n], early, one)
		if one {
			return true, nil
		}
		_, err := x.writeLocked(ctx, body[n:], true, nil, nil)
		if err != nil && !x.sentEnd && s.life.gone == nil {
			if x.canceled {
				s.oweLocked(&x.flow, oweFin)
			} else {
				s.oweResetLocked(&x.flow, frame.Canceled, "the answer could not be sent in time")
			}
		}
		return true, err
	}
}

// oweAnswerLocked leaves an answer to Fill, if it has no body. So whoever refuses what a peer sends needs no goroutine for
// each while the peer takes no answers.
func (x *Incoming) oweAnswerLocked(h *frame.Head, body []byte) bool {
	if len(body) > 0 {
		return false
	}
	if frame.HeadLen(h) > frame.HeadLen(&okHead) {
		owed := *h
		x.owed = &owed
	}
	x.replied = true
	x.s.oweLocked(&x.flow, oweAnswer)
	return true
}

// payAnswerLocked appends the answer that x owes.
func (x *Incoming) payAnswerLocked() {
	h := x.owed
	if x.owed = nil; h == nil {
		h = &okHead
	}
	switch {
	case x.sentEnd:
	case x.canceled:
		x.s.appendEmptyLocked(&x.flow, frame.FlagFin)
		x.s.endSendLocked(&x.flow)
	default:
		x.appendHeadLocked(h, nil, false, true)
	}
}

// appendHeadLocked appends the first frame of the answer.
func (x *Incoming) appendHeadLocked(head *frame.Head, body []byte, early, fin bool) {
	s := x.s
	hl := frame.HeadLen(head)
	if len(body) == 0 && hl == 2 {
		hl = 0 // an empty payload means OK
	}
	flags := frame.FlagHead
	if fin {
		flags |= frame.FlagFin
	}
	if len(body) > 0 {
		if early {
			flags |= frame.FlagEarly
			x.early -= len(body)
			s.pools.sent[x.group] += uint64(len(body))
		} else {
			x.credit -= int64(len(body))
		}
	}
	n := hl + len(body)
	b := s.l.Alloc(frame.HeaderLen + n)
	frame.PutHeader(b, frame.Header{Type: frame.TypeData, Flags: flags, Length: uint32(n), ID: x.id})
	if hl > 0 {
		frame.AppendHead(b[:frame.HeaderLen], head)
	}
	copy(b[frame.HeaderLen+hl:], body)
	s.livelyLocked(frame.HeaderLen + n)
	s.l.Wake()
	if fin {
		s.endSendLocked(&x.flow)
		if !x.recvEnd {
			s.oweLocked(&x.flow, oweStop) // the rest of the body is not wanted
		}
	}
}
