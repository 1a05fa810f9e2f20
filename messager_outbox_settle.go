package gantline

import "github.com/gantline-project/gantline/internal/throttle"

// done ends the way of the message in this End, with what Publish returns. answered: the peer has said that.
func (k *kept) done(err error, answered bool) {
	switch {
	case !k.inOutbox:
		k.buffer.Release()
		k.p.finish(err)
	case k.left != nil && !answered:
		k.postpone(err)
	case !answered && k.stays(err):
		k.p.finish(k.keptError(err))
	default:
		k.p.sc.end.messager().settler.Add(settled{k, err}) // the goroutine that reads the link must not wait for a disk
	}
}

// postpone leaves a message that nobody waits for, and that was not answered, to the next session or End.
func (k *kept) postpone(err error) {
	e := k.p.sc.end
	if e.ctx.Err() != nil || e.line.Draining() {
		return
	}
	if CodeOf(err) != Unavailable {
		k.warnStays(err)
		return
	}
	if e.line.Renews() {
		k.watch()
		e.line.Publications.Add(0, k)
	}
}

// warnStays logs that a message cannot be sent to this peer.
func (k *kept) warnStays(err error) {
	e := k.p.sc.end
	e.log.Say(throttle.KeptStays, "peer", e.PeerID(), "topic", k.p.topic, "id", k.id, "err", err)
}

// report says what became of the message: to its publisher or, when there is none, to the application.
func (k *kept) report(err error) {
	e := k.p.sc.end
	switch f := e.cfg.OnKept; {
	case k.left == nil:
		k.p.finish(err)
	case f != nil:
		e.hook("OnKept", func() { f(e, k.left, err) })
	case err != nil:
		e.log.Say(throttle.KeptFailed, "peer", e.PeerID(), "topic", k.p.topic, "id", k.id, "err", err)
	}
}

// settled is a message that leaves the outbox, and what its publisher learns then.
type settled struct {
	k   *kept
	err error
}

// Settle implements settle.Host: it takes messages out of the outbox and then says so.
func (em *endMessages) Settle(batch []settled) {
	em.e.line.Users.Run(func() { em.forget(batch) })
}

// forget takes messages out of the outbox.
func (em *endMessages) forget(batch []settled) {
	e := em.e
	ids := make([]MessageID, 0, len(batch))
	for _, s := range batch {
		ids = append(ids, s.k.id)
	}
	lost := em.outbox.Forget(em.peer, ids...)
	if lost != nil {
		e.log.Say(throttle.OutboxNotSettled, "peer", e.PeerID(), "messages", len(ids), "err", lost)
	}
	for _, s := range batch {
		if lost != nil && s.k.left == nil {
			s.err = notForgotten(s.err, lost, s.k.p.topic)
		}
		s.k.report(s.err)
	}
}

// Ending implements settle.Host.
func (em *endMessages) Ending() bool { return em.e.ctx.Err() != nil || em.e.line.Closing() }

// over implements room.
func (em *endMessages) over() { em.settler.End() }

// wait implements room.
func (em *endMessages) wait() { em.settler.Wait() }
