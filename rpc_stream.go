package gantline

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/msgio"
	"github.com/gantline-project/gantline/mux"
)

// waitLock is a mutex whose wait a context ends.
type waitLock chan struct{}

func (l waitLock) lock(ctx context.Context, method string) error {
	select {
	case l <- struct{}{}:
		return nil
	default:
	}
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(ctx, method)
	}
}

func (l waitLock) unlock() { <-l }

func (st *Stream) openCall(ctx context.Context, method string, opts []CallOption) (*CallStream, error) {
	e := st.end
	o := newCallOptions(opts)
	open, err := st.describe(ctx, "OpenCall", frame.KindStreamingCall, method, 0, o)
	if err != nil {
		return nil, err
	}
	ms, _, err := st.open(ctx, &open)
	if err != nil {
		return nil, e.startError(ctx, err, method)
	}
	cs := newCallStream(e, ms, ctx, method)
	cs.opts = o
	if ctx.Done() != nil {
		cs.unwatch = context.AfterFunc(ctx, func() { _ = ms.Reset(CodeOf(ctx.Err()), "") })
	}
	return cs, nil
}

func newCallStream(e *End, ms *mux.Stream, ctx context.Context, method string) *CallStream {
	return &CallStream{
		ms: ms, end: e, ctx: ctx, method: method,
		sendLock: make(waitLock, 1), out: msgio.Writer{W: ms},
		recvLock: make(waitLock, 1), in: msgio.Reader{R: ms, Limit: e.cfg.Limits.Body},
	}
}

// newServerCall is the handler's side of sv.
func newServerCall(sv *serving) *CallStream {
	cs := newCallStream(sv.end, sv.ms, sv, sv.req.Method)
	cs.serving = true
	cs.unwatch = context.AfterFunc(sv, func() { _ = cs.ms.SetDeadline(past) })
	return cs
}

// release stops watching the context.
func (cs *CallStream) release() {
	if cs.unwatch != nil {
		cs.unwatch()
	}
}

func (cs *CallStream) send(ctx context.Context, msg []byte) error {
	if err := cs.end.checkBody(cs.method, len(msg)); err != nil {
		return err
	}
	if err := cs.mayWait(ctx, "CallStream.Send"); err != nil {
		return err
	}
	if err := cs.sendLock.lock(ctx, cs.method); err != nil {
		return err
	}
	defer cs.sendLock.unlock()
	switch {
	case cs.broken != nil:
		return cs.broken
	case cs.sent:
		return errorf(FailedPrecondition, "Send after CloseSend").named(cs.method)
	}
	w := cs.watch(ctx, cs.ms.SetWriteDeadline)
	n, err := cs.out.Write(msg)
	w.end()
	if err == nil {
		return nil
	}
	late := errors.Is(err, os.ErrDeadlineExceeded) // anything else has ended the call, and Recv says how
	err = cs.failure(ctx, err)
	if n > 0 && n < msgio.Size(msg) {
		cs.broken = err
		if late {
			_ = cs.ms.Reset(CodeOf(err), "a message was cut short")
		}
	}
	return err
}

func (cs *CallStream) closeSend() error {
	if cs.serving {
		return nil
	}
	cs.sendLock <- struct{}{}
	defer cs.sendLock.unlock()
	if cs.sent || cs.broken != nil {
		return cs.broken
	}
	cs.sent = true
	if err := cs.ms.CloseWrite(); err != nil {
		if err = cs.failure(cs.ctx, err); err != io.EOF {
			return err
		}
	}
	return nil
}

func (cs *CallStream) recv(ctx context.Context) ([]byte, error) {
	if err := cs.mayWait(ctx, "CallStream.Recv"); err != nil {
		return nil, err
	}
	if err := cs.recvLock.lock(ctx, cs.method); err != nil {
		return nil, err
	}
	defer cs.recvLock.unlock()
	if cs.ended != nil {
		return nil, cs.ended
	}
	w := cs.watch(ctx, cs.ms.SetReadDeadline)
	msg, err := cs.in.Next()
	w.end()
	if err != nil {
		return nil, cs.recvError(ctx, err)
	}
	return msg, nil
}

// recvError turns an error of the stream into Recv's, and remembers it when the call is over.
func (cs *CallStream) recvError(ctx context.Context, err error) error {
	var long *msgio.TooLongError
	switch {
	case errors.As(err, &long):
		own := errorf(ResourceExhausted, "%s: raise Limits.Body in the receiver's Config", long.Error()).named(cs.method)
		_ = cs.ms.Reset(own.Code, own.Message)
		err = own
	case err == io.EOF:
		err = cs.result()
	default:
		if err = cs.failure(ctx, err); err == io.EOF { // closed here
			err = errorf(FailedPrecondition, "Recv after the handler has returned").named(cs.method)
		}
		if ctx.Err() != nil && cs.ctx.Err() == nil {
			return err // only this wait is over
		}
	}
	cs.ended = err
	if !cs.serving {
		cs.release()
	}
	return err
}

// result is how the call ended, now that all messages have come.
func (cs *CallStream) result() error {
	head := cs.ms.Head()
	switch {
	case head == nil && cs.ctx.Err() != nil: // the peer's answer to our reset may be read before the reset
		return cs.givenUp()
	case head == nil && cs.gaveUp.Load():
		return &Error{Code: Canceled, Method: cs.method}
	case head != nil && cs.opts != nil && cs.opts.reply != nil:
		*cs.opts.reply = parseMetadata(head.Metadata)
	}
	if err := errorOf(head, cs.method); err != nil {
		return err
	}
	switch {
	case cs.in.Partial():
		return errorf(DataLoss, "the last message was cut short").named(cs.method)
	case head == nil && !cs.serving:
		return errorf(Internal, "the peer ended the call without a result").named(cs.method)
	}
	return io.EOF
}

// finish is called on the handler's side when the handler has returned.
func (cs *CallStream) finish(head *frame.Head) {
	cs.release()
	if head == nil {
		head = new(frame.Head)
	}
	_ = cs.ms.CloseWriteHead(head)
	_ = cs.ms.CloseRead()
}

func (cs *CallStream) mayWait(ctx context.Context, op string) error {
	if ctx == cs.ctx && cs.serving && !cs.end.line.Inside() {
		return nil
	}
	return cs.end.mayAwait(ctx, op, cs.method)
}

// past is a deadline that has passed on any clock.
var past = time.Unix(1, 0)

// watched is a wait of a call's stream that a context ends, by way of a deadline.
type watched struct {
	cs    *CallStream
	set   func(time.Time) error // the deadline
	fired chan struct{}         // closed when the context has set it
	stop  func() bool           // nil when the call's own context is enough
}

// watch begins a wait: end it.
func (cs *CallStream) watch(ctx context.Context, set func(time.Time) error) watched {
	w := watched{cs: cs, set: set}
	if ctx == cs.ctx || ctx.Done() == nil {
		return w
	}
	fired := make(chan struct{})
	w.fired = fired
	w.stop = context.AfterFunc(ctx, func() {
		_ = set(past)
		close(fired)
	})
	return w
}

func (w *watched) end() {
	if w.stop == nil || w.stop() {
		return
	}
	<-w.fired
	_ = w.set(time.Time{})
	if w.cs.ctx.Err() != nil { // the call's own end may have set it meanwhile
		_ = w.set(past)
	}
}

// failure says what an error of the stream means.
func (cs *CallStream) failure(ctx context.Context, err error) error {
	var se *StreamError
	switch {
	case errors.As(err, &se) && se.Remote:
		return cs.end.exchangeError(se, !cs.ms.Unsent(), cs.method)
	case cs.ctx.Err() != nil:
		return cs.givenUp()
	case ctx.Err() != nil:
		return contextError(ctx, cs.method)
	case errors.Is(err, os.ErrDeadlineExceeded): // the context's timer runs a moment late
		return &Error{Code: DeadlineExceeded, Method: cs.method, cause: err}
	case se == nil && cs.end.ctx.Err() == nil && errors.Is(err, net.ErrClosed) && !closedWith(err):
		return io.EOF
	}
	return cs.end.exchangeError(err, !cs.ms.Unsent(), cs.method)
}

// givenUp is the error when the call's own context has ended. A caller learns whether its handler may have run.
func (cs *CallStream) givenUp() error {
	if cs.serving {
		return contextError(cs.ctx, cs.method)
	}
	return waitError(cs.ctx, !cs.ms.Unsent(), cs.method)
}
