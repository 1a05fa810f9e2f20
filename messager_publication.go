package gantline

import (
	"context"
	"sync"
)

// Publication is a message whose ack is still to come, as PublishAsync returns it. Its methods may be called
// from any goroutine.
type Publication struct {
	sc     *messageScope
	topic  string
	ctx    context.Context // bounds the wait for the ack; nil without one
	onDone func(error)
	kept   *letter // what it takes to publish it again; nil = it is not

	mu   sync.Mutex    // guards what follows
	done chan struct{} // made by Done
	over bool
	err  error
}

// publication returns one that has not begun, with a letter if messages of the scope are kept.
func (sc *messageScope) publication(ctx context.Context, topic string, onDone func(error)) *Publication {
	if !sc.keeps() {
		return &Publication{sc: sc, topic: topic, ctx: ctx, onDone: onDone}
	}
	both := &struct { // one allocation
		Publication
		letter
	}{Publication{sc: sc, topic: topic, ctx: ctx, onDone: onDone}, letter{}}
	both.Publication.kept = &both.letter
	both.letter.p = &both.Publication
	return &both.Publication
}

// complete is called when the session has the result. It must not block.
func (p *Publication) complete(out *outgoing) {
	if p.ctx.Done() != nil {
		p.sc.published.leave(out)
	}
	if p.kept == nil {
		p.finish(p.sc.result(p.ctx, &out.x, p.topic))
	} else if !p.kept.lost(&out.x) {
		err := knownOf(p.sc.result(p.ctx, &out.x, p.topic), p.kept.sent)
		p.kept.done(err, out.x.Err == nil && !(out.x.WasReset && out.x.Head.Code == Unavailable))
	}
}

// finish tells everybody. It is called once.
func (p *Publication) finish(err error) {
	if p.onDone != nil {
		p.callback(err)
	}
	p.mu.Lock()
	p.over, p.err = true, err
	if p.done != nil {
		close(p.done)
	}
	p.mu.Unlock()
}

// callback runs OnDone's function; a panic in it is logged.
func (p *Publication) callback(err error) {
	defer func() {
		if v := recover(); v != nil {
			_ = p.sc.end.recovered("OnDone", p.topic, v)
		}
	}()
	p.onDone(err)
}

// Done returns a channel that is closed when the publication is done, one way or another.
func (p *Publication) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = make(chan struct{})
		if p.over {
			close(p.done)
		}
	}
	return p.done
}

// Err returns nil when the peer's application has acked the message, ErrPending until the publication is done,
// else what Publish would have returned.
func (p *Publication) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		return ErrPending
	}
	return p.err
}

// Wait waits until the publication is done and returns its Err. When ctx ends before that it returns ctx's
// error; the publication goes on. Inside Config.Setup, and with the context of an Inline handler, waiting fails
// with FailedPrecondition.
func (p *Publication) Wait(ctx context.Context) error {
	if err := p.Err(); err != ErrPending {
		return err
	}
	done := p.Done()
	select {
	case <-done:
		return p.Err()
	default:
	}
	if err := p.sc.end.mayWait(ctx, "Publication.Wait", p.topic); err != nil && !p.sc.end.line.Closing() {
		return err
	}
	select {
	case <-done:
		return p.Err()
	case <-ctx.Done():
		return contextError(ctx, p.topic)
	}
}
