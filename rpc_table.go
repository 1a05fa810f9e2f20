package gantline

import (
	"context"
	"fmt"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/methods"
	"github.com/gantline-project/gantline/internal/work"
)

// streamHandler is a handler of streaming calls as a Handler, so that middleware fits both.
type streamHandler func(ctx context.Context, req *Request, cs *CallStream) error

func (f streamHandler) ServeCall(ctx context.Context, req *Request) ([]byte, error) {
	return nil, f(ctx, req, req.cs)
}

type (
	table = methods.Handlers[Handler] // the handlers of one scope or Router
	route = methods.Route[Handler]
)

// handlers returns rpc's part of the Router.
func (r *Router) handlers() *table {
	if t, ok := r.calls.Load().(*table); ok {
		return t
	}
	r.calls.CompareAndSwap(nil, new(table))
	return r.calls.Load().(*table)
}

// handle registers h in t, or removes the method's handler when h is nil. streams: h is a streamHandler.
func handle(t *table, method string, h Handler, streams bool, opts []HandlerOption) {
	if err := methodError(method); err != nil {
		panic(err.Error()) // as http.ServeMux does for a pattern that is of no use
	}
	if h == nil {
		t.Remove(method)
		return
	}
	var o handlerOptions
	for _, opt := range opts {
		opt.applyHandler(&o)
	}
	if streams && o.inline {
		panic(fmt.Sprintf("gantline: handler %q takes streaming calls and cannot be Inline", method))
	}
	r := &route{Name: method, Handler: h, Streams: streams, Inline: o.inline}
	if o.limit > 0 {
		r.Gate = work.NewGate(o.limit)
	}
	t.Set(r)
}

// handleStream is handle for streaming calls.
func handleStream(t *table, method string, fn streamHandler, opts []HandlerOption) {
	if fn == nil {
		handle(t, method, nil, true, nil)
		return
	}
	handle(t, method, fn, true, opts)
}

// setFallback registers h for methods that nobody handles, or removes it when h is nil.
func setFallback(t *table, h Handler) {
	if h == nil {
		t.SetFallback(nil)
		return
	}
	t.SetFallback(&route{Handler: h})
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
