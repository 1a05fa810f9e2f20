package gantline

// CallOption sets something about one call: see WithMetadata, WithCodec, ReplyMetadata and OnCallDone.
type CallOption interface{ applyCall(*callOptions) }

// HandlerOption sets how a handler is run: see Inline and MaxConcurrent.
type HandlerOption interface{ applyHandler(*handlerOptions) }

type callOptions struct {
	metadata Metadata
	codec    Codec     // of the body; nil = raw bytes
	reply    *Metadata // where to put the answer's metadata
	done     func(*PendingCall)

	idempotent bool
}

type handlerOptions struct {
	inline bool
	limit  int
}

type callOption func(*callOptions)

func (f callOption) applyCall(o *callOptions) { f(o) }

type handlerOption func(*handlerOptions)

func (f handlerOption) applyHandler(o *handlerOptions) { f(o) }

// WithCodec says that the body was written by c. The receiver's Request.Decode and typed handlers read it with the same
// codec, and write the answer with it. Typed calls use c instead of the End's codec. Without it a []byte body is raw.
func WithCodec(c Codec) CallOption { return callOption(func(o *callOptions) { o.codec = c }) }

// ReplyMetadata stores the answer's metadata in *m, nil when there is none. That is before Call returns, before a
// PendingCall is done, or before CallStream.Recv returns the end.
func ReplyMetadata(m *Metadata) CallOption { return callOption(func(o *callOptions) { o.reply = m }) }

// OnCallDone lets many calls made with Go share one sink. f is called once per call when it is done, also when it could
// not be sent. f must not block; it may run before Go returns. A panic in it is logged. Call, Notify and OpenCall ignore
// it. Where f runs, and what fails inside it, is as for OnDone.
func OnCallDone(f func(*PendingCall)) CallOption {
	return callOption(func(o *callOptions) { o.done = f })
}

// Inline runs the handler on the goroutine that reads the connection, which saves a goroutine per call. It is
// for handlers of microseconds: while one runs nothing else of this End is received. It must not wait for
// this peer: a Call, Publish or Ping on this End fails at once, and Close goes on after it. Calls that have to queue,
// for MaxConcurrent or for the order of notifies, run on a goroutine nevertheless.
func Inline() HandlerOption { return handlerOption(func(o *handlerOptions) { o.inline = true }) }

// CallHandlerOption fits calls and handlers.
type CallHandlerOption interface {
	CallOption
	HandlerOption
}

type idempotent struct{}

func (idempotent) applyCall(o *callOptions)     { o.idempotent = true }
func (idempotent) applyHandler(*handlerOptions) {}

// Idempotent says that a call may run twice without harm. When the session is lost before its answer, Call and Go
// make it again in the next one, instead of failing with ErrUnknownOutcome, if the End redials (Config.Redial).
// Notify and OpenCall ignore it. On a handler it changes nothing and is not told to callers: it stands there for
// those who read the code.
func Idempotent() CallHandlerOption { return idempotent{} }

// MaxConcurrent runs at most n calls of this handler at a time, over all Ends that share its Router. The others wait in
// order of arrival and keep their slot in Limits.Calls. n < 1 means no limit.
func MaxConcurrent(n int) HandlerOption {
	return handlerOption(func(o *handlerOptions) { o.limit = max(n, 0) })
}

// newCallOptions is nil for no options, so that a plain call allocates nothing for them.
func newCallOptions(opts []CallOption) *callOptions {
	if len(opts) == 0 {
		return nil
	}
	o := new(callOptions)
	for _, opt := range opts {
		opt.applyCall(o)
	}
	return o
}
