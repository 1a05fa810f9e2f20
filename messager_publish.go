package gantline

import (
	"context"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/mux"
)

// publish is Publish.
func (sc *messageScope) publish(ctx context.Context, topic string, body []byte, opts []PublishOption) error {
	o := usePublishOptions(opts)
	defer o.done()
	depth, err := sc.end.enter(ctx, "Publish", topic, !o.noAck)
	if err != nil {
		return err
	}
	if sc.end.line.Draining() && depth == 0 {
		return shuttingDown(topic)
	}
	if o.noAck {
		return sc.start(ctx, nil, frame.KindUnackedMessage, depth, topic, body, o)
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
	f := sc.end.flights.Waiter()
	if err := sc.start(ctx, f, frame.KindMessage, depth, topic, body, o); err != nil {
		return err
	}
	f.Wait(ctx)
	err = sc.result(ctx, &f.Exchange, topic)
	f.Release()
	return err
}

// publishAsync is PublishAsync.
func (sc *messageScope) publishAsync(ctx context.Context, topic string, body []byte, opts []PublishOption) (*Publication, error) {
	if sc.end.line.Closing() {
		return nil, sc.end.closedError(topic)
	}
	if sc.end.line.Draining() && depthFrom(ctx) == 0 {
		return nil, shuttingDown(topic)
	}
	o := usePublishOptions(opts)
	defer o.done()
	if o.noAck {
		if err := sc.start(ctx, nil, frame.KindUnackedMessage, depthFrom(ctx), topic, body, o); err != nil {
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
	if err := sc.start(ctx, p.flight(), frame.KindMessage, depthFrom(ctx), topic, body, o); err != nil {
		return nil, err
	}
	return p, nil
}

// message checks a message and fills in what its OPEN says. buf has room for a plain one's metadata.
func (sc *messageScope) message(ctx context.Context, kind frame.Kind, depth uint8, topic string, size int, o *publishOptions, buf []byte) (open mux.Open, err error) {
	if err := checkTopic(topic); err != nil {
		return open, errorf(InvalidArgument, "bad topic: %v", err).named(topic)
	}
	if depth > mux.MaxDepth {
		return open, errorf(ResourceExhausted, "messages are nested deeper than %d: does a subscription publish back in a circle?", mux.MaxDepth).named(topic)
	}
	if err := sc.end.checkBody(topic, size); err != nil {
		return open, err
	}
	block, err := o.appendBlock(buf)
	if err != nil {
		return open, err
	}
	open = mux.Open{Kind: kind, Depth: depth, Codec: o.codec, Parent: sc.id, Name: topic, Metadata: block, NoWait: sc.end.cannotWait()}
	if deadline, ok := ctx.Deadline(); ok {
		open.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	return open, nil
}

// start hands a message that is not kept to a session. f is nil for one without an ack, which an End that redials sends in
// the next session if this one had not sent it.
func (sc *messageScope) start(ctx context.Context, f *flight.Flight, kind frame.Kind, depth uint8, topic string, body []byte, o *publishOptions) error {
	var buf [frame.MessageBlock]byte
	open, err := sc.message(ctx, kind, depth, topic, len(body), o, buf[:0])
	if err != nil {
		return err
	}
	var kept *sessions.Unsent
	if line := sc.end.line; f == nil && sc.isEnd() && line.Renews() {
		kept = line.Unsent(&line.Publications, &open, topic, body)
	} else if f == nil {
		f = flight.New(nil)
	}
	for s := sc.stream.session(); ; {
		if sc.keeps() { // it does not overtake older ones
			if s, err = sc.end.caughtUp(ctx, s, publicationsOf, depth, topic); err != nil {
				return err
			}
		}
		if kept != nil {
			err = kept.Start(ctx, s, &open, body)
		} else {
			err = f.Start(ctx, s.Mux, &open, body)
		}
		if err == nil {
			return nil
		}
		if s, err = sc.stream.again(ctx, s, err, &open, topic); err != nil {
			return sc.end.startError(ctx, err, topic)
		}
	}
}

// result is what a completed exchange means to the publisher.
func (sc *messageScope) result(ctx context.Context, x *mux.Exchange, topic string) error {
	switch {
	case x.Err == nil:
		return errorOf(&x.Head, topic)
	case isReset(x.Err) && ctx.Err() != nil: // the flight was given up
		return gaveUp(ctx, x, false, topic)
	}
	return sc.end.exchangeError(x.Err, x.Sent, topic)
}

// publication returns one that has not begun, with what is kept of it if messages of the scope are.
func (sc *messageScope) publication(ctx context.Context, topic string, onDone func(error)) *Publication {
	if !sc.keeps() {
		return &Publication{sc: sc, topic: topic, ctx: ctx, onDone: onDone}
	}
	both := &struct { // one allocation
		p Publication
		k kept
	}{p: Publication{sc: sc, topic: topic, ctx: ctx, onDone: onDone}}
	both.p.kept, both.k.p = &both.k, &both.p
	return &both.p
}

// flight returns one whose outcome is the publication's. It ends with the publication's context.
func (p *Publication) flight() *flight.Flight {
	f := flight.New((*publicationOwner)(p))
	f.Watch, f.User = &p.sc.watch, p.onDone != nil
	return f
}

// publicationOwner is a Publication as its flights know it.
type publicationOwner Publication

// Outcome implements flight.Owner.
func (o *publicationOwner) Outcome(f *flight.Flight) {
	p := (*Publication)(o)
	if p.kept != nil {
		p.kept.outcome(f)
		return
	}
	p.finish(p.sc.result(p.ctx, &f.Exchange, p.topic))
}

// finish ends the publication. It is called once.
func (p *Publication) finish(err error) {
	if p.onDone != nil {
		p.callback(err)
	}
	p.mu.Lock()
	p.ended, p.err = true, err
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

// wait is Wait.
func (p *Publication) wait(ctx context.Context) error {
	if err := p.Err(); err != ErrPending {
		return err
	}
	done := p.Done()
	select {
	case <-done:
		return p.Err()
	default:
	}
	if err := p.sc.end.mayAwait(ctx, "Publication.Wait", p.topic); err != nil {
		return err
	}
	select {
	case <-done:
		return p.Err()
	case <-ctx.Done():
		return contextError(ctx, p.topic)
	}
}
