package subscribe

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/gantline-project/gantline/internal/topic"
)

// Router is subscriptions that many Scopes share. The zero value is ready.
type Router[M any] struct {
	mu     sync.RWMutex // guards what follows; taken inside inbox locks
	all    topic.Tree[*shared[M]]
	scopes map[*Scope[M]]struct{} // that look here, for patterns added later
}

// shared is one subscription of a Router.
type shared[M any] struct {
	pattern string
	fn      func(context.Context, M) error
	removed bool // from the tree; guarded by the Router's lock

	mu      sync.Mutex                    // guards what follows; taken inside inbox locks
	parts   map[*subscription[M]]struct{} // of Scopes that have not ended, or where it runs still
	stopped bool
}

// Subscribe is Scope.Subscribe for all Scopes with this Router.
func (r *Router[M]) Subscribe(pattern string, fn func(context.Context, M) error) (stop func() []<-chan struct{}, ok bool) {
	of := &shared[M]{pattern: pattern, fn: fn, parts: make(map[*subscription[M]]struct{})}
	scopes, ok := r.addShared(of)
	for _, sc := range scopes {
		sc.Lock()
		sc.ReassignLocked()
		sc.Unlock()
	}
	return func() []<-chan struct{} { return r.stop(of) }, ok
}

// addShared adds a subscription and returns the Scopes that may have messages for it; false when the pattern is taken.
func (r *Router[M]) addShared(of *shared[M]) ([]*Scope[M], bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.all.Add(of.pattern, of) {
		return nil, false
	}
	return slices.Collect(maps.Keys(r.scopes)), true
}

func (r *Router[M]) stop(of *shared[M]) []<-chan struct{} {
	r.mu.Lock()
	if !of.removed {
		of.removed = true
		r.all.Remove(of.pattern)
	}
	r.mu.Unlock()
	// Only now: who finds it stopped looks into the tree again, where it must not be.
	of.mu.Lock()
	of.stopped = true
	parts := slices.Collect(maps.Keys(of.parts))
	of.mu.Unlock()
	return halt(parts...)
}

func (r *Router[M]) match(name []byte) *shared[M] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	of, _ := r.all.Match(name)
	return of
}

func (r *Router[M]) empty() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.all.Empty()
}

// add has patterns that are added from now on look for messages in sc.
func (r *Router[M]) add(sc *Scope[M]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scopes == nil {
		r.scopes = make(map[*Scope[M]]struct{})
	}
	r.scopes[sc] = struct{}{}
}

func (r *Router[M]) remove(sc *Scope[M]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.scopes, sc)
}

// Len returns how many Scopes the Router knows.
func (r *Router[M]) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.scopes)
}

// add makes s a part of the subscription, false if that is stopped.
func (of *shared[M]) add(s *subscription[M]) bool {
	of.mu.Lock()
	defer of.mu.Unlock()
	if !of.stopped {
		of.parts[s] = struct{}{}
	}
	return !of.stopped
}

func (of *shared[M]) remove(s *subscription[M]) {
	of.mu.Lock()
	defer of.mu.Unlock()
	delete(of.parts, s)
}
