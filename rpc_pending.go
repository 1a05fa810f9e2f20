package gantline

import (
	"bytes"
	"context"
	"errors"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// PendingCall is a call made with Go. Its methods may be called from any goroutine.
type PendingCall struct {
	end    *End
	stream *Stream
	open   mux.Open
	ctx    context.Context
	method string
	opts   *callOptions
	done   chan struct{}
	unhook func() bool // stops watching the context; set before the call is sent

	again   bool   // it may be made again in another session
	request []byte // a copy, for that
	sent    bool   // an earlier session may have brought it to the peer

	body []byte // set before done is closed
	err  error  // the same
}

// Go calls method on the peer without waiting for the answer. It returns when the call is on its way, that is
// after waiting, as Call does, for a session and for a free place among Limits.Calls; what goes wrong, then or later, is the
// PendingCall's error. ctx bounds the whole call. body is not used after Go has returned.
func (st *Stream) Go(ctx context.Context, method string, body []byte, opts ...CallOption) *PendingCall {
	e := st.end
	p := &PendingCall{end: e, stream: st, ctx: ctx, method: method, opts: newCallOptions(opts), done: make(chan struct{})}
	open, err := st.describe(ctx, "Go", frame.KindCall, method, len(body), p.opts)
	if err != nil {
		p.settle(nil, err)
		return p
	}
	p.again = e.line.Renews() && st.ses == nil
	if p.again {
		p.request = bytes.Clone(body)
	}
	p.open = open
	p.attempt(st.session(), body)
	return p
}

// attempt starts the call on s.
func (p *PendingCall) attempt(s *session, body []byte) {
	try := &attempt{p: p, s: s}
	try.x.Sink = try
	started := make(chan struct{})
	if p.ctx.Done() != nil {
		p.unhook = context.AfterFunc(p.ctx, func() {
			<-started
			if _, err := p.Result(); err == ErrPending && !try.failed {
				try.x.Cancel(CodeOf(p.ctx.Err()), "")
			}
		})
	}
	err := s.Mux.Start(p.ctx, &try.x, &p.open, body)
	if err != nil {
		try.failed = true // there is nothing to cancel
	}
	close(started)
	if err != nil {
		try.end(nil, p.end.startError(p.ctx, err, p.method))
	}
}

// attempt is a PendingCall on one session.
type attempt struct {
	x      mux.Exchange
	p      *PendingCall
	s      *session
	failed bool
}

// Complete settles the call, or makes it again.
func (a *attempt) Complete(x *mux.Exchange) {
	p := a.p
	if x.Err != nil && p.ctx.Err() != nil {
		p.settle(nil, contextError(p.ctx, p.method))
		return
	}
	a.end(p.end.result(x, p.method, p.opts))
}

// end is the outcome on one session.
func (a *attempt) end(body []byte, err error) {
	p := a.p
	if err == nil || !p.again || !p.stream.retry(a.s, err, p.opts) {
		p.settle(body, knownOf(err, p.sent))
		return
	}
	p.sent = p.sent || errors.Is(err, ErrUnknownOutcome)
	if p.unhook != nil {
		p.unhook()
	}
	if a.failed { // still inside Go, which waits, or on the goroutine below
		a.again()
		return
	}
	go a.again() // ends with the next session, the context or the End
}

// again makes the call on the next session.
func (a *attempt) again() {
	p := a.p
	s, err := p.end.next(p.ctx, a.s, p.sent, p.method)
	if err != nil {
		p.settle(nil, err)
		return
	}
	restart(p.ctx, &p.open)
	p.attempt(s, p.request)
}

func (p *PendingCall) settle(body []byte, err error) {
	p.body, p.err = body, err
	if p.unhook != nil {
		p.unhook()
	}
	close(p.done)
	if p.opts != nil && p.opts.done != nil {
		p.callback()
	}
}

// callback runs OnCallDone's function; a panic in it is logged.
func (p *PendingCall) callback() {
	defer func() {
		if v := recover(); v != nil {
			_ = p.end.recovered("OnCallDone", p.method, v)
		}
	}()
	p.opts.done(p)
}

// Done returns a channel that is closed when the answer, or the error, is there.
func (p *PendingCall) Done() <-chan struct{} { return p.done }

// Wait waits for the answer. ctx bounds only the wait: the call goes on, and Wait may be called again.
func (p *PendingCall) Wait(ctx context.Context) ([]byte, error) {
	select {
	case <-p.done:
		return p.body, p.err
	default:
	}
	if err := p.end.mayWait(ctx, "PendingCall.Wait", p.method); err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return p.body, p.err
	case <-ctx.Done():
		return nil, contextError(ctx, p.method)
	}
}

// Result returns the answer, or ErrPending before Done. The errors are Call's.
func (p *PendingCall) Result() ([]byte, error) {
	select {
	case <-p.done:
		return p.body, p.err
	default:
		return nil, ErrPending
	}
}
