package gantline

import (
	"context"
	"io"
	"iter"
)

// Caller is what typed calls are made on: a Stream, an End, or anything around them. A Caller that is neither gets
// bodies in Msgpack, unless WithCodec says otherwise.
type Caller interface {
	// Call is as Stream.Call.
	Call(ctx context.Context, method string, body []byte, opts ...CallOption) ([]byte, error)
}

// Call is Stream.Call with values for bodies. The codec is WithCodec's, else the End's (Config.Codec). A request that
// cannot be encoded fails with InvalidArgument, an answer that does not fit Resp with Internal.
func Call[Resp, Req any](ctx context.Context, c Caller, method string, req Req, opts ...CallOption) (Resp, error) {
	var resp Resp
	codec := callCodec(c, opts)
	buf := newBuffer()
	defer buf.Free()
	body, err := encode(buf, codec, method, req)
	if err != nil {
		return resp, err
	}
	answer, err := c.Call(ctx, method, body, append(opts[:len(opts):len(opts)], WithCodec(codec))...)
	if err != nil {
		return resp, err
	}
	if err := decode(nil, codec, answer, &resp); err != nil {
		return resp, &Error{Code: Internal, Message: "answer: " + cleanText(err), Method: method, cause: err}
	}
	return resp, nil
}

// Handle registers fn on a Stream, End or Router for calls of method. The body is decoded with the codec it was written
// with, and the answer encoded with the same. A body that does not fit Req, raw bytes for instance, is answered with
// InvalidArgument. RequestFromContext has the rest of the request. It panics as Stream.Handle does.
func Handle[Req, Resp any](r Registrar, method string, fn func(context.Context, Req) (Resp, error), opts ...HandlerOption) {
	r.Handle(method, HandlerFunc(func(ctx context.Context, r *Request) ([]byte, error) {
		codec, err := r.codecOf()
		if err != nil {
			return nil, err
		}
		var req Req
		if err := decode(r.Stream.end, codec, r.Body, &req); err != nil {
			return nil, err
		}
		resp, err := fn(ctx, req)
		if err != nil {
			return nil, err
		}
		body, err := codec.Append(nil, resp)
		if err != nil {
			return nil, errorf(Internal, "answer of type %T as %s: %s", resp, codec.Name(), cleanText(err))
		}
		return body, nil
	}), opts...)
}

// Method is a method's name with its types. Declared once, it makes both sides agree.
//
//	const Sum gantline.Method[SumReq, int] = "math.sum"
//
//	Sum.Handle(router, func(ctx context.Context, q SumReq) (int, error) { return q.A + q.B, nil })
//	n, err := Sum.Call(ctx, end, SumReq{A: 1, B: 2})
type Method[Req, Resp any] string

// Call calls the method. See the function Call.
func (m Method[Req, Resp]) Call(ctx context.Context, c Caller, req Req, opts ...CallOption) (Resp, error) {
	return Call[Resp](ctx, c, string(m), req, opts...)
}

// Handle registers fn for the method. See the function Handle.
func (m Method[Req, Resp]) Handle(r Registrar, fn func(context.Context, Req) (Resp, error), opts ...HandlerOption) {
	Handle(r, string(m), fn, opts...)
}

// callCodec returns the codec for a typed call on c.
func callCodec(c any, opts []CallOption) Codec {
	if o := newCallOptions(opts); o != nil && o.codec != nil {
		return o.codec
	}
	return codecOf(c)
}

// StreamCaller is what streaming calls are opened on: Stream and End.
type StreamCaller interface {
	// OpenCall is as Stream.OpenCall.
	OpenCall(ctx context.Context, method string, opts ...CallOption) (*CallStream, error)
}

// StreamRegistrar is what handlers of streaming calls are registered on: Stream, End and Router.
type StreamRegistrar interface {
	// HandleStream is as Stream.HandleStream.
	HandleStream(method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts ...HandlerOption)
}

// TypedStream is a CallStream whose messages are values: Out goes out, In comes in.
type TypedStream[Out, In any] struct {
	cs    *CallStream
	codec Codec
}

// Raw returns the CallStream underneath.
func (s *TypedStream[Out, In]) Raw() *CallStream { return s.cs }

// Send encodes and sends one message. See CallStream.Send; a value that cannot be encoded fails with
// InvalidArgument and nothing is sent.
func (s *TypedStream[Out, In]) Send(ctx context.Context, v Out) error {
	buf := newBuffer()
	defer buf.Free()
	msg, err := encode(buf, s.codec, s.cs.method, v)
	if err != nil {
		return err
	}
	return s.cs.Send(ctx, msg)
}

// Recv waits for the next message and decodes it. See CallStream.Recv; a message that does not fit In is
// InvalidArgument, and the next Recv goes on after it.
func (s *TypedStream[Out, In]) Recv(ctx context.Context) (In, error) {
	var v In
	msg, err := s.cs.Recv(ctx)
	if err == nil {
		err = decode(s.cs, s.codec, msg, &v)
	}
	return v, err
}

// All yields the messages until the end. An error other than the good end is yielded last, with a zero value.
func (s *TypedStream[Out, In]) All(ctx context.Context) iter.Seq2[In, error] {
	return func(yield func(In, error) bool) {
		for {
			v, err := s.Recv(ctx)
			if err == io.EOF || !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// CloseSend says that no more messages come from the caller. See CallStream.CloseSend.
func (s *TypedStream[Out, In]) CloseSend() error { return s.cs.CloseSend() }

// Cancel gives the call up. See CallStream.Cancel.
func (s *TypedStream[Out, In]) Cancel() { s.cs.Cancel() }

// OpenCall is Stream.OpenCall with values for messages, in the End's codec or WithCodec's.
func OpenCall[Out, In any](ctx context.Context, c StreamCaller, method string, opts ...CallOption) (*TypedStream[Out, In], error) {
	codec := callCodec(c, opts)
	cs, err := c.OpenCall(ctx, method, append(opts[:len(opts):len(opts)], WithCodec(codec))...)
	if err != nil {
		return nil, err
	}
	return &TypedStream[Out, In]{cs, codec}, nil
}

// HandleStream registers fn for streaming calls of method whose messages are values: In from the caller, Out to
// it. See Stream.HandleStream.
func HandleStream[In, Out any](r StreamRegistrar, method string, fn func(context.Context, *TypedStream[Out, In]) error, opts ...HandlerOption) {
	r.HandleStream(method, func(ctx context.Context, req *Request, cs *CallStream) error {
		codec, err := req.codecOf()
		if err != nil {
			return err
		}
		return fn(ctx, &TypedStream[Out, In]{cs, codec})
	}, opts...)
}

// Each makes a call with one request and many answers (server streaming), and yields the answers. An error is
// yielded last, with a zero value. A loop that stops early cancels the call.
//
//	for line, err := range gantline.Each[string](ctx, end, "tail", TailReq{File: name}) { ... }
func Each[Item, Req any](ctx context.Context, c StreamCaller, method string, req Req, opts ...CallOption) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var zero Item
		s, err := OpenCall[Req, Item](ctx, c, method, opts...)
		if err != nil {
			yield(zero, err)
			return
		}
		defer s.Cancel() // does nothing at the end
		if err := s.Send(ctx, req); err != nil && err != io.EOF {
			yield(zero, err)
			return
		}
		if err := s.CloseSend(); err != nil {
			yield(zero, err)
			return
		}
		s.All(ctx)(yield)
	}
}

// HandleEach registers fn for calls made with Each: it gets the one request and returns the answers. The first
// error among them ends the call with it.
func HandleEach[Req, Item any](r StreamRegistrar, method string, fn func(context.Context, Req) iter.Seq2[Item, error], opts ...HandlerOption) {
	HandleStream(r, method, func(ctx context.Context, s *TypedStream[Item, Req]) error {
		req, err := s.Recv(ctx)
		if err == io.EOF {
			return errorf(InvalidArgument, "the call has no request: it takes one message")
		}
		if err != nil {
			return err
		}
		for item, err := range fn(ctx, req) {
			if err == nil {
				err = s.Send(ctx, item)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}, opts...)
}
