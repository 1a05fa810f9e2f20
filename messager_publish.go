package gantline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// Publish sends a message to whoever subscribes to topic on the peer's side of this stream (on an End: on the
// peer's End), or receives there, and waits until the peer's application has acked it. body may be reused when
// Publish returns.
//
// While the peer's receive maximum (its Limits.Messages, 1024 by default) is unacked, Publish waits; calls and
// streams are not held up by that. ctx bounds all of it; the receiver sees its deadline and its end.
//
// Errors: *Error with the peer's code and text for a nack (Unimplemented when nobody takes the topic within
// 10 s); ctx's, where the peer may have acted on the message all the same; InvalidArgument for a malformed
// topic or metadata, ResourceExhausted for a body over the peer's Limits.Body; ErrNotSent, or ErrUnknownOutcome
// when the message was sent and the End was over before its ack; FailedPrecondition inside Config.Setup and
// with the context of an Inline handler.
//
// On an End that redials (Config.Redial) a message outlives its session: it is published again in the next one,
// under the same id and before newer ones, until it is acked, ctx ends or the End is over; marked as redelivered
// if the peer may have seen it. That takes a copy of body. Messages to another Stream than the End's own end with
// the stream.
//
// With Config.Outbox a message also outlives its End: an error that is ErrKept says that the Outbox has it still, and
// no other does. Publish then returns nil once the Outbox has noted the ack; ctx does not bound the Outbox's work.
//
// A topic has 1 to 255 bytes: parts separated by dots, none of them empty, "*" or ">".
func (st *Stream) Publish(ctx context.Context, topic string, body []byte, opts ...PublishOption) error {
	sc := st.messageScope()
	depth, err := sc.end.enter(ctx, "Publish", topic)
	if err != nil {
		return err
	}
	o := usePublishOptions(opts)
	defer o.done()
	if o.noAck {
		return sc.publishUnacked(ctx, depth, topic, body, o)
	}
	if sc.keeps() {
		p := sc.publication(ctx, topic, nil)
		done := p.Done()
		if err := sc.publishKept(p, depth, body, o); err != nil {
			return err
		}
		<-done // which the end of ctx closes too
		return p.Err()
	}
	w := sc.published.waiter()
	if err := sc.start(ctx, &w.x, frame.KindMessage, depth, topic, body, o); err != nil {
		return err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		cancelExchange(ctx, &w.x)
		<-w.done
	}
	err = sc.result(ctx, &w.x, topic)
	if w.x.Reusable {
		w.x.Clear()
		sc.published.waiters.Put(w)
	}
	return err
}

// PublishAsync is Publish that does not wait for the ack: it returns once the message is handed to the link,
// having waited only while the peer's receive maximum was unacked or the link had no room. ctx bounds that wait
// and then the wait for the ack. body may be reused when it returns. No goroutine runs for a publication: to
// hear of the end of many, share one OnDone.
//
// Errors are those of Publish; the ones the peer or the wait for the ack cause are the Publication's. It works
// inside Config.Setup too.
func (st *Stream) PublishAsync(ctx context.Context, topic string, body []byte, opts ...PublishOption) (*Publication, error) {
	sc := st.messageScope()
	if sc.end.line.Closing() {
		return nil, sc.end.closedError(topic)
	}
	o := usePublishOptions(opts)
	defer o.done()
	if o.noAck {
		if err := sc.publishUnacked(ctx, depthFrom(ctx), topic, body, o); err != nil {
			return nil, err
		}
		p := &Publication{sc: sc, topic: topic, onDone: o.onDone}
		p.finish(nil)
		return p, nil
	}
	p := sc.publication(ctx, topic, o.onDone)
	if p.kept != nil {
		if err := sc.publishKept(p, depthFrom(ctx), body, o); err != nil {
			return nil, err
		}
		return p, nil
	}
	out := newOutgoing(p)
	if err := sc.start(ctx, &out.x, frame.KindMessage, depthFrom(ctx), topic, body, o); err != nil {
		return nil, err
	}
	if ctx.Done() != nil {
		sc.published.join(ctx, out)
	}
	out.letGo()
	return p, nil
}

// message checks a message and fills in what its OPEN says. buf has room for a plain one's metadata.
func (sc *messageScope) message(ctx context.Context, kind frame.Kind, depth uint8, topic string, size int, o *publishOptions, buf []byte) (open mux.Open, err error) {
	if err := checkTopic(topic); err != nil {
		return open, errorf(InvalidArgument, "bad topic: %v", err).named(topic)
	}
	if err := sc.end.checkBody("publish", topic, size); err != nil {
		return open, err
	}
	block, err := o.appendBlock(buf)
	if err != nil {
		return open, err
	}
	open = mux.Open{Kind: kind, Depth: depth, Codec: o.codec, Parent: sc.id, Name: topic, Metadata: block}
	if deadline, ok := ctx.Deadline(); ok {
		open.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	return open, nil
}

// start hands a message that is not kept to the session.
func (sc *messageScope) start(ctx context.Context, x *mux.Exchange, kind frame.Kind, depth uint8, topic string, body []byte, o *publishOptions) error {
	var buf [blockSize]byte
	open, err := sc.message(ctx, kind, depth, topic, len(body), o, buf[:0])
	if err != nil {
		return err
	}
	e, s := sc.end, sc.stream.session()
	for {
		if sc.keeps() { // it does not overtake older ones
			if s, err = e.caughtUp(ctx, s, publicationsOf, topic); err != nil {
				return err
			}
		}
		if err = s.Mux.Start(ctx, x, &open, body); err == nil {
			return nil
		}
		if s, err = sc.stream.again(ctx, s, err, &open); err != nil {
			return e.startError(ctx, err, topic)
		}
	}
}

// result is what a completed exchange means to the publisher.
func (sc *messageScope) result(ctx context.Context, x *mux.Exchange, topic string) error {
	switch {
	case x.Err == nil:
		return errorOf(&x.Head, topic)
	case isReset(x.Err) && ctx.Err() != nil: // by cancelExchange
		return contextError(ctx, topic)
	}
	return sc.end.exchangeError(x.Err, x.Sent, topic)
}

// cancelExchange gives x up because its publisher's context has ended.
func cancelExchange(ctx context.Context, x *mux.Exchange) {
	code := Canceled
	if ctx.Err() == context.DeadlineExceeded {
		code = DeadlineExceeded
	}
	x.Cancel(code, "")
}

// publishWaiter is a Publish that waits for its ack. It is used again and again.
type publishWaiter struct {
	x    mux.Exchange
	done chan struct{} // capacity 1, one token per use
}

// Complete implements mux.Sink.
func (w *publishWaiter) Complete(*mux.Exchange) { w.done <- struct{}{} }

// waiter returns a waiter that is ready. They are pooled per scope and not for the process because of their
// channels, which belong to one testing/synctest bubble.
func (o *publications) waiter() *publishWaiter {
	w, _ := o.waiters.Get().(*publishWaiter)
	if w == nil {
		w = &publishWaiter{done: make(chan struct{}, 1)}
		w.x.Sink = w
	}
	return w
}

// outgoing is the exchange of a message that nobody waits for in Publish. It goes back to its pool when the
// session has completed it and its publisher, and whoever is about to cancel it, have let go of it.
type outgoing struct {
	x    mux.Exchange
	p    *Publication // nil for a message that nobody acks
	held atomic.Int32

	group      *contextGroup // in which it waits for the end of its context; guarded by the publications' lock
	next, prev *outgoing     // in group
	left       bool          // completed, must not join a group any more; guarded by the publications' lock
}

var outgoings = sync.Pool{New: func() any {
	out := new(outgoing)
	out.x.Sink = out
	return out
}}

// newOutgoing returns an exchange that its publisher and the session hold. One that was not started is simply
// forgotten: a session that failed may still look at it.
func newOutgoing(p *Publication) *outgoing {
	out := outgoings.Get().(*outgoing)
	out.p = p
	out.held.Store(2)
	return out
}

// Complete implements mux.Sink.
func (out *outgoing) Complete(x *mux.Exchange) {
	if out.p != nil {
		out.p.complete(out)
	}
	out.letGo()
}

func (out *outgoing) letGo() {
	if out.held.Add(-1) > 0 {
		return
	}
	if p := out.p; p != nil && p.kept != nil {
		p.kept.freeBuffer()
	}
	if out.x.Reusable {
		out.p, out.left = nil, false
		out.x.Clear()
		outgoings.Put(out)
	}
}

// publishUnacked hands a message to the link that nobody acks.
func (sc *messageScope) publishUnacked(ctx context.Context, depth uint8, topic string, body []byte, o *publishOptions) error {
	out := newOutgoing(nil)
	if err := sc.start(ctx, &out.x, frame.KindUnackedMessage, depth, topic, body, o); err != nil {
		return err
	}
	out.letGo()
	return nil
}
