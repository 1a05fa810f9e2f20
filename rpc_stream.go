package gantline

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// CallStream is one side of a streaming call: messages in both directions, each with its own flow control,
// and a result at the end. The caller has one from OpenCall, the handler is given one.
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

	sendTurn turn
	sent     bool   // CloseSend was called; guarded by sendTurn
	broken   error  // a message was cut short; guarded by sendTurn
	scratch  []byte // guarded by sendTurn

	recvTurn turn
	in       *bufio.Reader // guarded by recvTurn, as all below
	header   [4]byte
	headerN  int
	body     []byte // of the message being received
	missing  int    // of it
	inBody   bool
	over     error // what Recv returns from now on
}

const (
	messageHeader = 4        // length of a message, big-endian
	smallMessage  = 16 << 10 // is written in one piece with its header
	firstPart     = 64 << 10 // of a message is allocated before its bytes come
)

// turn is a mutex whose wait a context ends.
type turn chan struct{}

func (t turn) lock(ctx context.Context, method string) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(ctx, method)
	}
}

func (t turn) unlock() { <-t }

// OpenCall begins a streaming call of method. It does not wait for the peer: that nobody handles the method
// shows at Recv. ctx governs the whole call: when it ends the call is cancelled, and its deadline travels. End
// each call: receive until the error, or Cancel it, or end ctx; until then it holds a place in Limits.Calls. It ends
// with the session: with ErrNotSent when the peer had not heard of it, else with ErrUnknownOutcome.
// Errors: as Call, before it is sent.
func (st *Stream) OpenCall(ctx context.Context, method string, opts ...CallOption) (*CallStream, error) {
	e := st.end
	o := newCallOptions(opts)
	open, err := st.describe(ctx, "OpenCall", frame.KindStreamingCall, method, 0, o)
	if err != nil {
		return nil, err
	}
	ms, _, err := e.open(ctx, st.session(), &open, st.ses == nil)
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
	return &CallStream{ms: ms, end: e, ctx: ctx, method: method, sendTurn: make(turn, 1), recvTurn: make(turn, 1)}
}

// newServerCall is the handler's side of sv.
func newServerCall(sv *serving) *CallStream {
	cs := newCallStream(sv.end, sv.ms, sv, sv.req.Method)
	cs.serving = true
	cs.unwatch = context.AfterFunc(sv, func() { _ = cs.ms.SetDeadline(past) })
	return cs
}

// past is a deadline that has passed on any clock.
var past = time.Unix(1, 0)

// Send sends one message. It waits while the other side does not receive; ctx ends the wait, and as long as
// nothing of the message was sent Send may be called again. msg is not used after it has returned.
//
// Errors: io.EOF when the other side has ended the call (Recv says how), else *Error: ctx's,
// ResourceExhausted (over the peer's Limits.Body), FailedPrecondition after CloseSend, the code of a cancelled
// call, or why the End is over.
func (cs *CallStream) Send(ctx context.Context, msg []byte) error {
	if err := cs.end.checkBody("Send", cs.method, len(msg)); err != nil {
		return err
	}
	if err := cs.mayWait(ctx, "CallStream.Send"); err != nil {
		return err
	}
	if err := cs.sendTurn.lock(ctx, cs.method); err != nil {
		return err
	}
	defer cs.sendTurn.unlock()
	switch {
	case cs.broken != nil:
		return cs.broken
	case cs.sent:
		return errorf(FailedPrecondition, "Send after CloseSend").named(cs.method)
	}
	n, err := cs.bounded(ctx, cs.ms.SetWriteDeadline, func() (int, error) { return cs.write(msg) })
	if err == nil {
		return nil
	}
	late := errors.Is(err, os.ErrDeadlineExceeded) // anything else has ended the call, and Recv says how
	err = cs.failure(ctx, err)
	if n > 0 && n < messageHeader+len(msg) {
		cs.broken = err
		if late {
			_ = cs.ms.Reset(CodeOf(err), "a message was cut short")
		}
	}
	return err
}

func (cs *CallStream) write(msg []byte) (int, error) {
	b := binary.BigEndian.AppendUint32(cs.scratch[:0], uint32(len(msg)))
	if len(msg) <= smallMessage {
		b = append(b, msg...)
		cs.scratch = b
		return cs.ms.Write(b)
	}
	n, err := cs.ms.Write(b)
	if err != nil {
		return n, err
	}
	m, err := cs.ms.Write(msg)
	return n + m, err
}

// CloseSend says that no more messages come from the caller: the handler's Recv returns io.EOF. Receiving goes
// on. On the handler's side it does nothing: what the handler returns ends the call.
func (cs *CallStream) CloseSend() error {
	if cs.serving {
		return nil
	}
	cs.sendTurn <- struct{}{}
	defer cs.sendTurn.unlock()
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

// Cancel gives the call up: the handler's context ends, and Send and Recv fail with Canceled. After the end
// of the call it does nothing. It does not wait.
func (cs *CallStream) Cancel() {
	cs.gaveUp.Store(true)
	cs.release()
	_ = cs.ms.Reset(Canceled, "")
}

// release stops watching the context.
func (cs *CallStream) release() {
	if cs.unwatch != nil {
		cs.unwatch()
	}
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
	if ctx == cs.ctx && cs.serving {
		return nil
	}
	return cs.end.mayWait(ctx, op, cs.method)
}

// bounded runs f, a wait of the stream, and ends it with ctx by way of a deadline.
func (cs *CallStream) bounded(ctx context.Context, set func(time.Time) error, f func() (int, error)) (int, error) {
	if ctx == cs.ctx || ctx.Done() == nil {
		return f()
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = set(past)
		close(fired)
	})
	n, err := f()
	if !stop() {
		<-fired
		_ = set(time.Time{})
		if cs.ctx.Err() != nil { // the call's own end may have set it meanwhile
			_ = set(past)
		}
	}
	return n, err
}

// failure says what an error of the stream means.
func (cs *CallStream) failure(ctx context.Context, err error) error {
	var se *StreamError
	switch {
	case errors.As(err, &se) && se.Remote:
		return &Error{Code: se.Code, Message: se.Message, Method: cs.method, Remote: true, cause: err}
	case ctx.Err() != nil:
		return contextError(ctx, cs.method)
	case cs.ctx.Err() != nil:
		return contextError(cs.ctx, cs.method)
	case errors.Is(err, os.ErrDeadlineExceeded): // the context's timer runs a moment late
		return &Error{Code: DeadlineExceeded, Method: cs.method, cause: err}
	case se == nil && cs.end.ctx.Err() == nil && errors.Is(err, net.ErrClosed):
		return io.EOF
	}
	return cs.end.exchangeError(err, !cs.ms.Unsent(), cs.method)
}

func tooLong(n, limit int) string {
	return fmt.Sprintf("message of %d bytes is over the limit of %d: raise Limits.Body in the receiver's Config", n, limit)
}
