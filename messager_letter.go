package gantline

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// letter is what an End that redials or has an Outbox keeps of a message until it is settled, to publish it again
// in its next session.
type letter struct {
	p    *Publication
	open mux.Open
	body []byte
	sent bool // the peer may have seen it; set between two sessions

	id    MessageID    // set with boxed
	boxed bool         // the End's outbox has it
	left  *KeptMessage // what an earlier End left behind, so that nobody waits; nil for the End's own

	buffer  atomic.Pointer[[]byte] // holds the body, when it goes back to a pool
	settled atomic.Bool            // the publisher was told, or is being told: body is not sent again

	waiting atomic.Bool // in the End's queue, until it is sent again or given up
	stop    func() bool // stops watching the context meanwhile
}

// keeps reports whether messages of the scope outlive their session or End.
func (sc *messageScope) keeps() bool {
	return sc.isEnd() && (sc.end.line.Renews() || sc.end.messager().outbox != nil)
}

// publishKept hands a message to the newest session, behind the older ones that wait for it.
func (sc *messageScope) publishKept(p *Publication, depth uint8, body []byte, o *publishOptions) error {
	e := sc.end
	own, buffer := letterBuffer(blockSize + len(body))
	open, err := sc.message(p.ctx, frame.KindMessage, depth, p.topic, len(body), o, own)
	if err != nil {
		return err
	}
	n := len(open.Metadata)
	copied := append(open.Metadata, body...) // behind the metadata, in the same allocation
	open.Metadata = copied[:n:n]
	k := p.kept
	k.open, k.body = open, copied[n:]
	if e.messager().outbox == nil && buffer != nil && &copied[0] == &(*buffer)[:1][0] { // it was large enough
		k.buffer.Store(buffer)
	}
	s := e.session()
	if e.messager().outbox != nil && e.inSetup() { // the older ones are not known yet
		return k.enqueue(o.metadata)
	}
	if s, err = e.caughtUp(p.ctx, s, publicationsOf, p.topic); err != nil {
		return err
	}
	if err = k.keep(o.metadata); err != nil {
		return err
	}
	for {
		if err = k.start(s); err == nil {
			return nil
		}
		if s, err = e.again(p.ctx, s, err, &k.open); err != nil {
			return k.withdraw(e.startError(p.ctx, err, p.topic))
		}
		if s, err = e.caughtUp(p.ctx, s, publicationsOf, p.topic); err != nil {
			return k.withdraw(err)
		}
	}
}

// enqueue leaves the message to the first session's resend.
func (k *letter) enqueue(md Metadata) error {
	e := k.p.sc.end
	if err := k.keep(md); err != nil {
		return err
	}
	k.watch()
	if !e.line.Publications.Push(k) {
		k.Drop(context.Cause(e.ctx))
	}
	return nil
}

// start starts the message on s. Nothing of it is used any more when it fails.
func (k *letter) start(s *session) error {
	p := k.p
	out := newOutgoing(p)
	restart(p.ctx, &k.open)
	if err := s.Mux.Start(p.ctx, &out.x, &k.open, k.body); err != nil {
		return err
	}
	if p.ctx.Done() != nil {
		p.sc.published.join(p.ctx, out)
	}
	out.letGo()
	return nil
}

// lost takes the end of the session that had x; false when the message is not sent again.
func (k *letter) lost(x *mux.Exchange) bool {
	e := k.p.sc.end
	if x.Err == nil || isReset(x.Err) || !errors.Is(x.Err, ErrSessionLost) || e.ctx.Err() != nil || k.p.ctx.Err() != nil {
		return false
	}
	if x.Sent && !k.sent {
		k.sent = true
		k.open.Metadata = redelivered(k.open.Metadata)
	}
	k.watch()
	if !e.line.Publications.Add(x.ID(), k) {
		k.Drop(context.Cause(e.ctx))
	}
	return true
}

// redelivered returns a block of a message's metadata with the flag in it.
func redelivered(block []byte) []byte {
	if _, ok := frame.MetadataValue(block, frame.MetaRedelivered); ok {
		return block
	}
	return append(frame.AppendMetadata(make([]byte, 0, len(block)+blockSize), frame.MetaRedelivered, []byte{1}), block...)
}

// watch lets the end of the context end the wait for a session.
func (k *letter) watch() {
	k.stop = func() bool { return true }
	k.waiting.Store(true)
	if ctx := k.p.ctx; ctx.Done() != nil {
		k.stop = context.AfterFunc(ctx, func() {
			if k.waiting.CompareAndSwap(true, false) {
				k.done(contextError(ctx, k.p.topic), false)
			}
		})
	}
}

// Waits implements sessions.Resendable. Shutdown need not wait for what stays in the outbox.
func (k *letter) Waits() bool { return k.left == nil && k.waiting.Load() }

// Send implements sessions.Resendable.
func (k *letter) Send(s *session) bool {
	if !k.waiting.CompareAndSwap(true, false) {
		return true // given up
	}
	k.stop()
	p := k.p
	if k.left != nil && p.sc.end.line.Draining() {
		return true
	}
	switch err := k.start(s); {
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
func (k *letter) Drop(err error) {
	if k.waiting.CompareAndSwap(true, false) {
		k.stop()
		k.done(k.p.sc.end.exchangeError(err, k.sent, k.p.topic), false)
	}
}
