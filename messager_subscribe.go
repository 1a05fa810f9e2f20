package gantline

import (
	"context"
	"fmt"

	"github.com/gantline-project/gantline/internal/goid"
	"github.com/gantline-project/gantline/internal/inbox"
	"github.com/gantline-project/gantline/internal/topic"
)

// subscription is one pattern with its function. It is the Consumer of its queue.
type subscription struct {
	queue   inbox.Taker[*Message]
	sc      *messageScope
	pattern string
	fn      func(context.Context, *Message) error
	topic   *routerTopic // it is an End's share of; nil for the scope's own
}

func newSubscription(sc *messageScope, pattern string, fn func(context.Context, *Message) error, t *routerTopic) *subscription {
	s := &subscription{sc: sc, pattern: pattern, fn: fn, topic: t}
	s.queue.Init(&sc.inbox, s)
	return s
}

// taker returns s's queue, nil for Receive's when s is nil.
func (s *subscription) taker() *inbox.Taker[*Message] {
	if s == nil {
		return nil
	}
	return &s.queue
}

// subscribe adds a subscription of the scope's own.
func (sc *messageScope) subscribe(pattern string, fn func(context.Context, *Message) error) (stop func()) {
	checkSubscription(pattern, fn)
	s := newSubscription(sc, pattern, fn, nil)
	sc.inbox.Lock()
	if !sc.topics.Add(pattern, s) {
		sc.inbox.Unlock()
		panicTaken(pattern)
	}
	sc.inbox.ReassignLocked()
	sc.inbox.Unlock()
	return func() { await(s.queue.Halt()) }
}

func checkSubscription(pattern string, fn func(context.Context, *Message) error) {
	if fn == nil {
		panic(fmt.Sprintf("gantline: Subscribe(%q) with a nil function", pattern))
	}
	if err := topic.CheckPattern(pattern); err != nil {
		panic(fmt.Sprintf("gantline: Subscribe(%.300q): bad pattern: %v", pattern, err))
	}
}

func panicTaken(pattern string) {
	panic(fmt.Sprintf("gantline: Subscribe(%q): the pattern is subscribed to already; stop that subscription first", pattern))
}

// Take implements inbox.Consumer: it runs fn for m unless nobody waits for that any more. Close does not wait for fn,
// Shutdown does.
func (s *subscription) Take(m *Message) {
	e := s.sc.end
	defer m.awaitCopy().Release()
	if e.overHere() {
		return
	}
	if gone := m.gone.Load(); gone != nil && isReset(*gone) { // given up by its publisher before its turn
		e.answer(m.x, nil)
		return
	}
	if !m.duplicate() {
		m.run(s.fn)
	}
}

// overHere reports whether this side has closed the End and it is over: its handlers run no more. Messages
// that had arrived before the peer closed it, or before the carrier was lost, are still handed out.
func (e *End) overHere() bool { return e.line.Closing() && e.ctx.Err() != nil }

// HaltedLocked implements inbox.Consumer.
func (s *subscription) HaltedLocked() {
	if s.topic == nil {
		s.sc.topics.Remove(s.pattern)
	} else {
		delete(s.sc.routed, s.topic)
	}
}

// LeftLocked implements inbox.Consumer.
func (s *subscription) LeftLocked() { s.leaveTopic() }

// await waits until functions of subscriptions have returned, unless that could be for ever.
func await(idle ...<-chan struct{}) {
	for _, ch := range idle {
		if ch != nil && !inSubscription() {
			<-ch
		}
	}
}

// subscriptionFrame is the name under which a running subscription shows in a stack.
var subscriptionFrame = goid.NameOf((*subscription).Take)

// inSubscription reports whether the caller runs on the goroutine of a subscription: waiting there for one,
// its own or one that waits in turn, would be for ever.
func inSubscription() bool { return goid.Inside(subscriptionFrame) }
