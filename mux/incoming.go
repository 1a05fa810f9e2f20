package mux

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// ErrReplied is what Reply returns for an exchange that has been answered.
var ErrReplied = errs.New(frame.Unknown, "gantline: already answered")

// errGivenUp is what Reply returns when the peer had reset the exchange; the answer was dropped.
var errGivenUp = &StreamError{Code: frame.Canceled, Message: "the peer gave the call up", Remote: true}

// Incoming is a call, message or notify of the peer's. Every one must be answered with Reply or TryReply, even
// a cancelled one: that frees its slot on both sides.
type Incoming struct {
	flow

	Kind     frame.Kind
	Depth    uint8         // how many calls its opener was inside of
	Codec    uint8         // id of the codec of the body
	canceled bool          // send lock; the peer gave it up
	replied  bool          // send lock; Reply was called
	owed     *frame.Head   // send lock; the answer owed, nil for OK
	Parent   uint64        // stream whose handlers or inbox are addressed, 0 = the End's
	Timeout  time.Duration // that its opener had left; 0 = none
	Name     []byte        // valid only during AcceptExchange
	Metadata []byte        // encoded; valid only during AcceptExchange
	Body     []byte        // set once Complete
	Value    any           // for the acceptor

	complete atomic.Bool  // the body is all there; set by the reader
	held     atomic.Int32 // early bytes of a one-frame body that are not released
	asm      *assembly
}

func (x *Incoming) init(s *Session, id uint64, o *frame.Open) {
	s.initFlow(&x.flow, id, o.Kind, o.Depth, o.Parent, false)
	x.Kind, x.Depth, x.Codec, x.Parent, x.Timeout = o.Kind, o.Depth, o.Codec, o.Parent, timeoutOf(o)
	x.Name, x.Metadata = o.Name, o.Metadata
}

// ID returns the exchange's stream id.
func (x *Incoming) ID() uint64 { return x.id }

// Complete reports whether Body is all there: from AcceptExchange on, or from ReadyExchange.
func (x *Incoming) Complete() bool { return x.complete.Load() }

// open takes what the OPEN brought and announces the exchange.
func (x *Incoming) open(o *frame.Open, fin bool) error {
	limit := int(x.s.cfg.Local.Body)
	if max(int(o.Size), len(o.Body)) > limit {
		x.s.release(x.group, len(o.Body))
		x.s.l.Lock()
		defer x.s.l.Unlock()
		x.asm = &assembly{f: &x.flow, closed: true}
		x.s.oweResetLocked(&x.flow, frame.ResourceExhausted, fmt.Sprintf("body is over the limit of %d announced (Limits.Body)", limit))
		return nil
	}
	if fin {
		if len(o.Body) > 0 {
			x.Body = bytes.Clone(o.Body) // no zeroing first
		}
		x.held.Store(int32(len(o.Body)))
		x.complete.Store(true)
		x.s.acc.AcceptExchange(x)
		return nil
	}
	x.asm = &assembly{}
	x.asm.start(&x.flow, int(o.Size), limit, o.Body, true)
	x.s.acc.AcceptExchange(x)
	if x.Kind == frame.KindCall || x.Kind == frame.KindNotify {
		x.asm.want()
	}
	return nil
}

// Want says that a consumer waits for the body, so the peer may send all of it. Calls and notifies are
// wanted from the start. A message is wanted only when somebody is there to take it, so that messages that
// nobody reads cost no more than their early window.
func (x *Incoming) Want() {
	if x.asm != nil {
		x.asm.want()
	}
}

// Dispatched says that the application has the body. What it held of the link's memory limits is free again.
// Reply does the same.
func (x *Incoming) Dispatched() {
	switch {
	case !x.complete.Load():
	case x.asm != nil:
		x.asm.handOver()
	default:
		x.s.release(x.group, int(x.held.Swap(0)))
	}
}

// data takes a frame of the body. Called by the reader.
func (x *Incoming) data(h frame.Header, r *frame.Reader) error {
	if h.Flags&frame.FlagHead != 0 {
		return protocolError(x.id, "HEAD in the opener's direction")
	}
	if err := x.asm.data(h, r); err != nil {
		return err
	}
	if h.Flags&frame.FlagFin == 0 {
		x.asm.refill()
		return nil
	}
	body, ok := x.asm.finish()
	x.s.l.Lock()
	settled := x.settledLocked()
	x.s.endRecvLocked(&x.flow)
	x.s.l.Unlock()
	switch {
	case settled:
		x.asm.handOver()
	case !ok:
		return protocolError(x.id, "a body of %d bytes ends after %d", x.asm.size, len(body))
	default:
		x.Body = body
		x.complete.Store(true)
		x.s.acc.ReadyExchange(x)
	}
	return nil
}

// settledLocked reports whether the body matters no more, so that its sender may end it early.
func (x *Incoming) settledLocked() bool {
	return x.replied || x.canceled || x.sentEnd || x.owe&oweReset != 0
}

// reset takes the peer's RESET. The slot stays taken until the handler has returned.
func (x *Incoming) reset(code frame.Code, text string) {
	x.giveUp()
	s := x.s
	s.l.Lock()
	was := x.canceled || x.sentEnd || x.owe&oweReset != 0
	x.canceled = true
	if x.owe&oweReset == 0 {
		x.stopped = errGivenUp
		x.wakeWriterLocked()
	}
	s.endRecvLocked(&x.flow)
	s.l.Unlock()
	if !was {
		s.acc.CancelExchange(x, &StreamError{Code: code, Message: text, Remote: true})
	}
}

// giveUp drops a body that is not complete.
func (x *Incoming) giveUp() {
	if x.asm != nil && !x.complete.Load() {
		x.asm.abandon()
	}
}

// end takes the end of the session.
func (x *Incoming) end(err error) {
	x.giveUp()
	x.s.l.Lock()
	was := x.canceled || x.sentEnd || x.owe&oweReset != 0
	x.canceled = true
	x.s.l.Unlock()
	if !was {
		x.s.acc.CancelExchange(x, err)
	}
}
