package gantline

import (
	"context"
	"net"
	"sync"

	"github.com/gantline-project/gantline/internal/backlog"
	"github.com/gantline-project/gantline/internal/errs"
)

func (e *End) accept(ctx context.Context, q *backlog.Queue[*Stream], done <-chan struct{}) (*Stream, error) {
	if err := e.mayAwait(ctx, "AcceptStream", ""); err != nil {
		return nil, err
	}
	st, err := e.backlog.Take(ctx, q, done)
	switch {
	case err == nil:
	case err == backlog.ErrReleased:
		return nil, errListenerClosed
	case err == ctx.Err():
		return nil, contextError(ctx, "")
	default:
		return nil, err
	}
	st.mx.Accept()
	st.taken(false)
	return st, nil
}

// queue lets the application accept st.
func (st *Stream) queue() {
	st.end.backlog.Put(st)
	if st.dead.Load() { // just now: nobody took it out
		st.leaveBacklog()
	}
}

// leaveBacklog takes out a stream that was reset while it waited.
func (st *Stream) leaveBacklog() {
	if st.end.backlog.Remove(st) && st.end.plain {
		// It counts as waiting until it is accepted. The session's lock may be held.
		st.end.ends.Add(st.mx.Accept)
	}
}

// ended is EndStream for one stream: most have no scope, and nothing to do.
func (st *Stream) ended(err error) {
	alive := st.end.ctx.Err() == nil
	if err != nil && alive {
		st.dead.Store(true)
		st.leaveBacklog()
	}
	if err == nil {
		err = errStreamClosed
	}
	if st.markScope(err) {
		st.end.ends.Add(func() { st.scope.halves(func(h half) { h.over(err) }) })
	}
}

// errListenerClosed is what Accept of a closed Listener returns.
var errListenerClosed = errs.New(Unavailable, "gantline: listener is closed: "+net.ErrClosed.Error(), net.ErrClosed)

// listener is what End.Listener returns.
type listener struct {
	e    *End
	name string
	q    *backlog.Queue[*Stream]
	once sync.Once
	done chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, errListenerClosed
	default:
	}
	st, err := l.e.accept(context.Background(), l.q, l.done)
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.e.backlog.Release(l.name)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.e.Addr() }
