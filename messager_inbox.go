package gantline

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/gantline-project/gantline/internal/topic"
	"github.com/gantline-project/gantline/mux"
)

// inbox holds the messages of one scope that nobody has yet: those of a subscription in that
// subscription's queue, the others in unclaimed. Both in OPEN order, and an earlier message whose body is
// still arriving holds back the later ones of its queue only.
//
// The reader goroutine puts messages in and never waits: how many there can be is bounded by the receive
// maximum that the publisher obeys.
type inbox struct {
	mu        sync.Mutex // guards what follows, the lists, and the messages' places in them; taken before Router locks
	topics    topic.Tree[*subscription]
	routed    map[*routerTopic]*subscription // this End's share of its Router's subscriptions
	known     bool                           // the Router knows this inbox
	unclaimed messageList
	waiting   waiterList // Receives that wait
	receives  uint64     // how often Receive was called
	lastTopic string     // of the last message, so that a run of one topic shares its string
	ended     error      // why no more messages come
	patience  patience   // with what nobody claims
	spare     *receiver  // one that is not in use

	published publications // what the scope publishes; has its own lock
}

// receiver is a Receive that waits. Its channel has room for the one message it is given.
type receiver struct {
	ch         chan *Message
	next, prev *receiver
	waits      bool
}

// waiterList is a FIFO of receivers, guarded by their inbox's lock.
type waiterList struct{ head, tail *receiver }

func (l *waiterList) push(r *receiver) {
	r.prev, r.next, r.waits = l.tail, nil, true
	if l.tail == nil {
		l.head = r
	} else {
		l.tail.next = r
	}
	l.tail = r
}

func (l *waiterList) remove(r *receiver) {
	if r.prev == nil {
		l.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.next, r.prev, r.waits = nil, nil, false
}

// acceptMessage takes a new message of the peer's. Reader goroutine, in OPEN order.
func (e *End) acceptMessage(s *session, st *Stream, x *mux.Incoming, m *Message) {
	sc := st.messageScope()
	m.init(e, s, sc, x)
	x.Value = m
	in := &sc.inbox
	var w wants
	in.mu.Lock()
	sub := sc.findSubscriptionLocked(x.Name)
	m.Topic = in.topicLocked(x.Name, sub)
	if sub == nil {
		if err := sc.overflowLocked(m); err != nil {
			in.mu.Unlock()
			x.Value = nil
			e.refuse(x, err.Code, err.Message)
			return
		}
	}
	sc.putLocked(m, sub, &w)
	in.mu.Unlock()
	w.ask()
}

// topicLocked returns name as a string, without a copy where one is at hand.
func (in *inbox) topicLocked(name []byte, s *subscription) string {
	if s != nil && s.pattern == string(name) {
		return s.pattern
	}
	if in.lastTopic != string(name) {
		in.lastTopic = string(name)
	}
	return in.lastTopic
}

// findSubscriptionLocked returns who takes messages of a topic, nil for nobody: the End's or stream's own
// subscriptions first, then for an End its Router's.
func (sc *messageScope) findSubscriptionLocked(name []byte) *subscription {
	in := &sc.inbox
	if s, ok := in.topics.Match(name); ok {
		return s
	}
	if !sc.isEnd() || sc.end.cfg.Router == nil {
		return nil
	}
	return sc.routedLocked(name)
}

// putLocked queues m for s, or for Receive when s is nil.
func (sc *messageScope) putLocked(m *Message, s *subscription, w *wants) {
	in := &sc.inbox
	if s != nil {
		s.queue.push(m)
		s.queue.want(w)
		s.startLocked()
		return
	}
	in.unclaimed.push(m)
	sc.claimSoonLocked(m)
	sc.serveLocked(w)
}

// serveLocked hands unclaimed messages to the Receives that wait.
func (sc *messageScope) serveLocked(w *wants) {
	in := &sc.inbox
	for r := in.waiting.head; r != nil; r = in.waiting.head {
		m := in.unclaimed.pop()
		if m == nil {
			in.unclaimed.want(w)
			return
		}
		in.waiting.remove(r)
		r.ch <- m
	}
}

// readyMessage is called when the body of a message has arrived. Reader goroutine.
func (sc *messageScope) readyMessage(m *Message) {
	in := &sc.inbox
	var w wants
	in.mu.Lock()
	if m.list != nil { // else it was refused meanwhile
		m.list.completed(m)
		sc.nextLocked(m.list, &w)
	}
	in.mu.Unlock()
	w.ask()
}

// nextLocked lets the consumer of a list go on after its front has changed.
func (sc *messageScope) nextLocked(l *messageList, w *wants) {
	if l.owner != nil {
		l.want(w)
		l.owner.startLocked()
		return
	}
	sc.serveLocked(w)
}

// dropMessage takes out a message that its publisher has given up. When the session is gone, what is
// complete can still be received.
func (sc *messageScope) dropMessage(m *Message, err error) {
	in := &sc.inbox
	var w wants
	in.mu.Lock()
	l := m.list
	if l == nil || m.complete && !isReset(err) {
		in.mu.Unlock()
		return
	}
	l.remove(m)
	sc.nextLocked(l, &w)
	in.mu.Unlock()
	w.ask()
	sc.end.answer(m.x, nil) // frees the slot
}

// receive waits for the next message that nobody has claimed.
func (sc *messageScope) receive(ctx context.Context) (*Message, error) {
	in := &sc.inbox
	var w wants
	in.mu.Lock()
	in.receives++
	if in.waiting.head == nil {
		if m := in.unclaimed.pop(); m != nil {
			in.mu.Unlock()
			return m, nil
		}
	}
	if in.ended != nil {
		err := in.ended
		in.mu.Unlock()
		return nil, err
	}
	r := in.spare
	if r == nil {
		r = &receiver{ch: make(chan *Message, 1)}
	}
	in.spare = nil
	in.waiting.push(r)
	in.unclaimed.want(&w)
	in.mu.Unlock()
	w.ask()

	var m *Message
	var err error
	select {
	case m = <-r.ch: // nil when the scope has ended
	case <-ctx.Done():
		err = contextError(ctx, "")
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if r.waits {
		in.waiting.remove(r)
	} else if err != nil { // served meanwhile: a message that was handed over is never lost
		m = <-r.ch
	}
	in.spare = r
	if m == nil && err == nil {
		err = in.ended
	}
	if m != nil {
		err = nil
	}
	return m, err
}

// closeInbox ends the scope: no more messages come. What is queued and complete can still be had; what
// nobody takes is nacked later, if there is still somebody to tell.
func (sc *messageScope) closeInbox(err error) {
	in := &sc.inbox
	in.published.close()
	in.mu.Lock()
	if in.ended != nil {
		in.mu.Unlock()
		return
	}
	in.ended = endedError(err)
	for r := in.waiting.head; r != nil; r = in.waiting.head {
		in.waiting.remove(r)
		r.ch <- nil
	}
	for m := in.unclaimed.head; m != nil; m = m.next {
		sc.claimSoonLocked(m)
	}
	sc.leaveRouterLocked()
	in.mu.Unlock()
}

// endedError is what Receive returns at the end: whatever ended the scope, it is closed.
func endedError(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, ErrSessionLost) {
		return err
	}
	return &Error{Code: CodeOf(err), Message: "nothing more to receive: " + cleanText(err), cause: causes{net.ErrClosed, err}}
}
