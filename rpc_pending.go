package gantline

import (
	"bytes"
	"context"
	"errors"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/flight"
)

// begin is Go.
func (st *Stream) begin(ctx context.Context, method string, body []byte, opts []CallOption) *PendingCall {
	p := &PendingCall{stream: st, ctx: ctx, method: method, opts: newCallOptions(opts), done: make(chan struct{})}
	var err error
	if p.open, err = st.describe(ctx, "Go", frame.KindCall, method, len(body), p.opts); err != nil {
		p.settle(nil, err)
		return p
	}
	if p.renews = st.end.line.Renews() && st.ses == nil; p.renews {
		p.request = bytes.Clone(body)
	}
	noWait := p.open.NoWait
	if err = p.start(st.session(), body, noWait); err != nil && noWait && p.repeats(err) {
		go p.proceed(err) // as in Outcome
	} else if err != nil {
		p.proceed(err)
	}
	return p
}

// start starts the call on s. An error is that of the call on this session.
func (p *PendingCall) start(s *session, body []byte, noWait bool) error {
	e, open := p.stream.end, p.open
	p.ses, open.NoWait = s, noWait
	f := flight.New((*pendingOwner)(p))
	f.Watch, f.User = &e.rpc().watch, p.opts != nil && p.opts.done != nil
	if err := f.Start(p.ctx, s.Mux, &open, body); err != nil {
		return knownOf(e.startError(p.ctx, err, p.method), p.sent)
	}
	return nil
}

// pendingOwner is a PendingCall as its flights know it.
type pendingOwner PendingCall

// Outcome implements flight.Owner: it settles the call, or has it made again.
func (o *pendingOwner) Outcome(f *flight.Flight) {
	p := (*PendingCall)(o)
	if f.Err != nil && p.ctx.Err() != nil {
		p.settle(nil, gaveUp(p.ctx, &f.Exchange, p.sent, p.method))
		return
	}
	body, err := p.stream.end.result(&f.Exchange, p.method, p.opts)
	if err = knownOf(err, p.sent); err != nil && p.repeats(err) {
		go p.proceed(err) // ends when the call is started or settled: with the next session, the context or the End
		return
	}
	p.settle(body, err)
}

// repeats reports whether the call, which failed with err, is to be made again.
func (p *PendingCall) repeats(err error) bool {
	return p.renews && p.opts.repeats(err) && p.stream.end.line.LostOn(p.ses, err)
}

// proceed makes the call again after err, on one session after the other. It ends when the call is started or settled.
func (p *PendingCall) proceed(err error) {
	for err != nil {
		if !p.repeats(err) {
			p.settle(nil, err)
			return
		}
		p.sent = errors.Is(err, ErrUnknownOutcome)
		s, over := p.stream.again(p.ctx, p.ses, err, &p.open, p.method)
		if over != nil {
			p.settle(nil, over)
			return
		}
		err = p.start(s, p.request, false)
	}
}

// settle is called once, with what Result returns from then on.
func (p *PendingCall) settle(body []byte, err error) {
	p.body, p.err = body, err
	close(p.done)
	if p.opts != nil && p.opts.done != nil {
		p.callback()
	}
}

// callback runs OnCallDone's function; a panic in it is logged.
func (p *PendingCall) callback() {
	defer func() {
		if v := recover(); v != nil {
			_ = p.stream.end.recovered("OnCallDone", p.method, v)
		}
	}()
	p.opts.done(p)
}

// wait is Wait.
func (p *PendingCall) wait(ctx context.Context) ([]byte, error) {
	select {
	case <-p.done:
		return p.body, p.err
	default:
	}
	if err := p.stream.end.mayAwait(ctx, "PendingCall.Wait", p.method); err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return p.body, p.err
	case <-ctx.Done():
		return nil, contextError(ctx, p.method)
	}
}
