package gantline

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/internal/settle"
	"github.com/gantline-project/gantline/internal/throttle"
)

// endMessages is what messager keeps of an End: its use of an Outbox.
type endMessages struct {
	e      *End
	outbox Outbox // nil = nothing is kept; set, as peer, before Setup runs
	peer   string // what the outbox knows the peer by

	settler *settle.Settler[settled] // nil without Config.Outbox
}

var _ room = (*endMessages)(nil)

func newEndMessages(e *End) *endMessages {
	em := &endMessages{e: e}
	if e.cfg.Outbox != nil {
		em.settler = settle.New(em)
	}
	return em
}

// messager returns what messager keeps of e.
func (e *End) messager() *endMessages { return e.messages.(*endMessages) }

// attach implements room. Messages wait until the kept ones went before them.
func (em *endMessages) attach(s *session) {
	e := em.e
	if e.cfg.Outbox == nil || e.plain || s.Native.Peer().Assigned {
		s.Publications.Open()
		return
	}
	em.outbox = e.cfg.Outbox
	if !s.Link.Client() {
		em.peer = s.Link.Peer().ID
	}
}

// begin implements room.
func (em *endMessages) begin(s *session) {
	if em.outbox != nil && s.Seq == 1 {
		em.e.line.Resend(s, func() { em.publishKept(s) })
	}
}

// lost implements room.
func (em *endMessages) lost() {}

// outboxes are the Outboxes that Ends of this process use. Two Ends with the same one for the same peer would publish
// each other's messages, and forget what the wrong server has acked.
var outboxes settle.Outboxes

// claimOutbox makes e the one that uses its Outbox for peer: see settle.Settler.Claim.
func (e *End) claimOutbox(ctx context.Context, peer string, busy func() error) error {
	err := e.messager().settler.Claim(ctx, &outboxes, e.cfg.Outbox, peer, busy)
	switch {
	case err == settle.ErrEnded:
		return errEndClosed
	case err != nil && err == ctx.Err():
		return contextError(ctx, "")
	}
	return err
}

// errOutboxInUse refuses a second End.
var errOutboxInUse = errorf(FailedPrecondition, "Config.Outbox is in use by another End: close that first, or give each client End an outbox of its own")

// publishKept publishes what earlier Ends left in the outbox, and then what Setup has published. It is the first
// session's resend.
func (em *endMessages) publishKept(s *session) {
	e := em.e
	if !s.Link.Client() {
		err := e.claimOutbox(e.ctx, em.peer, func() error {
			e.log.Say(throttle.OutboxShared, "peer", em.peer)
			return nil
		})
		if err != nil {
			return // e is over
		}
	}
	left, err := em.outbox.Pending(em.peer)
	if err != nil {
		e.log.Say(throttle.OutboxUnreadable, "peer", e.PeerID(), "err", err)
	}
	older := make([]sessions.Resendable, 0, len(left))
	for _, m := range left {
		if k := e.keptOf(m); k != nil {
			older = append(older, k)
		}
	}
	e.line.Publications.Before(func(queued []sessions.Resendable) []sessions.Resendable { return without(older, queued) })
	if e.line.Publications.Run(s) {
		s.Publications.Open()
	}
}

// without returns the older ones that are not among those queued.
func without(older, queued []sessions.Resendable) []sessions.Resendable {
	own := make(map[MessageID]bool, len(queued))
	for _, what := range queued {
		if k, ok := what.(*kept); ok {
			own[k.id] = true
		}
	}
	return slices.DeleteFunc(older, func(what sessions.Resendable) bool { return own[what.(*kept).id] })
}

// keptOf returns m as one that nobody waits for; nil when it cannot be sent to this peer.
func (e *End) keptOf(m *KeptMessage) *kept {
	p := &Publication{sc: e.messageScope(), topic: m.Topic, ctx: context.Background()}
	o := publishOptions{metadata: m.Metadata, id: m.ID, hasID: true, redelivered: true, codec: m.Codec}
	open, err := e.messageScope().message(p.ctx, frame.KindMessage, 0, m.Topic, len(m.Body), &o, nil)
	k := &kept{p: p, open: open, body: m.Body, id: m.ID, inOutbox: true, left: m}
	p.kept = k
	if err != nil {
		k.warnStays(err)
		return nil
	}
	k.watch()
	return k
}

// keep puts the message into the outbox, if the End has one.
func (k *kept) keep(md Metadata) error {
	e, topic := k.p.sc.end, k.p.topic
	if e.messager().outbox == nil {
		return nil
	}
	if e.ctx.Err() != nil {
		return e.exchangeError(e.line.Cause(), false, topic)
	}
	id, _ := frame.MetadataValue(k.open.Metadata, frame.MetaID)
	copy(k.id[:], id)
	if k.open.Depth > 0 && !e.session().Publications.IsOpen() {
		e.line.Publications.Push(k) // it waits for nothing and goes out now; if it is found in the outbox, that is known
	}
	err := e.messager().outbox.Keep(e.messager().peer, &KeptMessage{ID: k.id, Topic: topic, Metadata: md, Codec: k.open.Codec, Body: k.body, At: time.Now()})
	if err != nil {
		code := CodeOf(err)
		if code == Unknown {
			code = Unavailable
		}
		return &Error{Code: code, Message: "not published, the outbox does not take it: " + cleanText(err), Method: topic, cause: err}
	}
	k.inOutbox = true
	return nil
}

// withdraw ends a Publish that could not hand its message to a link.
func (k *kept) withdraw(err error) error {
	e := k.p.sc.end
	if !k.inOutbox || k.stays(err) {
		return k.keptError(err)
	}
	if lost := e.messager().outbox.Forget(e.messager().peer, k.id); lost != nil {
		return notForgotten(err, lost, k.p.topic)
	}
	return err
}

// stays reports whether err comes from the end of the End and settles nothing.
func (k *kept) stays(err error) bool {
	code := CodeOf(err) // else a context has ended
	return k.inOutbox && k.p.sc.end.ctx.Err() != nil && (code == Unavailable && errors.Is(err, ErrNotSent) || code == Unknown && errors.Is(err, ErrUnknownOutcome))
}

// keptError is err, and that the message is kept if it is.
func (k *kept) keptError(err error) error {
	if !k.inOutbox {
		return err
	}
	return &Error{Code: CodeOf(err), Message: "the End is over, the outbox keeps the message for the next one: " + reason(err), Method: k.p.topic, cause: errors.Join(ErrKept, err)}
}

// notForgotten is what becomes of err, which may be nil, when the outbox still has the message.
func notForgotten(err, lost error, topic string) error {
	if err == nil {
		return &Error{Code: Unavailable, Message: "acked, but the outbox could not note that and may publish it again: " + cleanText(lost), Method: topic, cause: errors.Join(ErrKept, lost)}
	}
	return &Error{Code: CodeOf(err), Message: reason(err) + "; the outbox could not note that and may publish it again: " + cleanText(lost), Method: topic, cause: errors.Join(ErrKept, err, lost)}
}

// reason is err's text without what the error around it says too.
func reason(err error) string {
	if e, ok := err.(*Error); ok && e.Message != "" {
		return e.Message
	}
	return cleanText(err)
}
