package gantline

import "context"

// Caller is what typed calls are made on: Stream and End, or anything around them. A Caller that is neither
// is given bodies in Msgpack unless WithCodec says otherwise.
type Caller interface {
	// Call is as Stream.Call.
	Call(ctx context.Context, method string, body []byte, opts ...CallOption) ([]byte, error)
}

// Call is Stream.Call with values for bodies. The codec is the End's (Config.Codec), or WithCodec's. A request
// that cannot be encoded fails with InvalidArgument, an answer that does not fit Resp with Internal.
func Call[Resp, Req any](ctx context.Context, c Caller, method string, req Req, opts ...CallOption) (Resp, error) {
	var resp Resp
	codec := callCodec(c, opts)
	buf := newBuffer()
	defer buf.free()
	body, err := buf.encode(codec, method, req)
	if err != nil {
		return resp, err
	}
	answer, err := c.Call(ctx, method, body, append(opts[:len(opts):len(opts)], WithCodec(codec))...)
	if err != nil {
		return resp, err
	}
	if err := decode(codec, answer, &resp); err != nil {
		return resp, &Error{Code: Internal, Message: "answer: " + cleanText(err), Method: method, cause: err}
	}
	return resp, nil
}

// Handle registers fn on a Stream, End or Router for calls of method. The body is decoded with the codec it
// was written with and the answer encoded with the same; a body that does not fit Req, raw bytes for
// instance, is answered InvalidArgument. RequestFromContext has the rest of the request. It panics as
// Stream.Handle does.
func Handle[Req, Resp any](r Registrar, method string, fn func(context.Context, Req) (Resp, error), opts ...HandlerOption) {
	r.Handle(method, HandlerFunc(func(ctx context.Context, r *Request) ([]byte, error) {
		codec, err := r.codecOf()
		if err != nil {
			return nil, err
		}
		var req Req
		if err := decode(codec, r.Body, &req); err != nil {
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

// Method is a method's name with its types: declared once, it makes both sides agree.
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
