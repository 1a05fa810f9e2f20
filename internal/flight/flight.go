package flight

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// Owner learns the outcome of a flight that nobody waits for.
type Owner interface {
	// Outcome is called once after a start that succeeded, perhaps before Start returns. It runs on the goroutine
	// that reads the connection, or that ends the session or the context, and must not block. f is not the owner's
	// any more when it returns. User code may run in it if f.User was set.
	Outcome(f *Flight)
}

// Flight is one exchange of ours until its outcome. Its ID and result fields are those of the mux.Exchange.
type Flight struct {
	mux.Exchange

	// Watch gives the flight up when the context of Start ends; nil = nobody does. Set it before Start, and not
	// for a waiter.
	Watch *Watch
	// Buffer holds the body that is sent, beyond the return of Start; nil = the caller's. Set it before Start,
	// and not for a waiter.
	Buffer *Buffer
	// User says that the owner's Outcome runs user code. Set it before Start.
	User bool

	done chan struct{} // of a waiter: capacity 1, one token for each start; else nil
	pool *Pool         // of a waiter

	owner Owner        // nil = nobody wants to know
	held  atomic.Int32 // by its starter, the session, and a Watch that cancels it; not used by a waiter

	group      *group // in which it waits for the end of its context; guarded by Watch's lock, as what follows
	next, prev *Flight
	left       bool // it has its outcome, and joins no group any more
}

// flights are those without a channel: all Ends share them.
var flights = sync.Pool{New: func() any {
	f := new(Flight)
	f.Sink = (*sink)(f)
	return f
}}

// New returns a flight whose outcome owner learns; nil means nobody does.
func New(owner Owner) *Flight {
	f := flights.Get().(*Flight)
	f.owner = owner
	f.held.Store(2)
	return f
}

// Start is mux.Session's Start. A flight that could not be started may be started on another session, or is forgotten.
func (f *Flight) Start(ctx context.Context, s *mux.Session, o *mux.Open, body []byte) error {
	return f.StartWithin(ctx, ctx, s, o, body)
}

// StartWithin is Start, whose waits end with within. A flight that was started is given up only when ctx ends.
func (f *Flight) StartWithin(ctx, within context.Context, s *mux.Session, o *mux.Open, body []byte) error {
	if f.done != nil {
		return s.Start(within, &f.Exchange, o, body)
	}
	if f.Watch != nil && ctx.Done() == nil {
		f.Watch = nil
	}
	f.Buffer.hold()
	if err := s.Start(within, &f.Exchange, o, body); err != nil {
		f.Buffer.Release()
		return err
	}
	if f.Watch != nil {
		f.Watch.join(ctx, f)
	}
	f.letGo()
	return nil
}

// sink is the Flight as the session knows it.
type sink Flight

// Complete implements mux.Sink.
func (s *sink) Complete(*mux.Exchange) {
	f := (*Flight)(s)
	if f.done != nil {
		f.done <- struct{}{} // what follows is the waiter's
		return
	}
	if f.Watch != nil {
		f.Watch.leave(f)
	}
	switch {
	case f.User:
		f.EnterUser()
		f.owner.Outcome(f)
		f.LeaveUser()
	case f.owner != nil:
		f.owner.Outcome(f)
	}
	f.letGo()
}

// letGo is called by each who held f; the last one has it used again. A flight that the session may still look at is
// forgotten.
func (f *Flight) letGo() {
	if f.held.Add(-1) > 0 {
		return
	}
	f.Buffer.Release()
	if !f.Reusable {
		return
	}
	f.Watch, f.Buffer, f.User, f.owner, f.left = nil, nil, false, nil, false
	f.Clear()
	flights.Put(f)
}

// cancel gives f up because ctx has ended. Somebody holds f, and Start has succeeded.
func (f *Flight) cancel(ctx context.Context) {
	code := frame.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = frame.DeadlineExceeded
	}
	f.Cancel(code, "")
}
