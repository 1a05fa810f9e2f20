package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/gantline-project/gantline/internal/inbox"
	"github.com/gantline-project/gantline/internal/topic"
	"github.com/gantline-project/gantline/mux"
)

// messageScope is messager's half of a scope. It is the Room of its inbox.
type messageScope struct {
	place
	inbox inbox.Inbox[*Message] // its lock guards what follows too, and is taken before the locks of a Router

	topics    topic.Tree[*subscription]
	routed    map[*routerTopic]*subscription // this End's share of its Router's subscriptions
	known     bool                           // the Router knows this scope
	lastTopic string                         // of the last message, so that a run of one topic shares its string

	published publications // what the scope publishes; has its own lock
}

var (
	_ half                 = (*messageScope)(nil)
	_ inbox.Room[*Message] = (*messageScope)(nil)
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
		sc.inbox.Init(sc, inbox.Limits{Messages: st.end.cfg.Limits.Messages, Bytes: earlyPool})
		st.scope.messages.Store(sc)
	}
	return sc, st.scope.closed
}

// accepted implements half.
func (sc *messageScope) accepted() {}

// over implements half: no more messages come. What is queued and complete can still be received; what nobody takes
// is nacked later.
func (sc *messageScope) over(err error) {
	sc.published.close()
	sc.inbox.Lock()
	defer sc.inbox.Unlock()
	if sc.inbox.EndLocked(endedError(err)) {
		sc.leaveRouterLocked()
	}
}

// endedError is what Receive returns at the end: whatever ended the scope, it is closed.
func endedError(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, ErrSessionLost) {
		return err
	}
	return &Error{Code: CodeOf(err), Message: "nothing more to receive: " + cleanText(err), cause: causes{net.ErrClosed, err}}
}

// acceptMessage takes a new message of the peer's. Reader goroutine, in OPEN order.
func (e *End) acceptMessage(s *session, st *Stream, x *mux.Incoming, m *Message) {
	sc := st.messageScope()
	m.init(e, s, sc, x)
	x.Value = m
	sc.inbox.Lock()
	sub := sc.findLocked(x.Name)
	m.Topic = sc.topicLocked(x.Name, sub)
	full := sc.inbox.PutLocked(&m.item, sub.taker())
	sc.inbox.Unlock()
	if full != nil {
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

// topicLocked returns name as a string, without a copy where one is at hand.
func (sc *messageScope) topicLocked(name []byte, s *subscription) string {
	if s != nil && s.pattern == string(name) {
		return s.pattern
	}
	if sc.lastTopic != string(name) {
		sc.lastTopic = string(name)
	}
	return sc.lastTopic
}

// findLocked returns who takes messages of a topic, nil for nobody: the scope's own subscriptions first, then for an
// End its Router's.
func (sc *messageScope) findLocked(name []byte) *subscription {
	if s, ok := sc.topics.Match(name); ok {
		return s
	}
	if !sc.isEnd() || sc.end.cfg.Router == nil {
		return nil
	}
	return sc.routedLocked(name)
}

// TakerLocked implements inbox.Room.
func (sc *messageScope) TakerLocked(m *Message) *inbox.Taker[*Message] {
	return sc.findLocked([]byte(m.Topic)).taker()
}

// SharedLocked implements inbox.Room.
func (sc *messageScope) SharedLocked() bool {
	return !sc.topics.Empty() || sc.isEnd() && sc.end.cfg.Router != nil && !sc.end.cfg.Router.topics().empty()
}

// Before implements inbox.Room: messages are in OPEN order.
func (sc *messageScope) Before(a, b *Message) bool {
	if a, b := a.ctx.Session.Seq, b.ctx.Session.Seq; a != b {
		return a < b
	}
	return a.x.ID() < b.x.ID()
}

// Want implements inbox.Room.
func (sc *messageScope) Want(m *Message) { m.x.Want() }

// GiveUp implements inbox.Room.
func (sc *messageScope) GiveUp(m *Message, ended error) {
	switch {
	case !m.outcome.CompareAndSwap(unsettled, nacked):
	case ended != nil:
		sc.end.refuse(m.x, NotFound, "the stream it was published to has ended")
	default:
		sc.end.refuse(m.x, Unimplemented, fmt.Sprintf("nobody subscribed or called Receive within %v", inbox.Patience))
	}
}

// Unreachable implements inbox.Room.
func (sc *messageScope) Unreachable() bool { return sc.end.ctx.Err() != nil }

func (sc *messageScope) receive(ctx context.Context) (*Message, error) {
	if err := sc.end.mayWait(ctx, "Receive", ""); err != nil {
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
