package gantline

import (
	"context"
	"sync"

	"github.com/gantline-project/gantline/internal/topic"
)

// topicTable is a Router's subscriptions.
type topicTable struct {
	mu      sync.RWMutex // guards what follows; taken inside inbox locks
	tree    topic.Tree[*routerTopic]
	inboxes map[*messageScope]struct{} // of Ends that look here, for patterns added later
}

// routerTopic is one subscription of a Router. Each End that gets a message for it has a subscription of its
// own, so that no End waits for another.
type routerTopic struct {
	pattern string
	fn      func(context.Context, *Message) error

	removed bool // from the tree; guarded by the table's lock

	mu      sync.Mutex                 // guards what follows; taken inside inbox locks
	shares  map[*subscription]struct{} // of live Ends
	stopped bool
}

// topics returns messager's part of the Router.
func (r *Router) topics() *topicTable {
	if t, ok := r.messages.Load().(*topicTable); ok {
		return t
	}
	r.messages.CompareAndSwap(nil, new(topicTable))
	return r.messages.Load().(*topicTable)
}

// Subscribe is Stream.Subscribe for the scopes of all Ends that use this Router: those there are and those to
// come. Every End has a queue of its own, so fn may run for several Ends at once; Message.Stream and
// FromContext tell which. A pattern of an End's own comes before every pattern here. stop waits for fn on all
// Ends.
func (r *Router) Subscribe(pattern string, fn func(context.Context, *Message) error) (stop func()) {
	checkSubscription(pattern, fn)
	t := &routerTopic{pattern: pattern, fn: fn, shares: make(map[*subscription]struct{})}
	tab := r.topics()
	tab.mu.Lock()
	if !tab.tree.Add(pattern, t) {
		tab.mu.Unlock()
		panicTaken(pattern)
	}
	scopes := make([]*messageScope, 0, len(tab.inboxes))
	for sc := range tab.inboxes {
		scopes = append(scopes, sc)
	}
	tab.mu.Unlock()
	for _, sc := range scopes {
		sc.inbox.mu.Lock()
		sc.claimAndUnlock()
	}
	return func() { t.stop(tab) }
}

func (t *routerTopic) stop(tab *topicTable) {
	tab.mu.Lock()
	if !t.removed {
		t.removed = true
		tab.tree.Remove(t.pattern)
	}
	tab.mu.Unlock()
	// Only now: who finds it stopped looks into the tree again, where it must not be.
	t.mu.Lock()
	t.stopped = true
	shares := make([]*subscription, 0, len(t.shares))
	for s := range t.shares {
		shares = append(shares, s)
	}
	t.mu.Unlock()
	idle := make([]<-chan struct{}, len(shares))
	for i, s := range shares {
		idle[i] = s.halt()
	}
	await(idle...)
}

func (tab *topicTable) match(name []byte) *routerTopic {
	tab.mu.RLock()
	defer tab.mu.RUnlock()
	t, _ := tab.tree.Match(name)
	return t
}

func (tab *topicTable) empty() bool {
	tab.mu.RLock()
	defer tab.mu.RUnlock()
	return tab.tree.Empty()
}

// routedLocked returns this End's share of the Router's subscription to a topic, nil if there is none.
func (sc *messageScope) routedLocked(topic []byte) *subscription {
	in, tab := &sc.inbox, sc.end.cfg.Router.topics()
	if !in.known && in.ended == nil {
		// Before the first look, so that a pattern added after it finds the messages it missed.
		in.known = true
		tab.mu.Lock()
		if tab.inboxes == nil {
			tab.inboxes = make(map[*messageScope]struct{})
		}
		tab.inboxes[sc] = struct{}{}
		tab.mu.Unlock()
	}
	for {
		t := tab.match(topic)
		if t == nil {
			return nil
		}
		if s := in.routed[t]; s != nil {
			return s
		}
		s := newSubscription(sc, t.pattern, t.fn)
		s.topic = t
		t.mu.Lock()
		stopped := t.stopped
		if !stopped {
			t.shares[s] = struct{}{}
		}
		t.mu.Unlock()
		if stopped {
			continue
		}
		if in.routed == nil {
			in.routed = make(map[*routerTopic]*subscription)
		}
		in.routed[t] = s
		return s
	}
}

// leaveRouterLocked makes the Router forget an End that is over; shares that still run leave when they end.
func (sc *messageScope) leaveRouterLocked() {
	in := &sc.inbox
	if in.known {
		tab := sc.end.cfg.Router.topics()
		tab.mu.Lock()
		delete(tab.inboxes, sc)
		tab.mu.Unlock()
	}
	for _, s := range in.routed {
		if !s.running {
			s.leaveTopic()
		}
	}
}

// leaveTopic takes an End's share off its subscription.
func (s *subscription) leaveTopic() {
	if t := s.topic; t != nil {
		t.mu.Lock()
		delete(t.shares, s)
		t.mu.Unlock()
	}
}
