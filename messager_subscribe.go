package gantline

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"

	"github.com/gantline-project/gantline/internal/topic"
)

// subscription is one pattern with its function and the messages that wait for it. While there are any one
// goroutine works through them; when it has none left it ends.
type subscription struct {
	sc      *messageScope
	pattern string
	fn      func(context.Context, *Message) error
	topic   *routerTopic  // it is an End's share of; nil for the scope's own
	queue   messageList   // guarded by the inbox's lock
	running bool          // its goroutine lives; guarded by the inbox's lock
	idle    chan struct{} // closed when the goroutine ends, for stop; guarded by the inbox's lock
	stopped atomic.Bool   // set with the inbox's lock held
	run     func()        // = work, made once so that starting it allocates nothing
}

func newSubscription(sc *messageScope, pattern string, fn func(context.Context, *Message) error) *subscription {
	s := &subscription{sc: sc, pattern: pattern, fn: fn}
	s.queue.owner = s
	s.run = s.work
	return s
}

// Subscribe gives the messages published to this scope whose topic matches pattern to fn, one after another in
// the order they were published; each subscription has its own queue, so none waits for another. fn's result
// settles the message: nil acks it, an error nacks it with the error's code and text, ErrAckLater leaves it to
// Ack and Nack. A panic is logged and nacks with Internal. ctx ends when the publisher gives up, its deadline
// passes, fn has returned or the End is over; calls to the peer may be made with it.
//
// A pattern is a topic in whose place of a part "*" stands for any one part and, at the end, ">" for one or
// more: "jobs.*.done", "jobs.>". Of several patterns that match, the most specific takes the message alone:
// compared part by part from the left, text before "*" before ">". On an End its own subscriptions come before
// its Router's; what no pattern takes waits for Receive. Messages that are waiting already are taken over.
//
// Subscribe panics, as http.ServeMux does, when fn is nil and when the pattern is malformed or already taken
// on this scope. stop ends the subscription and waits until a running fn has returned, unless it is called
// from inside a subscription's function; messages still queued go to whoever matches next, or to Receive. stop
// may be called more than once.
//
// Subscribe in Config.Setup or Config.OnStream to get the first message: they run before the peer is heard.
func (st *Stream) Subscribe(pattern string, fn func(context.Context, *Message) error) (stop func()) {
	checkSubscription(pattern, fn)
	sc := st.messageScope()
	s := newSubscription(sc, pattern, fn)
	in := &sc.inbox
	in.mu.Lock()
	if !in.topics.Add(pattern, s) {
		in.mu.Unlock()
		panicTaken(pattern)
	}
	sc.claimAndUnlock()
	return s.stop
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

// claimAndUnlock gives unclaimed messages to a subscription that was just added.
func (sc *messageScope) claimAndUnlock() {
	in := &sc.inbox
	var w wants
	for m := in.unclaimed.head; m != nil; {
		next := m.next
		if s := sc.findSubscriptionLocked([]byte(m.Topic)); s != nil {
			in.unclaimed.remove(m)
			sc.putLocked(m, s, &w)
		}
		m = next
	}
	sc.serveLocked(&w) // a message may have been behind one that was taken
	in.mu.Unlock()
	w.ask()
}

// startLocked starts the goroutine if there is work and none works. It ends by itself; Close does not wait for
// it while it runs the application's function, Shutdown does.
func (s *subscription) startLocked() {
	if !s.running && s.queue.ready() {
		s.running = true
		go s.run()
	}
}

// batch is how many messages a subscription's goroutine takes at a time, to meet the reader goroutine at the
// inbox's lock less often.
const batch = 16

// work runs fn for message after message until there is none.
func (s *subscription) work() {
	var buf [batch]*Message
	var taken []*Message
	ended := false
	defer func() {
		if !ended { // the function ended this goroutine
			s.giveBack(taken)
			s.restart()
		}
	}()
	for {
		if taken = s.take(buf[:0]); len(taken) == 0 {
			ended = true
			return
		}
		for len(taken) > 0 {
			if s.stopped.Load() {
				s.giveBack(taken)
				taken = nil
				break
			}
			m := taken[0]
			taken[0] = nil
			taken = taken[1:]
			s.handle(m)
		}
	}
}

// handle runs fn for m unless nobody waits for that any more.
func (s *subscription) handle(m *Message) {
	e := s.sc.end
	defer m.awaitCopy()()
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

// take takes the next messages; none ends the goroutine.
func (s *subscription) take(buf []*Message) []*Message {
	in := &s.sc.inbox
	var w wants
	in.mu.Lock()
	for len(buf) < batch {
		m := s.queue.pop()
		if m == nil {
			break
		}
		buf = append(buf, m)
	}
	if len(buf) == 0 {
		s.endLocked()
	}
	s.queue.want(&w)
	in.mu.Unlock()
	w.ask()
	return buf
}

// endLocked books that the goroutine ends.
func (s *subscription) endLocked() {
	s.running = false
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	if s.sc.inbox.ended != nil {
		s.leaveTopic()
	}
}

// restart replaces the goroutine.
func (s *subscription) restart() {
	in := &s.sc.inbox
	in.mu.Lock()
	s.endLocked()
	s.startLocked()
	in.mu.Unlock()
}

// giveBack finds another taker for messages that were taken but not run.
func (s *subscription) giveBack(ms []*Message) {
	if len(ms) == 0 {
		return
	}
	in := &s.sc.inbox
	var w wants
	in.mu.Lock()
	for _, m := range ms {
		s.sc.putLocked(m, s.sc.findSubscriptionLocked([]byte(m.Topic)), &w)
	}
	clear(ms)
	in.mu.Unlock()
	w.ask()
}

// stop implements what Subscribe returns.
func (s *subscription) stop() { await(s.halt()) }

// await waits for the ends of goroutines, unless that could be for ever.
func await(idle ...<-chan struct{}) {
	for _, ch := range idle {
		if ch != nil && !inSubscription() {
			<-ch
		}
	}
}

// halt ends the subscription and returns a channel that is closed when its function does not run any more,
// nil when it does not run.
func (s *subscription) halt() <-chan struct{} {
	in := &s.sc.inbox
	var w wants
	in.mu.Lock()
	if !s.stopped.Load() {
		s.stopped.Store(true)
		if s.topic == nil {
			in.topics.Remove(s.pattern)
		} else {
			delete(in.routed, s.topic)
		}
		for m := s.queue.head; m != nil; m = s.queue.head {
			s.queue.remove(m)
			s.sc.putLocked(m, s.sc.findSubscriptionLocked([]byte(m.Topic)), &w)
		}
	}
	var idle <-chan struct{}
	if s.running {
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle = s.idle
	}
	in.mu.Unlock()
	w.ask()
	return idle
}

// subscriptionFrame is the name under which a running subscription shows in a stack.
var subscriptionFrame = runtime.FuncForPC(reflect.ValueOf((*subscription).work).Pointer()).Name()

// inSubscription reports whether the caller runs on the goroutine of a subscription: waiting there for one,
// its own or one that waits in turn, would be for ever.
func inSubscription() bool {
	var pcs [64]uintptr
	for skip := 0; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if f.Function == subscriptionFrame {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
