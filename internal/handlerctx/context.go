package handlerctx

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/sessions"
)

// Context is a context.Context to be embedded. Call Init before it is used.
type Context struct {
	Session  *sessions.Session // what the peer has begun ends with it
	deadline time.Time         // zero = none

	// The following are set before the context is shared.

	Depth  uint8 // of the call that is handled
	Inline bool  // the handler runs on the reader goroutine
	// Watched says that somebody ends the context when the session ends, so that it need not watch that itself.
	Watched bool

	mu    sync.Mutex // guards what follows
	err   error      // set once, what Err returns
	cause error      // set with err
	armed *armed     // nil until Done is asked for

	user any // a call made with this context, see Hold; or its Nester
}

// Nester is who keeps other functions waiting for the one that has the context.
type Nester interface {
	// Nest is called when the function begins something that may wait for the peer, from any goroutine.
	Nest()
}

// OnNest sets the Nester of a context that is not Watched. It comes before the context is shared.
func (c *Context) OnNest(n Nester) { c.user = n }

// Inner returns the depth of what is begun with the context, and calls the Nester. The function may wait for that.
func (c *Context) Inner() uint8 {
	if !c.Watched {
		c.mu.Lock()
		n, _ := c.user.(Nester)
		c.mu.Unlock()
		if n != nil {
			n.Nest()
		}
	}
	return c.Depth + 1
}

// Canceler is a call that can be given up.
type Canceler interface {
	Cancel(code frame.Code, text string)
}

// armed is the part of a Context that most never need. It is guarded by the Context's mu.
type armed struct {
	done    chan struct{}
	after   []*func()   // to call at the end
	timer   *time.Timer // for the deadline
	stopEnd func() bool // leaves the session's context; nil for a Watched one
}

// Init prepares c. The clock of a timeout starts now, whatever the caller's clock says; 0 means none.
func (c *Context) Init(s *sessions.Session, timeout time.Duration) {
	c.Session = s
	if timeout > 0 {
		c.deadline = time.Now().Add(timeout)
	}
}

// Hold has the end of the context give up call, which was made with it, and reports whether it will. If so, the
// caller need not watch Done, which nested calls are often the only ones to ask for. LetGo ends it. Only a Watched
// context does it, so that Cancel is not called with the send lock held.
func (c *Context) Hold(call Canceler) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Watched || c.err != nil || c.user != nil || c.armed != nil || !c.deadline.IsZero() {
		return false
	}
	c.user = call
	return true
}

// LetGo ends what Hold began.
func (c *Context) LetGo() {
	c.mu.Lock()
	c.user = nil
	c.mu.Unlock()
}

// Deadline returns when the caller stops waiting.
func (c *Context) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done returns a channel that is closed at the end of the context. The caller gave up, its deadline passed, the handler
// returned, or the session is over.
func (c *Context) Done() <-chan struct{} {
	c.checkEnd()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed == nil {
		c.armLocked()
	}
	return c.armed.done
}

// armLocked makes the context end by itself.
func (c *Context) armLocked() {
	a, s := &armed{done: make(chan struct{})}, c.Session
	c.armed = a
	if c.err != nil {
		close(a.done)
		return
	}
	if !c.deadline.IsZero() {
		a.timer = time.AfterFunc(time.Until(c.deadline), func() { c.End(context.DeadlineExceeded, nil) })
	}
	if c.Watched {
		return
	}
	a.stopEnd = context.AfterFunc(s.Ctx, func() { c.End(context.Canceled, context.Cause(s.Ctx)) })
}

// Err returns why the context is over, nil while it is not.
func (c *Context) Err() error {
	c.checkEnd()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// checkEnd ends a context that is not armed if its time has come.
func (c *Context) checkEnd() {
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		c.End(context.DeadlineExceeded, nil)
	} else if c.Session.Ctx.Err() != nil {
		c.End(context.Canceled, context.Cause(c.Session.Ctx))
	}
}

// Value answers, once the context is over, as a context with the same cause does. So context.Cause finds it.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || c.cause == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(c.cause)
	return ctx.Value(key)
}

// AfterFunc lets contexts derived from this one end with it without a goroutine of their own. f never runs on the
// caller's goroutine: package context calls AfterFunc with a lock held that f takes.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	c.Done()
	c.mu.Lock()
	if c.err != nil { // since the caller looked at Done
		c.mu.Unlock()
		go f() // ends at once
		return func() bool { return false }
	}
	a := c.armed
	a.after = append(a.after, &f)
	c.mu.Unlock()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(a.after, &f)
		if i >= 0 {
			a.after = slices.Delete(a.after, i, i+1)
		}
		return i >= 0
	}
}

// End ends the context; only the first call counts.
func (c *Context) End(err, cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err, c.cause = err, cause
	if call, ok := c.user.(Canceler); ok {
		code := frame.Canceled
		if err == context.DeadlineExceeded {
			code = frame.DeadlineExceeded
		}
		call.Cancel(code, "")
	}
	a := c.armed
	if a == nil {
		c.mu.Unlock()
		return
	}
	close(a.done)
	if a.timer != nil {
		a.timer.Stop()
	}
	after := a.after
	a.after = nil
	c.mu.Unlock()
	if a.stopEnd != nil {
		a.stopEnd()
	}
	for _, f := range after {
		(*f)()
	}
}
