package methods

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/internal/work"
)

// Route is one registered handler H, and how it is run. It is not changed once a table has it.
type Route[H any] struct {
	Name     string // of the method; "" for a fallback
	Handler  H      // with the table's middleware around it
	Streams  bool   // takes streaming calls
	Inline   bool
	Gate     *work.Gate // nil = no limit
	Fallback bool       // set by SetFallback

	plain H // Handler without middleware
}

// Handlers holds the handlers that were registered in one place. Readers take no lock. The zero value is empty.
type Handlers[H any] struct {
	mu       sync.Mutex
	routes   map[string]*Route[H]        // guarded by mu
	fallback *Route[H]                   // guarded by mu
	wraps    []func(next H) H            // guarded by mu
	watchers map[*serial.Worker]struct{} // kicked when a name comes or goes; guarded by mu
	snap     atomic.Pointer[view[H]]     // copy for readers, nil when stale
}

// view is an unchanging copy of the routes.
type view[H any] struct {
	byName   map[string]*Route[H]
	fallback *Route[H]
}

// view returns the current routes.
func (t *Handlers[H]) view() *view[H] {
	if s := t.snap.Load(); s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.snap.Load()
	if s == nil {
		s = &view[H]{maps.Clone(t.routes), t.fallback}
		t.snap.Store(s)
	}
	return s
}

// Find returns the route for a method, nil when there is none. The order is: handlers of t, those of shared, which may be
// nil, then the fallbacks likewise.
func (t *Handlers[H]) Find(method []byte, shared *Handlers[H]) *Route[H] {
	own := t.view()
	if r := own.byName[string(method)]; r != nil {
		return r
	}
	if shared != nil {
		others := shared.view()
		if r := others.byName[string(method)]; r != nil {
			return r
		}
		if own.fallback == nil {
			return others.fallback
		}
	}
	return own.fallback
}

// Set registers r under its name, in place of an earlier one.
func (t *Handlers[H]) Set(r *Route[H]) { t.set(r.Name, r) }

// Remove removes the handler of a method, if it has one.
func (t *Handlers[H]) Remove(method string) { t.set(method, nil) }

func (t *Handlers[H]) set(method string, r *Route[H]) {
	t.mu.Lock()
	_, had := t.routes[method]
	if r != nil {
		r.plain, r.Handler = r.Handler, t.wrapLocked(r.Handler)
		if t.routes == nil {
			t.routes = make(map[string]*Route[H])
		}
		t.routes[method] = r
	} else {
		delete(t.routes, method)
	}
	t.snap.Store(nil)
	watchers := t.watchersLocked(had == (r == nil))
	t.mu.Unlock()
	for _, w := range watchers {
		w.Kick()
	}
}

// SetFallback registers r for methods without a handler, nil = nobody takes them.
func (t *Handlers[H]) SetFallback(r *Route[H]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r != nil {
		r.plain, r.Handler, r.Fallback = r.Handler, t.wrapLocked(r.Handler), true
	}
	t.fallback = r
	t.snap.Store(nil)
}

// Use adds a middleware inside those there are.
func (t *Handlers[H]) Use(wrap func(next H) H) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wraps = append(t.wraps, wrap)
	for name, r := range t.routes {
		t.routes[name] = t.rewrapLocked(r)
	}
	t.fallback = t.rewrapLocked(t.fallback)
	t.snap.Store(nil)
}

// rewrapLocked returns a copy of r, which may be nil, with the middleware there is now.
func (t *Handlers[H]) rewrapLocked(r *Route[H]) *Route[H] {
	if r == nil {
		return nil
	}
	c := *r
	c.Handler = t.wrapLocked(r.plain)
	return &c
}

func (t *Handlers[H]) wrapLocked(h H) H {
	for _, wrap := range slices.Backward(t.wraps) {
		h = wrap(h)
	}
	return h
}

// Watch implements Table.
func (t *Handlers[H]) Watch(w *serial.Worker, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !on {
		delete(t.watchers, w)
		return
	}
	if t.watchers == nil {
		t.watchers = make(map[*serial.Worker]struct{})
	}
	t.watchers[w] = struct{}{}
}

// Names implements Table.
func (t *Handlers[H]) Names() iter.Seq[string] { return maps.Keys(t.view().byName) }

// Watchers returns how many workers watch.
func (t *Handlers[H]) Watchers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.watchers)
}

func (t *Handlers[H]) watchersLocked(changed bool) []*serial.Worker {
	if !changed || len(t.watchers) == 0 {
		return nil
	}
	return slices.Collect(maps.Keys(t.watchers))
}
