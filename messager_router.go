package gantline

import (
	"context"
	"sync"

	"github.com/gantline-project/gantline/internal/topic"
)

// topicTable is messager's part of a Router: its subscriptions.
type topicTable struct {
	mu     sync.RWMutex // guards what follows; taken inside inbox locks
	tree   topic.Tree[*routerTopic]
	scopes map[*messageScope]struct{} // of Ends that look here, for patterns added later
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

// subscribe adds a subscription for all Ends.
func (tab *topicTable) subscribe(pattern string, fn func(context.Context, *Message) error) (stop func()) {
	checkSubscription(pattern, fn)
	t := &routerTopic{pattern: pattern, fn: fn, shares: make(map[*subscription]struct{})}
	tab.mu.Lock()
	if !tab.tree.Add(pattern, t) {
		tab.mu.Unlock()
		panicTaken(pattern)
	}
	scopes := make([]*messageScope, 0, len(tab.scopes))
	for sc := range tab.scopes {
		scopes = append(scopes, sc)
	}
	tab.mu.Unlock()
	for _, sc := range scopes {
		sc.inbox.Lock()
		sc.inbox.ReassignLocked()
		sc.inbox.Unlock()
	}
	return func() { tab.stop(t) }
}

func (tab *topicTable) stop(t *routerTopic) {
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
		idle[i] = s.queue.Halt()
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

// addScope has patterns that are added from now on look for messages in sc.
func (tab *topicTable) addScope(sc *messageScope) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	if tab.scopes == nil {
		tab.scopes = make(map[*messageScope]struct{})
	}
	tab.scopes[sc] = struct{}{}
}

func (tab *topicTable) removeScope(sc *messageScope) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	delete(tab.scopes, sc)
}

// addShare makes s one of the subscription's, false if that is stopped.
func (t *routerTopic) addShare(s *subscription) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped {
		t.shares[s] = struct{}{}
	}
	return !t.stopped
}

// routedLocked returns this End's share of the Router's subscription to a topic, nil if there is none.
func (sc *messageScope) routedLocked(topic []byte) *subscription {
	tab := sc.end.cfg.Router.topics()
	if !sc.known && sc.inbox.EndedLocked() == nil {
		sc.known = true
		tab.addScope(sc) // before the first look, so that a pattern added after it finds the messages it missed
	}
	for {
		t := tab.match(topic)
		if t == nil {
			return nil
		}
		if s := sc.routed[t]; s != nil {
			return s
		}
		s := newSubscription(sc, t.pattern, t.fn, t)
		if !t.addShare(s) {
			continue
		}
		if sc.routed == nil {
			sc.routed = make(map[*routerTopic]*subscription)
		}
		sc.routed[t] = s
		return s
	}
}

// leaveRouterLocked makes the Router forget an End that is over; shares that still run leave when they end.
func (sc *messageScope) leaveRouterLocked() {
	if sc.known {
		sc.end.cfg.Router.topics().removeScope(sc)
	}
	for _, s := range sc.routed {
		if !s.queue.RunningLocked() {
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
