package gantline

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/internal/work"
)

// streamHandler is a handler of streaming calls as a Handler, so that middleware fits both.
type streamHandler func(ctx context.Context, req *Request, cs *CallStream) error

func (f streamHandler) ServeCall(ctx context.Context, req *Request) ([]byte, error) {
	return nil, f(ctx, req, req.cs)
}

// route is one registered handler.
type route struct {
	name     string // "" for a fallback
	handler  Handler
	plain    Handler // handler without middleware
	streams  bool    // takes streaming calls
	inline   bool
	gate     *work.Gate // nil = no limit
	fallback bool
}

func newRoute(method string, h Handler, streams bool, opts []HandlerOption) *route {
	var o handlerOptions
	for _, opt := range opts {
		opt.applyHandler(&o)
	}
	if streams && o.inline {
		panic(fmt.Sprintf("gantline: handler %q takes streaming calls and cannot be Inline", method))
	}
	r := &route{name: method, handler: h, plain: h, streams: streams, inline: o.inline}
	if o.limit > 0 {
		r.gate = work.NewGate(o.limit)
	}
	return r
}

// checkMethod panics for a name that no caller can use, as http.ServeMux does for a bad pattern.
func checkMethod(method string) {
	if err := methodError(method); err != nil {
		panic(err.Error())
	}
}

func methodError(method string) *Error {
	switch {
	case method == "":
		return errorf(InvalidArgument, "method name is empty")
	case method[0] == ':':
		return errorf(InvalidArgument, "method names that begin with ':' are reserved for the protocol").named(method)
	case len(method) > frame.MaxName:
		return errorf(InvalidArgument, "method name of %d bytes is over the limit of %d", len(method), frame.MaxName)
	}
	return nil
}

// table holds the handlers of one scope or Router. Readers take no lock.
type table struct {
	mu       sync.Mutex
	routes   map[string]*route            // guarded by mu
	fallback *route                       // guarded by mu
	wraps    []func(next Handler) Handler // guarded by mu
	watchers map[*serial.Worker]struct{}  // kicked when a name comes or goes; guarded by mu
	snap     atomic.Pointer[routes]       // copy for readers, nil when stale
}

// handlers returns rpc's part of the Router.
func (r *Router) handlers() *table {
	if t, ok := r.calls.Load().(*table); ok {
		return t
	}
	r.calls.CompareAndSwap(nil, new(table))
	return r.calls.Load().(*table)
}

// routes is an unchanging copy of a table.
type routes struct {
	byName   map[string]*route
	fallback *route
}

// view returns the current routes.
func (t *table) view() *routes {
	if s := t.snap.Load(); s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.snap.Load()
	if s == nil {
		s = &routes{maps.Clone(t.routes), t.fallback}
		t.snap.Store(s)
	}
	return s
}

// handle registers h, or removes the method's handler when h is nil.
func (t *table) handle(method string, h Handler, opts []HandlerOption) {
	checkMethod(method)
	if h == nil {
		t.set(method, nil)
		return
	}
	t.set(method, newRoute(method, h, false, opts))
}

// handleStream is handle for streaming calls.
func (t *table) handleStream(method string, fn streamHandler, opts []HandlerOption) {
	checkMethod(method)
	if fn == nil {
		t.set(method, nil)
		return
	}
	t.set(method, newRoute(method, fn, true, opts))
}

// set registers r under its name, or removes the name when r is nil.
func (t *table) set(method string, r *route) {
	t.mu.Lock()
	_, had := t.routes[method]
	if r != nil {
		r.handler = t.wrapLocked(r.plain)
		if t.routes == nil {
			t.routes = make(map[string]*route)
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

func (t *table) setFallback(h Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fallback = nil
	if h != nil {
		t.fallback = &route{handler: t.wrapLocked(h), plain: h, fallback: true}
	}
	t.snap.Store(nil)
}

// use adds a middleware inside those there are.
func (t *table) use(wrap func(next Handler) Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wraps = append(t.wraps, wrap)
	for name, r := range t.routes {
		c := *r
		c.handler = t.wrapLocked(r.plain)
		t.routes[name] = &c
	}
	if t.fallback != nil {
		c := *t.fallback
		c.handler = t.wrapLocked(c.plain)
		t.fallback = &c
	}
	t.snap.Store(nil)
}

func (t *table) wrapLocked(h Handler) Handler {
	for i := len(t.wraps) - 1; i >= 0; i-- {
		h = t.wraps[i](h)
	}
	return h
}

// Watch implements methods.Table.
func (t *table) Watch(w *serial.Worker, on bool) {
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

// Names implements methods.Table.
func (t *table) Names() iter.Seq[string] { return maps.Keys(t.view().byName) }

func (t *table) watchersLocked(changed bool) []*serial.Worker {
	if !changed || len(t.watchers) == 0 {
		return nil
	}
	return slices.Collect(maps.Keys(t.watchers))
}
