package gantline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/sessions"
)

// useOutbox prepares e for its first session, s. Messages wait until the kept ones went before them.
func (em *endMessages) useOutbox(s *session) {
	e := em.e
	if e.cfg.Outbox == nil || e.plain || s.Native.Peer().Assigned {
		s.Publications.Open()
		return
	}
	em.box = e.cfg.Outbox
	if !s.Link.Client() {
		em.boxKey = s.Link.Peer().ID
	}
}

// publishKept publishes what earlier Ends left in the outbox, and behind it what Setup has published. It is the
// first session's resend.
func (em *endMessages) publishKept(s *session) {
	e := em.e
	if !s.Link.Client() {
		err := e.holdOutbox(e.ctx, em.boxKey, func() error {
			e.logger().Warn("gantline: another End of this peer uses the outbox, messages wait until it is over", "peer", em.boxKey)
			return nil
		})
		if err != nil {
			return // e is over
		}
	}
	left, err := em.box.Pending(em.boxKey)
	if err != nil {
		e.logger().Error("gantline: outbox cannot be read, what it keeps is not published now", "peer", e.PeerID(), "err", err)
	}
	letters := make([]sessions.Resendable, 0, len(left))
	for _, m := range left {
		if k := e.letterOf(m); k != nil {
			letters = append(letters, k)
		}
	}
	e.line.Publications.Before(func(queued []sessions.Resendable) []sessions.Resendable { return without(letters, queued) })
	if e.line.Publications.Run(s) {
		s.Publications.Open()
	}
}

// without returns the letters that are not among those queued.
func without(letters, queued []sessions.Resendable) []sessions.Resendable {
	own := make(map[MessageID]bool, len(queued))
	for _, what := range queued {
		own[what.(*letter).id] = true
	}
	return slices.DeleteFunc(letters, func(what sessions.Resendable) bool { return own[what.(*letter).id] })
}

// letterOf returns m as a letter that nobody waits for; nil when it cannot be sent to this peer.
func (e *End) letterOf(m *KeptMessage) *letter {
	p := &Publication{sc: e.messageScope(), topic: m.Topic, ctx: context.Background()}
	o := publishOptions{metadata: m.Metadata, id: m.ID, hasID: true, redelivered: true, codec: m.Codec}
	open, err := e.messageScope().message(p.ctx, frame.KindMessage, 0, m.Topic, len(m.Body), &o, nil)
	k := &letter{p: p, open: open, body: m.Body, id: m.ID, boxed: true, left: m}
	p.kept = k
	if err != nil {
		k.tellStays(err)
		return nil
	}
	k.watch()
	return k
}

// keep puts the message into the outbox, if the End has one.
func (k *letter) keep(md Metadata) error {
	e, topic := k.p.sc.end, k.p.topic
	if e.messager().box == nil {
		return nil
	}
	if e.ctx.Err() != nil {
		return e.exchangeError(context.Cause(e.ctx), false, topic)
	}
	id, _ := metadataValue(k.open.Metadata, frame.MetaID)
	copy(k.id[:], id)
	err := e.messager().box.Keep(e.messager().boxKey, &KeptMessage{ID: k.id, Topic: topic, Metadata: md, Codec: k.open.Codec, Body: k.body, At: time.Now()})
	if err != nil {
		code := CodeOf(err)
		if code == Unknown {
			code = Unavailable
		}
		return &Error{Code: code, Message: "not published, the outbox does not take it: " + cleanText(err), Method: topic, cause: err}
	}
	k.boxed = true
	return nil
}

// withdraw ends a Publish that could not hand its message to a link.
func (k *letter) withdraw(err error) error {
	e := k.p.sc.end
	if !k.boxed || k.stays(err) {
		return k.keptError(err)
	}
	if lost := e.messager().box.Forget(e.messager().boxKey, k.id); lost != nil {
		return notForgotten(err, lost, k.p.topic)
	}
	return err
}

// stays reports whether err comes from the end of the End and settles nothing.
func (k *letter) stays(err error) bool {
	return k.boxed && k.p.sc.end.ctx.Err() != nil && (errors.Is(err, ErrNotSent) || errors.Is(err, ErrUnknownOutcome))
}

// keptError is err, and that the message is kept if it is.
func (k *letter) keptError(err error) error {
	if !k.boxed {
		return err
	}
	return &Error{Code: CodeOf(err), Message: "the End is over, the outbox keeps the message for the next one: " + reason(err), Method: k.p.topic, cause: causes{ErrKept, err}}
}

// notForgotten is what becomes of err, which may be nil, when the outbox still has the message.
func notForgotten(err, lost error, topic string) error {
	if err == nil {
		return &Error{Code: Unavailable, Message: "acked, but the outbox could not note that and may publish it again: " + cleanText(lost), Method: topic, cause: causes{ErrKept, lost}}
	}
	return &Error{Code: CodeOf(err), Message: reason(err) + "; the outbox could not note that and may publish it again: " + cleanText(lost), Method: topic, cause: causes{ErrKept, err, lost}}
}

// reason is err's text without what the error around it says too.
func reason(err error) string {
	if e, ok := err.(*Error); ok && e.Message != "" {
		return e.Message
	}
	return cleanText(err)
}

// done ends the way of the message in this End, with what Publish returns. answered: the peer has said that.
func (k *letter) done(err error, answered bool) {
	e := k.p.sc.end
	switch {
	case !k.boxed:
		k.settled.Store(true)
		k.p.finish(err)
	case k.left != nil && !answered:
		k.postpone(err)
	case !answered && k.stays(err):
		k.p.finish(k.keptError(err))
	default:
		e.messager().keeper.forget(k, err)
	}
}

// postpone leaves a message that nobody waits for, and that was not answered, to the next session or End.
func (k *letter) postpone(err error) {
	e := k.p.sc.end
	if e.ctx.Err() != nil || e.line.Draining() {
		return
	}
	if CodeOf(err) != Unavailable {
		k.tellStays(err)
		return
	}
	if e.line.Renews() {
		k.watch()
		e.line.Publications.Add(0, k)
	}
}

// tellStays logs that a message cannot be sent to this peer.
func (k *letter) tellStays(err error) {
	e := k.p.sc.end
	e.logger().Warn("gantline: message stays in the outbox", "peer", e.PeerID(), "topic", k.p.topic, "id", k.id, "err", err)
}

// told says what became of the message: to its publisher or, when there is none, to the application.
func (k *letter) told(err error) {
	e := k.p.sc.end
	switch f := e.cfg.OnKept; {
	case k.left == nil:
		k.p.finish(err)
	case f != nil:
		e.hook("OnKept", func() { f(e, k.left, err) })
	case err != nil:
		e.logger().Warn("gantline: message of an earlier End failed", "peer", e.PeerID(), "topic", k.p.topic, "id", k.id, "err", err)
	}
}

// keeper takes what is settled out of the outbox and tells the publishers then. The goroutine that reads the
// connection must not wait for a disk, so it has its own, which ends when there is nothing to do.
type keeper struct {
	mu      sync.Mutex // guards what follows
	queue   []settled
	running bool
	over    bool       // the End is
	idle    *sync.Cond // running has become false; made by the first wait
}

// settled is a message and what its publisher is told.
type settled struct {
	k   *letter
	err error
}

func (kp *keeper) forget(k *letter, err error) {
	kp.mu.Lock()
	defer kp.mu.Unlock()
	kp.queue = append(kp.queue, settled{k, err})
	if !kp.running {
		kp.running = true
		go kp.run(k.p.sc.end)
	}
}

func (kp *keeper) run(e *End) {
	var ids []MessageID
	for {
		kp.mu.Lock()
		batch := kp.queue
		kp.queue = nil
		if len(batch) == 0 {
			kp.running = false
			if kp.idle != nil {
				kp.idle.Broadcast()
			}
			if kp.over {
				e.leaveOutbox()
			}
			kp.mu.Unlock()
			return
		}
		kp.mu.Unlock()
		ids = ids[:0]
		for _, b := range batch {
			ids = append(ids, b.k.id)
		}
		lost := e.messager().box.Forget(e.messager().boxKey, ids...)
		if lost != nil {
			e.logger().Error("gantline: outbox could not note which messages are settled", "peer", e.PeerID(), "messages", len(ids), "err", lost)
		}
		for _, b := range batch {
			if lost != nil && b.k.left == nil {
				b.err = notForgotten(b.err, lost, b.k.p.topic)
			}
			b.k.told(b.err)
		}
	}
}

// end is called when the End is over: the outbox is free once all that was settled is out of it.
func (kp *keeper) end(e *End) {
	kp.mu.Lock()
	defer kp.mu.Unlock()
	kp.over = true
	if !kp.running {
		e.leaveOutbox()
	}
}

// wait waits until all that was settled is out of the outbox.
func (kp *keeper) wait() {
	kp.mu.Lock()
	defer kp.mu.Unlock()
	if kp.idle == nil {
		kp.idle = sync.NewCond(&kp.mu)
	}
	for kp.running {
		kp.idle.Wait()
	}
}
