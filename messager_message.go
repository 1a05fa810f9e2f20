package gantline

import (
	"context"
	"errors"
	"reflect"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/claim"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/mux"
)

// Outcomes of a message.
const (
	unsettled uint32 = iota
	acked
	nacked
)

// init copies out of x what lives only as long as the frame. Topic is the caller's.
func (m *Message) init(e *End, s *session, sc *messageScope, x *mux.Incoming) {
	m.sc, m.Stream, m.codec, m.noAck = sc, sc.stream, x.Codec, x.Kind == frame.KindUnackedMessage
	m.ctx.init(e, s, x.Depth, x.Timeout)
	early, complete := len(x.Body), x.Complete()
	if !complete {
		early = earlyStream // which the rest may fill
	}
	m.item.Init(m, x.Depth, early, complete)
	m.ctx.OnNest(&m.item)
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

func (m *Message) decode(v any) error {
	cfg := &Config{}
	if m.sc != nil {
		cfg = &m.sc.end.cfg
	}
	c, err := cfg.codecByID(m.codec, m.Topic)
	if err != nil {
		return err
	}
	return decode(m.sc, c, m.Body, v)
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
	if m.noAck || m.sc == nil {
		return nil // the publisher got its answer when the message was handed out, or there is none
	}
	var head *frame.Head
	if why != nil {
		h := headOf(why)
		head = &h
	}
	m.sc.end.answer(&m.x, head, nil) // due even when the publisher has gone: it frees the slot
	if gone := m.gone.Load(); gone != nil {
		return m.goneError(*gone)
	}
	if ctx := m.ctx.Session.Ctx; ctx.Err() != nil {
		return m.goneError(context.Cause(ctx))
	}
	if ctx := m.sc.end.ctx; ctx.Err() != nil { // which ends first, if only by a moment
		return m.goneError(context.Cause(ctx))
	}
	return nil
}

// goneError says why an ack reaches nobody.
func (m *Message) goneError(err error) error {
	if isReset(err) {
		return &Error{Code: CodeOf(err), Message: "the publisher has given the message up", Method: m.Topic, cause: err}
	}
	return &Error{Code: Unavailable, Message: "not acked: " + sessions.LateAck(err, m.sc.end.Side() == ClientSide), Method: m.Topic, cause: err}
}

// handOut makes the message the application's.
func (m *Message) handOut() {
	m.Body = m.x.Body
	m.x.Body = nil
	m.x.Dispatched()
	if m.noAck {
		m.sc.end.answer(&m.x, nil, nil) // frees the publisher's slot
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
func (m *Message) ready(*mux.Incoming) { m.sc.inbox.Ready(&m.item) }

// cancel implements exchange: the publisher gave up, or the session is gone. Then what is complete can still be
// received.
func (m *Message) cancel(_ *mux.Incoming, err error) {
	m.gone.Store(&err)
	m.ctx.cancel(err)
	if m.sc.inbox.Drop(&m.item, isReset(err)) {
		m.sc.end.answer(&m.x, nil, nil) // frees the slot
	}
}

// isReset reports whether err is a single message's end, not the session's.
func isReset(err error) bool {
	var reset *StreamError
	return errors.As(err, &reset)
}

// dedup returns who remembers m; nil when nobody does.
func (m *Message) dedup() Dedup {
	if m.sc == nil || m.ID == (MessageID{}) {
		return nil
	}
	return m.sc.end.cfg.Dedup
}

// remember is called when m is acked.
func (m *Message) remember() {
	if d := m.dedup(); d != nil {
		d.Add(m.ID)
	}
}

// duplicate acks m and drops it when another copy of it was acked before. It is called in place of handing m out.
func (m *Message) duplicate() bool {
	d := m.dedup()
	if d == nil || !d.Seen(m.ID) {
		return false
	}
	m.handOut()
	if m.outcome.CompareAndSwap(unsettled, acked) && !m.noAck {
		m.sc.end.answer(&m.x, nil, nil)
	}
	m.ctx.finish()
	return true
}

// copies are the messages with a Dedup that subscription functions of this process work on, each with its depth.
var copies claim.Set[copyKey, uint8]

type copyKey struct {
	dedup Dedup
	id    MessageID
}

// awaitCopy waits until no subscription's function has another copy of m, at any End with the same Dedup. Only then is
// it known whether m is to be handled too. It returns m's own claim, nil when nobody remembers m. The wait is as long as
// that function runs, as is the wait for an earlier message of the same subscription. A copy that is nested deeper does not
// wait, and gets no claim: it may have been sent in a circle by that function, which waits for it.
func (m *Message) awaitCopy() *claim.Claim[copyKey, uint8] {
	d := m.dedup()
	if d == nil || !reflect.ValueOf(d).Comparable() {
		return nil
	}
	c, _ := copies.Claim(context.Background(), copyKey{d, m.ID}, m.ctx.Depth, func(other uint8) bool {
		m.item.Nest() // that function may wait for deeper ones
		return other >= m.ctx.Depth
	})
	return c
}
