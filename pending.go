package gantline

import (
	"context"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// PendingCall is a call made with Go. Its methods may be called from any goroutine.
type PendingCall struct {
	x      mux.Exchange
	end    *End
	ctx    context.Context
	method string
	opts   *callOptions
	done   chan struct{}
	unhook func() bool // stops watching the context; set before the call is sent

	body []byte // set before done is closed
	err  error  // the same
}

// Go calls method on the peer without waiting for the answer. It returns when the call is on its way, that is
// after waiting, as Call does, for a free place among Limits.Calls; what goes wrong, then or later, is the
// PendingCall's error. ctx bounds the whole call. body is not used after Go has returned.
func (st *Stream) Go(ctx context.Context, method string, body []byte, opts ...CallOption) *PendingCall {
	e := st.end
	p := &PendingCall{end: e, ctx: ctx, method: method, opts: newCallOptions(opts), done: make(chan struct{})}
	open, err := st.describe(ctx, "Go", frame.KindCall, method, len(body), p.opts)
	if err != nil {
		p.settle(nil, err)
		return p
	}
	p.x.Sink = pendingSink{p}
	started := make(chan struct{})
	if ctx.Done() != nil {
		p.unhook = context.AfterFunc(ctx, func() {
			<-started
			if _, err := p.Result(); err == ErrPending {
				p.x.Cancel(CodeOf(ctx.Err()), "")
			}
		})
	}
	if err := e.sess.Start(ctx, &p.x, &open, body); err != nil {
		p.settle(nil, e.startError(ctx, err, method))
	}
	close(started)
	return p
}

// pendingSink gives a PendingCall its answer.
type pendingSink struct{ p *PendingCall }

// Complete settles the call.
func (s pendingSink) Complete(x *mux.Exchange) {
	p := s.p
	if x.Err != nil && p.ctx.Err() != nil {
		p.settle(nil, contextError(p.ctx, p.method))
		return
	}
	body, err := p.end.result(x, p.method, p.opts)
	p.settle(body, err)
}

func (p *PendingCall) settle(body []byte, err error) {
	p.body, p.err = body, err
	if p.unhook != nil {
		p.unhook()
	}
	close(p.done)
	if p.opts != nil && p.opts.done != nil {
		p.opts.done(p)
	}
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
