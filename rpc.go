package gantline

import (
	"context"
	"sync/atomic"

	"github.com/gantline-project/gantline/internal/msgio"
	"github.com/gantline-project/gantline/mux"
)

// The rpc room: calls, notifies and streaming calls, both ways.
//
// Each scope has a callScope, which is made when it is first used: the table of its handlers, which readers see as a copy
// and without a lock, the order of its notifies, and the calls to a stream that nobody takes yet. A call of the peer's is
// a serving, one allocation from OPEN to answer. The goroutine that reads the link looks for its handler and never
// waits; when it may run is decided in internal/work, which has the locks of the queues and hands a goroutine from one
// call to the next; who claims a serving, to run or to refuse it, answers it. A CallStream has a lock for each direction,
// held while that waits. A call of ours is a flight (internal/flight) until its outcome: Call waits for that, a PendingCall
// learns it. What rpc keeps of an End is an endCalls. The tables, and what the peer learns of them, are in internal/methods.
//
// What arrives: rpc_serve.go, rpc_scope.go, rpc_table.go. Streaming calls: rpc_stream.go. Names of methods:
// rpc_methods.go. What is sent: rpc_call.go, rpc_notify.go, rpc_pending.go. Typed values stand above all that, in
// rpc_typed.go.

// Call calls method on the peer and waits for the answer. On a Stream, the method is looked for among the handlers of
// the peer's end of that stream; on an End, among those of the peer's End.
//
// ctx's deadline travels. The handler's context ends with it, as it does when ctx is cancelled, and Call returns at once.
// body is not used after Call has returned; the answer is the caller's. Call waits while the peer runs Limits.Calls of
// ours. A call made with a handler's context is nested in that handler's call, at most 16 deep.
//
// Errors are *Error:
//
//   - from the peer (Remote): what the handler returned, or Unimplemented;
//   - DeadlineExceeded and Canceled when ctx ends, with ErrNotSent or ErrUnknownOutcome as well;
//   - ResourceExhausted for a body over the peer's Limits.Body, or calls that are nested too deep;
//   - ErrNotSent (safe to call again) and ErrUnknownOutcome (it may have run), each with net.ErrClosed or ErrSessionLost;
//   - FailedPrecondition inside Setup, Inline handlers, OnDone and OnCallDone.
//
// On an End that redials (Config.Redial), a call that was not sent, or is Idempotent, is made again in the next session
// while ctx lives. There ErrNotSent means that ctx or Close ended that wait. A call on another Stream than the End's own
// ends with the stream.
func (st *Stream) Call(ctx context.Context, method string, body []byte, opts ...CallOption) ([]byte, error) {
	return st.call(ctx, method, body, opts)
}

// Notify calls method on the peer without an answer. It returns nil once the notify is on its way; its outcome is not
// reported. If the session is lost before it was sent, it is sent in the next session.
//
// Notifies to one stream, or to the End, are handled one at a time, in the order they were sent. Notify waits while the
// peer has Limits.Calls of ours unhandled; ctx bounds only that. body is not used after Notify has returned. Errors are
// those of Call, from before it is sent.
func (st *Stream) Notify(ctx context.Context, method string, body []byte, opts ...CallOption) error {
	return st.notify(ctx, method, body, opts)
}

// Go calls method on the peer without waiting for the answer. It returns when the call is on its way: as Call does, it
// waits for a session and for a free place among Limits.Calls. What goes wrong, then or later, is the PendingCall's
// error. ctx bounds the whole call. body is not used after Go has returned.
func (st *Stream) Go(ctx context.Context, method string, body []byte, opts ...CallOption) *PendingCall {
	return st.begin(ctx, method, body, opts)
}

// PendingCall is a call made with Go. Its methods may be called from any goroutine.
type PendingCall struct {
	stream  *Stream
	ctx     context.Context // bounds the call
	method  string
	opts    *callOptions
	renews  bool   // it may be made again in another session
	request []byte // a copy, for that

	// Of the attempt under way. Who makes the next one may change them, and that is one goroutine at a time.
	open mux.Open
	ses  *session
	sent bool // an earlier session may have brought it to the peer

	done chan struct{}
	body []byte // set before done is closed, as is err
	err  error
}

// Done returns a channel that is closed when the answer, or the error, is there.
func (p *PendingCall) Done() <-chan struct{} { return p.done }

// Wait waits for the answer. ctx bounds only the wait: the call goes on, and Wait may be called again.
func (p *PendingCall) Wait(ctx context.Context) ([]byte, error) { return p.wait(ctx) }

// Result returns the answer, or ErrPending before Done. The errors are Call's.
func (p *PendingCall) Result() ([]byte, error) {
	select {
	case <-p.done:
		return p.body, p.err
	default:
		return nil, ErrPending
	}
}

// Handler answers calls. ServeCall runs on a goroutine of its own for each call unless Inline was given.
//
// ctx ends when the caller gives up, its deadline passes, the handler returns or the End is over;
// context.Cause tells which. The body that is returned must not be changed afterwards. An error reaches the
// caller with its code (CodeOf) and text; a plain error is Unknown. A panic is logged and answered Internal.
type Handler interface {
	ServeCall(ctx context.Context, req *Request) ([]byte, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, req *Request) ([]byte, error)

// ServeCall calls f.
func (f HandlerFunc) ServeCall(ctx context.Context, req *Request) ([]byte, error) {
	return f(ctx, req)
}

// Registrar is what handlers can be registered on: Stream, End and Router.
type Registrar interface {
	// Handle is as Stream.Handle.
	Handle(method string, h Handler, opts ...HandlerOption)
}

// Request is one call as its handler sees it. It belongs to the handler, also after it has returned; its
// methods are for the handler's goroutine.
type Request struct {
	Method   string   // what was called
	Body     []byte   // owned by the handler; nil for a streaming call
	Metadata Metadata // sent with the call; nil = none
	Stream   *Stream  // the stream it was addressed to: the End's own one for calls on the End

	codec uint8
	reply Metadata
	cs    *CallStream // of a streaming call
}

// Decode reads the body into v with the codec it was written with. Errors are *Error: InvalidArgument when the
// body does not fit v or is raw bytes, Unimplemented when this side does not accept the codec.
func (r *Request) Decode(v any) error {
	c, err := r.codecOf()
	if err != nil {
		return err
	}
	return decode(r.Stream.end, c, r.Body, v)
}

// SetReplyMetadata sends m with the answer, also with an error, in place of what was set before. The limits
// are Metadata's: the caller gets Internal when m exceeds them.
func (r *Request) SetReplyMetadata(m Metadata) { r.reply = m }

// RequestFromContext returns the request of the handler that ctx belongs to, nil outside call handlers.
func RequestFromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

func (r *Request) codecOf() (Codec, error) { return r.Stream.end.cfg.codecByID(r.codec, "") }

// Handle registers h for calls of method addressed to this stream, in place of an earlier handler; nil
// removes it. On an End that is the End. It panics when no caller could use the name: empty, over 255 bytes,
// or beginning with ':'.
//
// Register what the first calls need in Config.Setup or Config.OnStream: they run before the peer is heard.
func (st *Stream) Handle(method string, h Handler, opts ...HandlerOption) {
	sc := st.callScope()
	handle(&sc.table, method, h, false, opts)
	sc.changed()
}

// HandleStream registers fn for streaming calls of method, in place of an earlier handler; nil removes it.
// fn runs on a goroutine of its own per call. What it returns ends the call: nil is the end the caller's
// Recv reports as io.EOF, an error reaches the caller as *Error. Inline cannot be used. It panics as Handle
// does.
func (st *Stream) HandleStream(method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts ...HandlerOption) {
	sc := st.callScope()
	handleStream(&sc.table, method, fn, opts)
	sc.changed()
}

// Fallback registers h for calls whose method nobody handles; nil removes it. Streaming calls are excepted. On an End, h
// comes after the handlers of the End and of its Router.
func (st *Stream) Fallback(h Handler) {
	sc := st.callScope()
	setFallback(&sc.table, h)
	sc.changed()
}

// Handle registers h for method, in place of an earlier handler; nil removes it. It panics when no caller
// could use the name: empty, over 255 bytes, or beginning with ':'.
func (r *Router) Handle(method string, h Handler, opts ...HandlerOption) {
	handle(r.handlers(), method, h, false, opts)
}

// HandleStream registers fn for streaming calls of method, in place of an earlier handler; nil removes it.
// See Stream.HandleStream.
func (r *Router) HandleStream(method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts ...HandlerOption) {
	handleStream(r.handlers(), method, fn, opts)
}

// Fallback registers h for calls whose method nobody handles, neither here nor on the End; nil removes it. Streaming
// calls are excepted. The End's own fallback comes first.
func (r *Router) Fallback(h Handler) { setFallback(r.handlers(), h) }

// Use puts middleware around every handler of this Router, registered before or later. That includes handlers of
// streaming calls and the fallback. wrap is called once per handler; what it returns runs exactly once per call, before
// the body is decoded. The first one used is the outermost. Of a streaming call it sees the request without body and
// the end.
func (r *Router) Use(wrap func(next Handler) Handler) { r.handlers().Use(wrap) }

// OpenCall begins a streaming call of method. It does not wait for the peer: Recv reports it if nobody handles the method.
// On an End that redials it waits while there is no connection.
//
// ctx governs the whole call: when it ends the call is cancelled, and its deadline travels. End each call: receive until
// the error, or Cancel it, or end ctx; until then it holds a place in Limits.Calls. It ends with the session: with
// ErrNotSent when the peer had not heard of it, else with ErrUnknownOutcome. Errors: as Call, before it is sent.
func (st *Stream) OpenCall(ctx context.Context, method string, opts ...CallOption) (*CallStream, error) {
	return st.openCall(ctx, method, opts)
}

// CallStream is one side of a streaming call. Messages go both ways, each direction with flow control of its own, and a
// result ends the call. The caller gets one from OpenCall, the handler is given one.
//
// One goroutine may send while another receives. Several senders, or receivers, take turns.
type CallStream struct {
	ms      *mux.Stream
	end     *End
	ctx     context.Context // of the whole call
	method  string
	opts    *callOptions // the caller's
	serving bool         // the handler's side
	unwatch func() bool
	gaveUp  atomic.Bool // Cancel was called

	sendLock waitLock // guards what follows
	sent     bool     // CloseSend was called
	broken   error    // a message was cut short
	out      msgio.Writer

	recvLock waitLock // guards what follows
	in       msgio.Reader
	ended    error // what Recv returns from now on
}

// Send sends one message. It waits while the other side does not receive. ctx ends the wait, and as long as
// nothing of the message was sent Send may be called again. msg is not used after it has returned.
//
// Errors: io.EOF when the other side has ended the call (Recv says how), else *Error: ctx's,
// ResourceExhausted (over the peer's Limits.Body), FailedPrecondition after CloseSend, the code of a cancelled
// call, or why the End is over.
func (cs *CallStream) Send(ctx context.Context, msg []byte) error { return cs.send(ctx, msg) }

// CloseSend says that no more messages come from the caller: the handler's Recv returns io.EOF. Receiving goes
// on. On the handler's side it does nothing: what the handler returns ends the call.
func (cs *CallStream) CloseSend() error { return cs.closeSend() }

// Recv waits for the next message, which is the caller's to keep.
//
// io.EOF is the good end: on the caller's side the handler has returned nil, on the handler's side the caller has called
// CloseSend. Everything else is an *Error: what the handler returned, ctx's (Recv may then be called again and loses
// nothing), ResourceExhausted (a message over Limits.Body), or why the call or the End is over. An end is final.
func (cs *CallStream) Recv(ctx context.Context) ([]byte, error) { return cs.recv(ctx) }

// Cancel gives the call up: the handler's context ends, and Send and Recv fail with Canceled. After the end
// of the call it does nothing. It does not wait.
func (cs *CallStream) Cancel() {
	cs.gaveUp.Store(true)
	cs.release()
	_ = cs.ms.Reset(Canceled, "")
}
