package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/routes"
)

// redialLimit bounds what one address may take in a redial, which has no context of a caller.
const redialLimit = 15 * time.Second

// A way is an address that is tried. It implements routes.Route.
type way struct {
	target
	r       *redial
	first   bool // in Dial, whose caller's context limits it too
	resumes bool // a session, which is refused by a server that does not have it
	home    bool // the server that has it was there last

	outer context.Context // what follows is set by Limit
	limit time.Duration   // negative = none
	stop  context.CancelFunc
}

var _ routes.Route = (*way)(nil)

// Limit implements routes.Route.
func (w *way) Limit(ctx context.Context, left int) context.Context {
	w.outer, w.limit = ctx, w.r.d.limit(ctx, left)
	if !w.first && (w.limit < 0 || w.limit > redialLimit) {
		w.limit = redialLimit
	}
	if w.limit < 0 {
		ctx, w.stop = context.WithCancel(ctx)
	} else {
		ctx, w.stop = context.WithTimeout(ctx, w.limit)
	}
	return ctx
}

// Dial implements routes.Route.
func (w *way) Dial(ctx context.Context) (net.Conn, error) { return w.r.d.connect(ctx, w.target) }

// Home implements routes.Route.
func (w *way) Home() bool { return w.home }

// Ended implements routes.Route.
func (w *way) Ended(ctx context.Context, nc net.Conn, err error) error {
	defer w.stop()
	if err == nil {
		w.r.led(w.target, nc)
		return nil
	}
	var no *conn.RefusedError
	switch refused := errors.As(err, &no); {
	case refused && no.RetryAfter > 0:
		w.r.later(w.target, no.RetryAfter, no.Addr)
	case refused && w.resumes:
		w.r.answered(w.target)
	default:
		w.r.failed(w.target)
	}
	if ctx.Err() != nil && w.outer.Err() == nil {
		err = fmt.Errorf("gantline: not connected within %v, raise Dialer.Timeout or the context's deadline: %w",
			w.limit.Round(time.Millisecond), joined{context.DeadlineExceeded, err})
	}
	failed := &dialError{}
	failed.add(w.target, err)
	return failed
}

// An owned way is the application's Config.Redial with Dialer.Timeout. It implements routes.Route.
type owned struct {
	redial func(context.Context) (net.Conn, error)
	limit  time.Duration
	hint   context.Context // has what gantline.Redialing returns
	stop   context.CancelFunc
}

// bounded is redial with a limit for the dial and the handshake together.
func bounded(redial func(context.Context) (net.Conn, error), limit time.Duration) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		if !routes.Wanted(ctx) {
			return redial(ctx)
		}
		return &routes.Set{Routes: []routes.Route{&owned{redial: redial, limit: limit, hint: ctx}}}, nil
	}
}

// Limit implements routes.Route.
func (o *owned) Limit(ctx context.Context, _ int) context.Context {
	ctx, o.stop = context.WithTimeout(ctx, o.limit)
	return ctx
}

// Dial implements routes.Route.
func (o *owned) Dial(ctx context.Context) (net.Conn, error) {
	nc, err := o.redial(hinted{ctx, o.hint})
	if err == nil && nc == nil {
		err = errors.New("gantline: Redial returned neither a connection nor an error")
	}
	return nc, err
}

// Home implements routes.Route. Nobody but the application knows.
func (o *owned) Home() bool { return true }

// Ended implements routes.Route.
func (o *owned) Ended(_ context.Context, _ net.Conn, err error) error {
	o.stop()
	return err
}

// hinted is a context with the values of another one.
type hinted struct {
	context.Context
	values context.Context
}

func (h hinted) Value(key any) any {
	if v := h.Context.Value(key); v != nil {
		return v
	}
	return h.values.Value(key)
}
