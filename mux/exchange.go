package mux

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// Sink is called at the end of an Exchange.
type Sink interface {
	// Complete is called once, by the reader goroutine or by whoever cancels x or ends the session; it must not block.
	// User code in it stands between EnterUser and LeaveUser of x.
	Complete(x *Exchange)
}

// Exchange is one body out and one answer back: a call, message or notify of this side. Fill in Sink and
// pass it to Session.Start. After Complete its result fields may be read.
type Exchange struct {
	flow
	Sink Sink

	// Result. Err is nil when the peer answered: then Head holds its code, text and metadata and Body the
	// answer. WasReset says that it answered with RESET. Sent says, when Err is not nil, whether the peer may
	// have acted on it: it got the whole body, as far as is known, and did not say that it serves no such open.
	Head     frame.Head
	Body     []byte
	Err      error
	WasReset bool
	Sent     bool
	// Reusable says that the session holds no reference any more. Once Start has returned, too, the Exchange
	// may be used for another Start after Clear.
	Reusable bool

	done     bool      // send lock; the result is settled
	reader   bool      // set before Complete; it is the reader that calls that, within HandleFrame
	left     *leftover // send lock; stands in the table since it was given up
	gotHead  bool      // reader
	ends     bool      // set before it is opened; in the scope of the peer's End, which may drain
	endPos   uint64    // send lock; where the log has the end of the body, 0 = not yet
	deadline time.Time // of the open's timeout; zero = none
	asm      *assembly
}

// ID returns the id that x was opened with; 0 before.
func (x *Exchange) ID() uint64 { return x.id }

// Clear makes x ready for another Start; it keeps Sink.
func (x *Exchange) Clear() { *x = Exchange{Sink: x.Sink} }

// Start opens x with body, and returns when all of body is in the link's log. body may be reused then.
//
// It waits for a slot (the peer's limit of calls or messages), for early window or credit, and for room. ctx
// ends each wait. A nested open (Depth above 0) does not wait for early window but sends its body on credit. If Start returns nil, Complete is called once, perhaps before Start returns. If it returns an
// error, Complete is not called: the peer does not act on x, or was asked to give it up.
//
// Errors: ctx's cause, ErrWouldWait, *StreamError (InvalidArgument, ResourceExhausted for a body over the peer's limit,
// Unavailable while the peer drains), or why the session is gone.
func (s *Session) Start(ctx context.Context, x *Exchange, o *Open, body []byte) error {
	if err := o.check(s, false, len(body)); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	n := len(body)
	s.l.Lock()
	fit := min(s.firstRoom(o), max(0, s.frameLocked()-openLen(o)))
	whole := n <= fit
	if o.NoWait && !whole { // the rest waits for credit
		s.l.Unlock()
		return ErrWouldWait
	}
	if !whole {
		n = 0
	}
	err := s.startLocked(ctx, x, o, body, n, fit, whole)
	var asm *assembly
	if err != nil {
		asm = x.asm // of an answer that began before the body was sent
	}
	s.l.Unlock()
	if asm != nil {
		asm.abandon()
	}
	return err
}

func (s *Session) startLocked(ctx context.Context, x *Exchange, o *Open, body []byte, n, fit int, whole bool) error {
	g, err := s.acquireLocked(ctx, o, n, frame.HeaderLen+openLen(o)+n, nil)
	if err != nil {
		return err
	}
	s.out.reserved -= g.room
	if g.early < n {
		n, whole = 0, false
	}
	s.initFlow(&x.flow, 0, o.Kind, o.Depth, o.Parent, true)
	x.slots, x.label = g.slots, g.label
	if !whole {
		if room := s.roomLocked() - frame.HeaderLen - openLen(o); s.pools.wait[x.group].empty() && room > 0 {
			n = max(0, min(fit, s.poolRoomLocked(x.group), room, s.bulkRoomLocked()))
			s.pools.sent[x.group] += uint64(n)
		}
	}
	x.deadline, x.ends = deadlineOf(o.Timeout), o.Parent == 0
	s.appendOpenLocked(&x.flow, x, o, body[:n], len(body), whole)
	if whole {
		x.endPos = s.l.Appended()
		return nil
	}
	x.writing = true
	_, err = x.writeLocked(ctx, body[n:], true, nil, nil)
	x.writing = false
	if err == nil {
		x.endPos = s.l.Appended()
	}
	switch {
	case err == nil || x.done && s.life.gone != nil:
		return nil
	case x.done || x.stopped != nil: // answered before all of the body was sent, or about to be
		if !x.sentEnd {
			s.appendEmptyLocked(&x.flow, frame.FlagFin)
			s.l.Wake()
			s.endSendLocked(&x.flow)
		}
		return nil
	case s.life.gone != nil:
		return nil // Complete says so
	}
	x.done = true
	code := frame.Canceled
	if ctx.Err() == context.DeadlineExceeded {
		code = frame.DeadlineExceeded
	}
	s.leaveLocked(x, code, "")
	return err
}

// leaveLocked replaces x by a leftover that resets it, so that nothing of x is used any more.
func (s *Session) leaveLocked(x *Exchange, code frame.Code, text string) {
	s.oweResetLocked(s.replaceLocked(x), code, text)
}

// replaceLocked replaces x by a leftover, and returns its flow.
func (s *Session) replaceLocked(x *Exchange) *flow {
	left := &leftover{asm: x.asm}
	left.flow = flow{s: s, id: x.id, kind: x.kind, group: x.group, depth: x.depth, own: true, key: x.key, slots: x.slots, label: x.label, sentEnd: x.sentEnd, recvEnd: x.recvEnd}
	x.slots, x.left, x.owe = nil, left, 0
	x.sentEnd = true // nothing may follow, whoever still holds x
	s.swapLocked(x.id, left)
	return &left.flow
}

// refuse completes x, which the peer does not serve. Its RESET frees the slot. Reader goroutine.
func (x *Exchange) refuse() {
	s := x.s
	s.l.Lock()
	if x.done {
		s.l.Unlock()
		return
	}
	x.done, x.reader = true, true
	x.stopped = errAnswered
	x.wakeWriterLocked()
	if left := s.replaceLocked(x); !left.sentEnd {
		s.oweLocked(left, oweFin)
	}
	x.Err = s.life.drained
	asm := x.asm
	s.l.Unlock()
	if asm != nil {
		asm.abandon()
	}
	x.Sink.Complete(x)
}

// Cancel gives x up, unless x is settled already. The peer gets RESET with the code, and Complete is called at
// once, with a *StreamError of the code in Err. Cancel never blocks. Call it only after Start has returned nil.
func (x *Exchange) Cancel(code frame.Code, text string) { x.cancel(code, text, false) }

func (x *Exchange) cancel(code frame.Code, text string, reader bool) {
	s := x.s
	s.l.Lock()
	if x.done {
		s.l.Unlock()
		return
	}
	x.done = true
	x.stopped = errAnswered
	x.Sent = x.sentLocked()
	x.wakeWriterLocked()
	s.leaveLocked(x, code, text)
	x.Err, x.reader = &StreamError{Code: code, Message: text}, reader
	asm := x.asm
	s.l.Unlock()
	if asm != nil {
		asm.abandon()
	}
	x.Sink.Complete(x)
}

// sentLocked reports whether the peer may have acted on x. It acts on nothing before the whole body has come.
func (x *Exchange) sentLocked() bool {
	return x.endPos > 0 && x.endPos <= x.s.l.Sent() && !x.refusedLocked()
}

// refusedLocked reports whether the peer has said, with DRAIN, that it does not serve x.
func (x *Exchange) refusedLocked() bool {
	return x.ends && x.s.refusesLocked(x.id)
}

// data takes a frame of the answer. Called by the reader.
func (x *Exchange) data(h frame.Header, r *frame.Reader) error {
	fin, early := h.Flags&frame.FlagFin != 0, h.Flags&frame.FlagEarly != 0
	if x.gotHead {
		if h.Flags&frame.FlagHead != 0 {
			return protocolError(x.id, "a second HEAD in an answer")
		}
		if err := x.asm.data(h, r); err != nil {
			return err
		}
		if !fin {
			x.asm.refill()
			return nil
		}
		body, ok := x.asm.finish()
		if !ok {
			return protocolError(x.id, "an answer of %d bytes ends after %d", x.asm.size, len(body))
		}
		x.asm.handOver()
		x.settle(nil, body, false)
		return nil
	}
	p, err := r.Payload()
	if err != nil {
		return err
	}
	var head frame.Head
	body := p
	if h.Flags&frame.FlagHead != 0 {
		if head, body, err = frame.ParseHead(p); err != nil {
			return err
		}
	} else if len(p) > 0 {
		return protocolError(x.id, "an answer without HEAD")
	} else if !fin {
		return nil // BLOCKED before the answer began
	}
	if early && len(body) == 0 {
		return errEarlyNothing(x.id)
	}
	if early && len(body) > int(x.s.cfg.Local.EarlyStream) || !early && len(body) > 0 {
		return protocolError(x.id, "%d bytes of an answer are over its early window or credit", len(body))
	}
	if fin && head.Size != 0 && int(head.Size) != len(body) {
		return protocolError(x.id, "an answer of %d bytes ends after %d", head.Size, len(body))
	}
	if early {
		if err := x.s.checkEarly(x.id, x.group, len(body)); err != nil {
			return err
		}
		x.s.peer.earlyIn[x.group] += uint64(len(body))
	}
	head.Detail = append([]byte(nil), head.Detail...)
	head.Metadata = append([]byte(nil), head.Metadata...)
	x.gotHead = true
	if limit := int(x.s.cfg.Local.Body); max(int(head.Size), len(body)) > limit {
		x.s.release(x.group, len(body))
		x.cancel(frame.ResourceExhausted, fmt.Sprintf("answer of %d bytes is over the limit of %d (Limits.Body)", max(int(head.Size), len(body)), limit), true)
		if fin {
			x.settle(nil, nil, false)
		}
		return nil
	}
	if fin {
		var own []byte
		if len(body) > 0 {
			own = bytes.Clone(body) // no zeroing first
		}
		x.s.release(x.group, len(body))
		x.settle(&head, own, false)
		return nil
	}
	asm := &assembly{}
	asm.start(&x.flow, int(head.Size), int(x.s.cfg.Local.Body), body, early)
	x.s.l.Lock()
	gone := x.done
	if !gone {
		x.Head, x.asm = head, asm
	}
	x.s.l.Unlock()
	if gone {
		asm.abandon()
		return nil
	}
	asm.want()
	return nil
}

// settle records the end of the answer, and completes x unless somebody gave it up. head is nil when it has
// come before.
func (x *Exchange) settle(head *frame.Head, body []byte, reset bool) {
	s := x.s
	s.l.Lock()
	was := x.done
	x.done = true
	switch {
	case was:
	case reset && x.refusedLocked():
		x.Err = s.life.drained
	default:
		x.Body, x.WasReset = body, reset
		if head != nil {
			x.Head = *head
		}
	}
	if !x.sentEnd && x.stopped == nil {
		x.stopped = errAnswered
		x.wakeWriterLocked()
	}
	if !x.sentEnd && !x.writing && x.left == nil {
		s.oweLocked(&x.flow, oweFin)
	}
	if x.left != nil {
		s.endRecvLocked(&x.left.flow)
	} else {
		s.endRecvLocked(&x.flow)
		x.Reusable = x.sentEnd && !x.inDebt && !x.queued && !x.pooled && !x.writing && x.asm == nil && s.life.gone == nil
	}
	s.l.Unlock()
	if !was {
		x.reader = true
		x.Sink.Complete(x)
	}
}

// EnterUser is Link's, if it is the reader that completes x. Whoever ends the session sees to that itself, and nobody
// waits for whoever cancels x.
func (x *Exchange) EnterUser() {
	if x.reader {
		x.s.l.EnterUser()
	}
}

// LeaveUser ends EnterUser.
func (x *Exchange) LeaveUser() {
	if x.reader {
		x.s.l.LeaveUser()
	}
}

// reset takes the peer's RESET: an answer without a body.
func (x *Exchange) reset(code frame.Code, text string) {
	if x.asm != nil {
		x.asm.abandon()
	}
	x.settle(&frame.Head{Code: code, Text: text}, nil, true)
}

// end takes the end of the session.
func (x *Exchange) end(err error) {
	s := x.s
	s.l.Lock()
	was := x.done
	x.done = true
	if !was {
		x.Err, x.Sent = err, x.sentLocked()
	}
	s.l.Unlock()
	if !was {
		x.Sink.Complete(x)
	}
}
