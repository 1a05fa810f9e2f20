package gantline

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// Call calls method on the peer and waits for the answer. On a Stream the method is looked for among the
// handlers of the peer's end of that stream, on an End among those of the peer's End.
//
// ctx's deadline travels: the handler's context ends with it, as it does when ctx is cancelled, and Call
// returns at once. body is not used after Call has returned; the answer is the caller's. Call waits while the
// peer runs Limits.Calls of ours. A call made with a handler's context is nested in that handler's call, at most
// 16 deep.
//
// Errors are *Error. From the peer (Remote): what the handler returned, or Unimplemented. From here:
// DeadlineExceeded and Canceled (ctx), ResourceExhausted (body over the peer's Limits.Body, nested too deep),
// ErrNotSent (safe to call again) and ErrUnknownOutcome (it may have run), each with net.ErrClosed or
// ErrSessionLost; FailedPrecondition inside Setup and Inline handlers.
//
// On an End that redials (Config.Redial) a call that was not sent, or is Idempotent, survives its session: it is
// made again in the next one while ctx lives. Then ErrNotSent means that ctx or Close ended that wait. A call on
// another Stream than the End's own ends with the stream.
func (st *Stream) Call(ctx context.Context, method string, body []byte, opts ...CallOption) ([]byte, error) {
	e := st.end
	o := newCallOptions(opts)
	open, err := st.describe(ctx, "Call", frame.KindCall, method, len(body), o)
	if err != nil {
		return nil, err
	}
	s, sent := st.session(), false
	for {
		answer, err := e.callOn(ctx, s, &open, body, o)
		if err == nil || !st.retry(s, err, o) {
			return answer, knownOf(err, sent)
		}
		sent = sent || errors.Is(err, ErrUnknownOutcome)
		if s, err = e.next(ctx, s, sent, method); err != nil {
			return nil, err
		}
		restart(ctx, &open)
	}
}

// retry reports whether a call of st that failed with err on s is to be made again on the next session: the
// peer has not seen it, or it may be repeated.
func (st *Stream) retry(s *session, err error, o *callOptions) bool {
	return st.ses == nil && st.end.lostOn(s, err) &&
		(errors.Is(err, ErrNotSent) || o != nil && o.idempotent && errors.Is(err, ErrUnknownOutcome))
}

// callOn is Call on one session.
func (e *End) callOn(ctx context.Context, s *session, open *mux.Open, body []byte, o *callOptions) ([]byte, error) {
	c := e.rpc().calls.get(newCall)
	if err := s.Mux.Start(ctx, &c.Exchange, open, body); err != nil {
		e.rpc().calls.put(c, &c.Exchange)
		return nil, e.startError(ctx, err, open.Name)
	}
	if c.await(ctx) && c.Err != nil {
		e.rpc().calls.put(c, &c.Exchange)
		return nil, contextError(ctx, open.Name)
	}
	answer, err := e.result(&c.Exchange, open.Name, o)
	e.rpc().calls.put(c, &c.Exchange)
	return answer, err
}

// await waits for the answer, and reports whether ctx ended before.
func (c *call) await(ctx context.Context) (gaveUp bool) {
	if sv, ok := ctx.(*serving); ok && sv.Hold(&c.Exchange) {
		<-c.done
		sv.LetGo()
		return c.Err != nil && sv.Err() != nil
	}
	select {
	case <-c.done:
		return false
	case <-ctx.Done(): // nil when it never ends
		c.Cancel(CodeOf(ctx.Err()), "")
		<-c.done
		return true
	}
}

// Notify calls method on the peer without an answer: it returns nil once the notify is on its way, and
// nothing tells what became of it. What a lost session had not
// sent yet goes with the next one. Notifies to one stream, or to the End, are handled one at a time in the
// order they were sent. Notify waits while the peer has Limits.Calls of ours unhandled; ctx bounds only that.
// body is not used after Notify has returned. Errors: as Call, before it is sent.
func (st *Stream) Notify(ctx context.Context, method string, body []byte, opts ...CallOption) error {
	e := st.end
	open, err := st.describe(ctx, "Notify", frame.KindNotify, method, len(body), newCallOptions(opts))
	if err != nil {
		return err
	}
	open.Timeout = 0
	s := st.session()
	if !e.line.Renews() || st.ses != nil {
		return e.startNotify(ctx, s, &open, body, nil)
	}
	kept := &note{e: e, open: open, body: bytes.Clone(body)}
	for {
		if s, err = e.caughtUp(ctx, s, notifiesOf, method); err != nil {
			return err
		}
		if err = e.startNotify(ctx, s, &open, body, kept); err == nil || !e.lostOn(s, err) {
			return err
		}
		if s, err = e.next(ctx, s, false, method); err != nil {
			return err
		}
	}
}

// describe checks a call of st and fills in what its OPEN says.
func (st *Stream) describe(ctx context.Context, op string, kind frame.Kind, method string, size int, o *callOptions) (open mux.Open, err error) {
	e := st.end
	depth, err := e.enter(ctx, op, method)
	if err != nil {
		return open, err
	}
	if e.line.Draining() && depth == 0 {
		return open, errorf(errShuttingDown.Code, "%s", errShuttingDown.Message).named(method)
	}
	if depth > mux.MaxDepth {
		return open, errorf(ResourceExhausted, "calls are nested deeper than %d: does a handler call back in a circle?", mux.MaxDepth).named(method)
	}
	if method == "" || method[0] == ':' || len(method) > frame.MaxName {
		return open, methodError(method)
	}
	if err := e.checkBody(op, method, size); err != nil {
		return open, err
	}
	open = mux.Open{Kind: kind, Depth: depth, Parent: st.ID(), Name: method}
	if deadline, ok := ctx.Deadline(); ok {
		open.Timeout = time.Until(deadline)
		if open.Timeout <= 0 {
			return open, &Error{Code: DeadlineExceeded, Method: method, cause: context.DeadlineExceeded}
		}
	}
	if o != nil {
		if o.codec != nil {
			open.Codec = o.codec.ID()
		}
		open.Metadata, err = appendMetadata(nil, o.metadata)
	}
	return open, err
}

// result takes the outcome of a completed exchange.
func (e *End) result(x *mux.Exchange, method string, o *callOptions) ([]byte, error) {
	if x.Err != nil {
		return nil, e.exchangeError(x.Err, x.Sent, method)
	}
	if o != nil && o.reply != nil {
		*o.reply = parseMetadata(x.Head.Metadata)
	}
	if x.Head.Code != OK {
		return nil, errorOf(&x.Head, method)
	}
	return x.Body, nil
}

// call is a Call in progress.
type call struct {
	mux.Exchange
	done chan struct{} // capacity 1
}

func newCall() *call {
	c := &call{done: make(chan struct{}, 1)}
	c.Sink = c
	return c
}

// Complete wakes the caller.
func (c *call) Complete(*mux.Exchange) { c.done <- struct{}{} }

// freeList keeps objects of one End for reuse: a channel in one must not leave the synctest bubble it was
// made in.
type freeList[T any] struct {
	mu   sync.Mutex
	free []*T // guarded by mu
}

// maxFree bounds what an idle End holds: about 100 KiB.
const maxFree = 256

func (l *freeList[T]) get(make func() *T) *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.free)
	if n == 0 {
		return make()
	}
	t := l.free[n-1]
	l.free[n-1] = nil
	l.free = l.free[:n-1]
	return t
}

// put takes back t, whose exchange is over, unless the session still refers to it.
func (l *freeList[T]) put(t *T, x *mux.Exchange) {
	if !x.Reusable {
		return
	}
	x.Clear()
	l.mu.Lock()
	if len(l.free) < maxFree {
		l.free = append(l.free, t)
	}
	l.mu.Unlock()
}
