package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/internal/inbox"
	"github.com/gantline-project/gantline/internal/subscribe"
	"github.com/gantline-project/gantline/mux"
)

// messageScope is messager's half of a scope.
type messageScope struct {
	place
	inbox subscribe.Scope[*Message] // what was published to the scope and nobody has yet, and who takes it
	watch flight.Watch              // gives up what the scope has published
}

var (
	_ half                      = (*messageScope)(nil)
	_ subscribe.Owner[*Message] = (*messageScope)(nil)
)

// messageScope returns messager's half of st's scope, which is made now if it does not exist.
func (st *Stream) messageScope() *messageScope {
	if sc, ok := st.scope.messages.Load().(*messageScope); ok {
		return sc
	}
	sc, closed := st.makeMessageScope()
	if closed != nil {
		sc.over(closed)
	}
	return sc
}

// makeMessageScope returns the half, and why the scope is over.
func (st *Stream) makeMessageScope() (sc *messageScope, closed error) {
	st.end.mu.Lock()
	defer st.end.mu.Unlock()
	sc, ok := st.scope.messages.Load().(*messageScope)
	if !ok {
		sc = &messageScope{place: st.place()}
		var router *subscribe.Router[*Message]
		if sc.isEnd() && st.end.cfg.Router != nil {
			router = st.end.cfg.Router.topics()
		}
		sc.inbox.Init(sc, router, inbox.Limits{Messages: st.end.cfg.Limits.Messages, Bytes: earlyPool})
		st.scope.messages.Store(sc)
	}
	return sc, st.scope.closed
}

// accepted implements half.
func (sc *messageScope) accepted() {}

// over implements half: no more messages come. What is queued and complete can still be received; what nobody takes
// is nacked later.
func (sc *messageScope) over(err error) {
	sc.watch.Close()
	sc.inbox.End(endedError(err))
}

// endedError is what Receive returns at the end: whatever ended the scope, it is closed.
func endedError(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, ErrSessionLost) {
		return err
	}
	return &Error{Code: CodeOf(err), Message: "nothing more to receive: " + cleanText(err), cause: errors.Join(net.ErrClosed, err)}
}

// acceptMessage takes a new message of the peer's. Reader goroutine, in OPEN order.
func (e *End) acceptMessage(s *session, st *Stream, x *mux.Incoming, m *Message) {
	sc := st.messageScope()
	m.init(e, s, sc, x)
	x.Value = m
	if full := sc.inbox.Put(&m.item, x.Name, &m.Topic); full != nil {
		x.Value = nil
		e.refuseOverflow(x, full)
	}
}

// refuseOverflow says what the receiver has to do.
func (e *End) refuseOverflow(x *mux.Incoming, full *inbox.Overflow) {
	code := Unimplemented
	if full.Paused {
		code = ResourceExhausted
	}
	e.refuse(x, code, fmt.Sprintf("nobody subscribes to the topic, and %d such messages with %d bytes take half of what may wait unread, %d messages (Limits.Messages) or %d bytes: subscribe, or call Receive",
		full.Messages, full.Bytes, full.Limits.Messages, full.Limits.Bytes))
}

// Topic implements subscribe.Owner.
func (sc *messageScope) Topic(m *Message) string { return m.Topic }

// Before implements subscribe.Owner: messages are in OPEN order.
func (sc *messageScope) Before(a, b *Message) bool {
	if a, b := a.ctx.Session.Seq, b.ctx.Session.Seq; a != b {
		return a < b
	}
	return a.x.ID() < b.x.ID()
}

// Want implements subscribe.Owner.
func (sc *messageScope) Want(m *Message) { m.x.Want() }

// GiveUp implements subscribe.Owner.
func (sc *messageScope) GiveUp(m *Message, ended error) {
	switch {
	case !m.outcome.CompareAndSwap(unsettled, nacked):
	case ended != nil:
		sc.end.refuse(&m.x, NotFound, "the stream it was published to has ended")
	default:
		sc.end.refuse(&m.x, Unimplemented, fmt.Sprintf("nobody subscribed or called Receive within %v", inbox.Patience))
	}
}

// Unreachable implements subscribe.Owner.
func (sc *messageScope) Unreachable() bool { return sc.end.ctx.Err() != nil }

// Run implements subscribe.Owner: it has fn handle m unless nobody waits for that any more. Close does not wait for fn,
// Shutdown does.
func (sc *messageScope) Run(m *Message, fn func(context.Context, *Message) error) {
	e := sc.end
	defer m.awaitCopy().Release()
	if e.overHere() {
		return
	}
	if gone := m.gone.Load(); gone != nil && isReset(*gone) { // given up by its publisher before its turn
		e.answer(&m.x, nil, nil)
		return
	}
	if !m.duplicate() {
		m.run(fn)
	}
}

// overHere reports whether this side has closed the End and it is over: its handlers run no more. Messages
// that had arrived before the peer closed it, or before the carrier was lost, are still handed out.
func (e *End) overHere() bool { return e.line.Closing() && e.ctx.Err() != nil }

func (sc *messageScope) receive(ctx context.Context) (*Message, error) {
	if err := sc.end.mayAwait(ctx, "Receive", ""); err != nil {
		return nil, err
	}
	if sc.end.plain {
		return nil, unsupported("Receive", "")
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx, "")
	}
	for {
		m, err := sc.inbox.Receive(ctx)
		switch {
		case err == inbox.ErrGaveUp:
			return nil, contextError(ctx, "")
		case err != nil:
			return nil, err
		case m.duplicate():
			continue
		}
		m.handOut()
		return m, nil
	}
}
