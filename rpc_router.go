package gantline

import "context"

// handlers returns rpc's part of the Router.
func (r *Router) handlers() *table {
	if t, ok := r.calls.Load().(*table); ok {
		return t
	}
	r.calls.CompareAndSwap(nil, new(table))
	return r.calls.Load().(*table)
}

// Handle registers h for method, in place of an earlier handler; nil removes it. It panics when no caller
// could use the name: empty, over 255 bytes, or beginning with ':'.
func (r *Router) Handle(method string, h Handler, opts ...HandlerOption) {
	handle(r.handlers(), method, h, opts)
}

// HandleStream registers fn for streaming calls of method, in place of an earlier handler; nil removes it.
// See Stream.HandleStream.
func (r *Router) HandleStream(method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts ...HandlerOption) {
	handleStream(r.handlers(), method, fn, opts)
}

// Fallback registers h for every call, streaming ones excepted, whose method nobody handles: neither here nor
// on the End, its own fallback included. nil removes it.
func (r *Router) Fallback(h Handler) { r.handlers().setFallback(h) }

// Use puts middleware around every handler of this Router: those of streaming calls and the fallback
// included, registered before or later. wrap is called once per handler; what it returns runs exactly once per
// call, before the body is decoded. The first one used is the outermost. Of a streaming call it sees the
// request without body and the end.
func (r *Router) Use(wrap func(next Handler) Handler) { r.handlers().use(wrap) }

func handle(t *table, method string, h Handler, opts []HandlerOption) {
	checkMethod(method)
	if h == nil {
		t.set(method, nil)
		return
	}
	t.set(method, newRoute(method, h, false, opts))
}

func handleStream(t *table, method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts []HandlerOption) {
	checkMethod(method)
	if fn == nil {
		t.set(method, nil)
		return
	}
	t.set(method, newRoute(method, streamHandler(fn), true, opts))
}
