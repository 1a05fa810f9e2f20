package subscribe

import (
	"context"

	"github.com/gantline-project/gantline/internal/inbox"
	"github.com/gantline-project/gantline/internal/topic"
)

// Owner is whose messages are in a Scope.
type Owner[M any] interface {
	// Topic returns what Put has set.
	Topic(m M) string
	// Run has fn handle m. It runs on the subscription's goroutine, for one message after the other, and may end it.
	Run(m M, fn func(context.Context, M) error)

	// The others are as in inbox.Room.

	Before(a, b M) bool
	Want(m M)
	GiveUp(m M, ended error)
	Unreachable() bool
}

// Scope is messages that can be subscribed to. Init prepares it.
type Scope[M any] struct {
	inbox.Inbox[M] // its lock guards what follows too
	owner          Owner[M]
	router         *Router[M] // nil = none

	own    topic.Tree[*subscription[M]]
	shares map[*shared[M]]*subscription[M] // the Scope's part of its Router's subscriptions
	known  bool                            // the Router knows this Scope
	last   string                          // the last topic, so that a run of one shares its string
}

// Init prepares the Scope. router may be nil.
func (sc *Scope[M]) Init(owner Owner[M], router *Router[M], limits inbox.Limits) {
	sc.owner, sc.router = owner, router
	sc.Inbox.Init(room[M]{owner, sc}, limits)
}

// Put queues a new message for the taker of its topic. If too many wait for Receive, it says how many instead. topic
// is where the message has its topic; it is set first.
func (sc *Scope[M]) Put(it *inbox.Item[M], name []byte, topic *string) *inbox.Overflow {
	sc.Lock()
	defer sc.Unlock()
	s := sc.findLocked(name)
	*topic = sc.topicLocked(name, s)
	return sc.PutLocked(it, s.taker())
}

// topicLocked returns name as a string, without a copy where one is at hand.
func (sc *Scope[M]) topicLocked(name []byte, s *subscription[M]) string {
	if s != nil && s.pattern == string(name) {
		return s.pattern
	}
	if sc.last != string(name) {
		sc.last = string(name)
	}
	return sc.last
}

// findLocked returns who takes messages of a topic, nil for nobody.
func (sc *Scope[M]) findLocked(name []byte) *subscription[M] {
	if s, ok := sc.own.Match(name); ok {
		return s
	}
	if sc.router == nil {
		return nil
	}
	return sc.shareLocked(name)
}

// shareLocked returns the Scope's part of the Router's subscription to a topic, nil if there is none.
func (sc *Scope[M]) shareLocked(name []byte) *subscription[M] {
	if !sc.known && sc.EndedLocked() == nil {
		sc.known = true
		sc.router.add(sc) // before the first look, so that a pattern added after it finds the messages it missed
	}
	for {
		of := sc.router.match(name)
		if of == nil {
			return nil
		}
		if s := sc.shares[of]; s != nil {
			return s
		}
		s := newSubscription(sc, of.pattern, of.fn, of)
		if !of.add(s) {
			continue
		}
		if sc.shares == nil {
			sc.shares = make(map[*shared[M]]*subscription[M])
		}
		sc.shares[of] = s
		return s
	}
}

// Subscribe has fn handle the messages whose topic matches pattern, also those that wait already. ok is false when the
// Scope has that pattern. What is queued when stop is called goes to whoever takes it next; it may be called again.
func (sc *Scope[M]) Subscribe(pattern string, fn func(context.Context, M) error) (stop func() []<-chan struct{}, ok bool) {
	s := newSubscription(sc, pattern, fn, nil)
	sc.Lock()
	defer sc.Unlock()
	if !sc.own.Add(pattern, s) {
		return nil, false
	}
	sc.ReassignLocked()
	return func() []<-chan struct{} { return halt(s) }, true
}

// End says that no more messages come: see inbox.Inbox.EndLocked. The Router forgets the Scope; subscriptions of its
// that still run leave when they end.
func (sc *Scope[M]) End(err error) {
	sc.Lock()
	defer sc.Unlock()
	if !sc.EndLocked(err) {
		return
	}
	if sc.known {
		sc.router.remove(sc)
	}
	for of, s := range sc.shares {
		if !s.queue.RunningLocked() {
			of.remove(s)
		}
	}
}

// room is a Scope as the inbox.Room of its Inbox.
type room[M any] struct {
	Owner[M]
	sc *Scope[M]
}

// TakerLocked implements inbox.Room.
func (r room[M]) TakerLocked(m M) *inbox.Taker[M] {
	return r.sc.findLocked([]byte(r.Topic(m))).taker()
}

// SharedLocked implements inbox.Room.
func (r room[M]) SharedLocked() bool {
	return !r.sc.own.Empty() || r.sc.router != nil && !r.sc.router.empty()
}

// subscription is a Scope's queue for one pattern.
type subscription[M any] struct {
	queue   inbox.Taker[M]
	sc      *Scope[M]
	pattern string
	fn      func(context.Context, M) error
	of      *shared[M] // whose part it is; nil for the Scope's own
}

func newSubscription[M any](sc *Scope[M], pattern string, fn func(context.Context, M) error, of *shared[M]) *subscription[M] {
	s := &subscription[M]{sc: sc, pattern: pattern, fn: fn, of: of}
	s.queue.Init(&sc.Inbox, s)
	return s
}

// taker returns s's queue, nil for Receive's when s is nil.
func (s *subscription[M]) taker() *inbox.Taker[M] {
	if s == nil {
		return nil
	}
	return &s.queue
}

// Take implements inbox.Consumer.
func (s *subscription[M]) Take(m M) { s.sc.owner.Run(m, s.fn) }

// HaltedLocked implements inbox.Consumer.
func (s *subscription[M]) HaltedLocked() {
	if s.of == nil {
		s.sc.own.Remove(s.pattern)
	} else {
		delete(s.sc.shares, s.of)
	}
}

// LeftLocked implements inbox.Consumer.
func (s *subscription[M]) LeftLocked() {
	if s.of != nil {
		s.of.remove(s)
	}
}

// halt ends subscriptions, and returns what is closed when their functions do not run any more.
func halt[M any](all ...*subscription[M]) (idle []<-chan struct{}) {
	for _, s := range all {
		if ch := s.queue.Halt(); ch != nil {
			idle = append(idle, ch)
		}
	}
	return idle
}
