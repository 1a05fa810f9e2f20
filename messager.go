package gantline

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// ErrAckLater is what a subscription function returns to keep its message: the publisher goes on waiting
// until Ack or Nack is called, by any goroutine. Until then the message counts in the receive maximum,
// Limits.Messages.
var ErrAckLater = errors.New("gantline: message will be acked later")

// Message is one published message as its receiver sees it. Body belongs to the receiver. The exported
// fields are set before the message is handed out and not touched afterwards; the methods may be called
// from any goroutine. A Message that a test makes itself can be used too: its Ack and Nack tell nobody.
type Message struct {
	ID          MessageID // the same for every copy of the message; zero if the peer gave none
	Topic       string
	Body        []byte
	Metadata    Metadata // nil when the publisher gave none
	Redelivered bool     // the publisher says that this may be a copy
	Stream      *Stream  // whose Receive or Subscribe it was published to: the End's own, or a stream's

	sc  *messageScope
	x   *mux.Incoming
	own mux.Incoming   // is x; here, as is ctx, to save an allocation
	ctx handlerContext // of the subscription function it is given to

	outcome  atomic.Uint32         // of Ack and Nack
	early    int                   // bytes of the body that the link's early window may hold
	codec    uint8                 // of Body
	noAck    bool                  // the publisher does not wait
	wanted   bool                  // Want was called; guarded by the inbox's lock
	complete bool                  // Body is all there; guarded by the inbox's lock
	gone     atomic.Pointer[error] // why nobody waits for the outcome any more

	since      time.Time    // unclaimed since then; guarded by the inbox's lock
	list       *messageList // which holds it, nil once handed out; guarded by the inbox's lock
	next, prev *Message     // in list
}

// Outcomes of a message.
const (
	unsettled uint32 = iota
	acked
	nacked
)

// init copies out of x what lives only as long as the frame. Topic is the caller's.
func (m *Message) init(e *End, s *session, sc *messageScope, x *mux.Incoming) {
	m.sc, m.x, m.Stream, m.codec, m.noAck = sc, x, sc.stream, x.Codec, x.Kind == frame.KindUnackedMessage
	m.ctx.init(e, s, x.Depth, x.Timeout)
	m.early, m.complete = len(x.Body), x.Complete()
	if !m.complete {
		m.early = earlyStream
	}
	own := false
	for key, value, rest, ok := frame.NextMetadata(x.Metadata); ok; key, value, rest, ok = frame.NextMetadata(rest) {
		switch {
		case key[0] != ':':
			own = true
		case string(key) == frame.MetaID && len(value) == len(m.ID):
			copy(m.ID[:], value)
		case string(key) == frame.MetaRedelivered:
			m.Redelivered = true
		}
	}
	if own {
		m.Metadata = parseMetadata(x.Metadata)
	}
}

// Deadline returns when the publisher stops waiting for the ack, false if it waits without limit.
func (m *Message) Deadline() (time.Time, bool) { return m.ctx.Deadline() }

// Decode reads Body into v with the codec it was written with: see Topic. Errors are *Error: InvalidArgument
// when the body does not fit v or is raw bytes, Unimplemented when this side does not know the codec.
func (m *Message) Decode(v any) error {
	var own Codec
	if m.sc != nil {
		own = m.sc.end.cfg.Codec
	}
	c := codecByID(m.codec, own)
	if c == nil {
		return errorf(Unimplemented, "codec %d is not known here: set Config.Codec to it on both sides", m.codec).named(m.Topic)
	}
	return decode(c, m.Body, v)
}

// Ack tells the publisher that the message is done: its Publish returns nil. It never blocks.
//
// The first Ack or Nack counts. A later one returns an error with the code FailedPrecondition. Ack also
// returns an error when nobody waits any more: Canceled or DeadlineExceeded when the publisher gave up,
// net.ErrClosed or ErrSessionLost when the End is over; the message may then come again.
func (m *Message) Ack() error { return m.settle(acked, nil) }

// Nack tells the publisher that the message failed: its Publish returns an *Error with err's code and text,
// as a call does (a plain error is Unknown; nil is Unknown without text). Like Ack it never blocks and
// counts only when it is the first.
func (m *Message) Nack(err error) error {
	if err == nil {
		err = Unknown
	}
	return m.settle(nacked, err)
}

func (m *Message) settle(as uint32, why error) error {
	if !m.outcome.CompareAndSwap(unsettled, as) {
		done := "acked"
		if m.outcome.Load() == nacked {
			done = "nacked"
		}
		return errorf(FailedPrecondition, "the message is %s already", done).named(m.Topic)
	}
	if as == acked {
		m.remember()
	}
	if m.noAck || m.x == nil {
		return nil // the publisher was told when the message was handed out, or there is none
	}
	var head *frame.Head
	if why != nil {
		h := headOf(why)
		head = &h
	}
	m.sc.end.answer(m.x, head) // due even when the publisher has gone: it frees the slot
	if gone := m.gone.Load(); gone != nil {
		return m.goneError(*gone)
	}
	if ctx := m.ctx.Session.Ctx; ctx.Err() != nil {
		return m.goneError(context.Cause(ctx))
	}
	return nil
}

// goneError says why an ack reaches nobody.
func (m *Message) goneError(err error) error {
	if isReset(err) {
		return &Error{Code: CodeOf(err), Message: "the publisher has given the message up", Method: m.Topic, cause: err}
	}
	return &Error{Code: CodeOf(err), Message: "not acked: " + cleanText(err), Method: m.Topic, cause: err}
}

// handOut books that the application has the message from now on.
func (m *Message) handOut() {
	m.Body = m.x.Body
	m.x.Body = nil
	m.x.Dispatched()
	if m.noAck {
		m.sc.end.answer(m.x, nil) // frees the publisher's slot
	}
}

// run gives the message to a subscription function and settles it by what that returns.
func (m *Message) run(fn func(context.Context, *Message) error) {
	e := m.sc.end
	e.handlerStarted()
	defer e.handlerDone()
	m.handOut()
	err := m.call(fn)
	m.ctx.finish()
	// The function may have settled it already; then this is nothing new.
	switch {
	case err == nil:
		_ = m.Ack()
	case !errors.Is(err, ErrAckLater):
		_ = m.Nack(err)
	}
}

func (m *Message) call(fn func(context.Context, *Message) error) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = m.sc.end.recovered("subscription", m.Topic, v)
			return
		}
		// runtime.Goexit: run will not go on.
		m.ctx.finish()
		_ = m.Nack(errorf(Internal, "the subscription's function ended its goroutine with runtime.Goexit"))
	}()
	err = fn(&m.ctx, m)
	returned = true
	return err
}

// ready implements exchange: the body has arrived.
func (m *Message) ready(*mux.Incoming) { m.sc.readyMessage(m) }

// cancel implements exchange: the publisher gave up, or the session is gone.
func (m *Message) cancel(_ *mux.Incoming, err error) {
	m.gone.Store(&err)
	m.ctx.cancel(err)
	m.sc.dropMessage(m, err)
}

// isReset reports whether err is a single message's end, not the session's.
func isReset(err error) bool {
	var reset *StreamError
	return errors.As(err, &reset)
}
