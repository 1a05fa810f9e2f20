package gantline

import "context"

// Router holds handlers and subscriptions that many Ends share: set Config.Router. The zero value is ready.
// It may be changed while Ends use it; a change counts for calls that arrive afterwards.
//
// An End looks for a method among its own handlers, then in its Router, then takes its own fallback, then the
// Router's. Handlers of other streams are looked for on the stream only.
type Router struct {
	table  table
	topics topicTable
}

// Handle registers h for method, in place of an earlier handler; nil removes it. It panics when no caller
// could use the name: empty, over 255 bytes, or beginning with ':'.
func (r *Router) Handle(method string, h Handler, opts ...HandlerOption) {
	handle(&r.table, method, h, opts)
}

// HandleStream registers fn for streaming calls of method, in place of an earlier handler; nil removes it.
// See Stream.HandleStream.
func (r *Router) HandleStream(method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts ...HandlerOption) {
	handleStream(&r.table, method, fn, opts)
}

// Fallback registers h for every call, streaming ones excepted, whose method nobody handles: neither here nor
// on the End, its own fallback included. nil removes it.
func (r *Router) Fallback(h Handler) { r.table.setFallback(h) }

// Use puts middleware around every handler of this Router: those of streaming calls and the fallback
// included, registered before or later. wrap is called once per handler; what it returns runs exactly once per
// call, before the body is decoded. The first one used is the outermost. Of a streaming call it sees the
// request without body and the end.
func (r *Router) Use(wrap func(next Handler) Handler) { r.table.use(wrap) }

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
