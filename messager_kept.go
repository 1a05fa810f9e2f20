package gantline

import (
	"context"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/mux"
)

// kept is what an End that redials or has an Outbox keeps of a publication until it is settled. It is sent again in the
// next session, by whoever takes it off the queue of the line.
type kept struct {
	p      *Publication
	open   mux.Open
	body   []byte
	buffer flight.Buffer // has body and the metadata, unless the outbox has them
	sent   bool          // the peer may have seen it; set between two sessions
	ses    *session      // on which it was published last

	id       MessageID    // set with inOutbox
	inOutbox bool         // the End's outbox has it
	left     *KeptMessage // what an earlier End left, so that nobody waits; nil for the End's own

	waiting atomic.Bool // in the line's queue, until it is sent again or given up
	stop    func() bool // stops watching the context meanwhile
}

// keeps reports whether messages of the scope outlive their session or End.
func (sc *messageScope) keeps() bool {
	return sc.isEnd() && (sc.end.line.Renews() || sc.end.messager().outbox != nil)
}

// publishKept hands a message to the newest session, after the older ones that wait for it.
func (sc *messageScope) publishKept(p *Publication, depth uint8, body []byte, o *publishOptions) error {
	e, k, s := sc.end, p.kept, sc.end.session()
	toOutbox := e.messager().outbox != nil
	var own []byte
	if n := frame.MessageBlock + len(body); toOutbox {
		own = make([]byte, 0, n)
	} else {
		own = k.buffer.Make(n)
	}
	open, err := sc.message(p.ctx, frame.KindMessage, depth, p.topic, len(body), o, own)
	if err != nil {
		return err
	}
	n := len(open.Metadata)
	copied := append(open.Metadata, body...) // after the metadata, in the same memory if that is enough
	open.Metadata = copied[:n:n]
	k.open, k.body = open, copied[n:]
	if toOutbox && e.inSetup() { // the older ones are not known yet
		return k.enqueue(o.metadata)
	}
	if s, err = e.caughtUp(p.ctx, s, publicationsOf, depth, p.topic); err != nil {
		return err
	}
	if err = k.keep(o.metadata); err != nil {
		return err
	}
	for {
		if err = k.start(p.ctx, s, open.NoWait); err == nil {
			return nil
		}
		if s, err = e.again(p.ctx, s, err, &k.open, p.topic); err != nil {
			return k.withdraw(e.startError(p.ctx, err, p.topic))
		}
		if s, err = e.caughtUp(p.ctx, s, publicationsOf, depth, p.topic); err != nil {
			return k.withdraw(err)
		}
	}
}

// enqueue leaves the message to the first session's resend.
func (k *kept) enqueue(md Metadata) error {
	e := k.p.sc.end
	if err := k.keep(md); err != nil {
		return err
	}
	k.watch()
	if !e.line.Publications.Push(k) {
		k.Drop(e.line.Cause())
	}
	return nil
}

// start starts the message on s, within ctx. Nothing of it is used any more when it fails.
func (k *kept) start(ctx context.Context, s *session, noWait bool) error {
	p, open := k.p, k.open
	k.ses, open.NoWait = s, noWait
	f := p.flight()
	f.Buffer = &k.buffer
	restart(p.ctx, &open)
	return f.StartWithin(p.ctx, ctx, s.Mux, &open, k.body)
}

// outcome takes the outcome of a flight: the message is settled, or waits for the next session.
func (k *kept) outcome(f *flight.Flight) {
	x := &f.Exchange
	if k.lost(x) {
		return
	}
	err := knownOf(k.p.sc.result(k.p.ctx, x, k.p.topic), k.sent)
	k.done(err, x.Err == nil && !(x.WasReset && x.Head.Code == Unavailable))
}

// lost takes the end of the session that had x, or that it does not serve x. It returns false when the message is not sent
// again.
func (k *kept) lost(x *mux.Exchange) bool {
	e := k.p.sc.end
	if x.Err == nil || !e.line.LostOn(k.ses, x.Err) || e.ctx.Err() != nil || k.p.ctx.Err() != nil {
		return false
	}
	if x.Sent && !k.sent {
		k.sent = true
		k.open.Metadata = frame.Redelivered(k.open.Metadata)
	}
	k.watch()
	if !e.line.AddLost(&e.line.Publications, k.ses, x.ID(), k) {
		k.Drop(e.line.Cause())
	}
	return true
}

// watch lets the end of the context end the wait for a session.
func (k *kept) watch() {
	k.stop = func() bool { return true }
	k.waiting.Store(true)
	if ctx := k.p.ctx; ctx.Done() != nil {
		k.stop = context.AfterFunc(ctx, func() {
			if k.waiting.CompareAndSwap(true, false) {
				k.done(waitError(ctx, k.sent, k.p.topic), false)
			}
		})
	}
}

// Waits implements sessions.Resendable. Shutdown need not wait for what stays in the outbox.
func (k *kept) Waits() bool { return k.left == nil && k.waiting.Load() }

// Send implements sessions.Resendable.
func (k *kept) Send(s *session) bool {
	if !k.waiting.CompareAndSwap(true, false) {
		return true // given up
	}
	k.stop()
	p := k.p
	if k.left != nil && p.sc.end.line.Draining() {
		return true
	}
	ctx, done := s.Within(p.ctx)
	defer done()
	switch err := k.start(ctx, s, false); {
	case err == nil:
	case p.sc.end.line.LostOn(s, err):
		k.watch()
		return false
	default:
		k.done(knownOf(p.sc.end.startError(p.ctx, err, p.topic), k.sent), false)
	}
	return true
}

// Drop implements sessions.Resendable.
func (k *kept) Drop(err error) {
	if k.waiting.CompareAndSwap(true, false) {
		k.stop()
		k.done(k.p.sc.end.exchangeError(err, k.sent, k.p.topic), false)
	}
}
