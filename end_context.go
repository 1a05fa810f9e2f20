package gantline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline/mux"
)

// handlerContext is the context of one handler or subscription function. It costs one allocation until
// somebody asks for its Done channel; only then it has a channel, a timer, and a place in the session's context.
type handlerContext struct {
	end      *End
	ses      *session  // what was opened by the peer ends with it
	deadline time.Time // zero = none
	depth    uint8     // of the call it serves
	inline   bool      // runs on the reader goroutine; set before the handler starts
	told     bool      // is cancelled by its exchange when the session ends, and need not watch it

	mu    sync.Mutex // guards what follows
	err   error      // set once, what Err returns
	cause error      // set with err
	armed *armed     // nil until Done is asked for

	nested *mux.Exchange // of a call made with this context, see hold
}

// hold has the end of the context give up x, whose call was made with it, and reports whether it will: then its
// caller need not watch Done, which nested calls are often the only ones to ask for. letGo ends it. Only a
// context that is told of the session's end will, so that nobody calls over with the send lock held.
func (hc *handlerContext) hold(x *mux.Exchange) bool {
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if !hc.told || hc.err != nil || hc.nested != nil || hc.armed != nil || !hc.deadline.IsZero() {
		return false
	}
	hc.nested = x
	return true
}

func (hc *handlerContext) letGo() {
	hc.mu.Lock()
	hc.nested = nil
	hc.mu.Unlock()
}

// armed is the part of a handlerContext that most never need. It is guarded by the context's mu.
type armed struct {
	done    chan struct{}
	after   []*func()   // to call at the end
	timer   *time.Timer // for the deadline
	stopEnd func() bool // leaves the session's context; nil when told
}

// handlerKey is the key under which a handlerContext answers with itself.
type handlerKey struct{}

// handlerFrom returns the handlerContext ctx is derived from, or nil.
func handlerFrom(ctx context.Context) *handlerContext {
	hc, _ := ctx.Value(handlerKey{}).(*handlerContext)
	return hc
}

// depthFrom returns the depth of a call or message made with ctx: one more than the call that ctx belongs to.
func depthFrom(ctx context.Context) uint8 {
	if hc := handlerFrom(ctx); hc != nil {
		return hc.depth + 1
	}
	return 0
}

// init prepares hc. The clock of a timeout starts now, whatever the caller's clock says.
func (hc *handlerContext) init(e *End, s *session, depth uint8, timeout time.Duration) {
	hc.end, hc.ses, hc.depth = e, s, depth
	if timeout > 0 {
		hc.deadline = time.Now().Add(timeout)
	}
}

// Deadline returns when the caller stops waiting.
func (hc *handlerContext) Deadline() (time.Time, bool) { return hc.deadline, !hc.deadline.IsZero() }

// Done returns a channel that is closed when the caller gave up, its deadline passed, the handler
// returned or the End is over.
func (hc *handlerContext) Done() <-chan struct{} {
	hc.checkEnd()
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if hc.armed == nil {
		hc.armLocked()
	}
	return hc.armed.done
}

// armLocked makes the context end by itself.
func (hc *handlerContext) armLocked() {
	a, s := &armed{done: make(chan struct{})}, hc.ses
	hc.armed = a
	if hc.err != nil {
		close(a.done)
		return
	}
	if !hc.deadline.IsZero() {
		a.timer = time.AfterFunc(time.Until(hc.deadline), func() { hc.over(context.DeadlineExceeded, nil) })
	}
	if hc.told {
		return
	}
	a.stopEnd = context.AfterFunc(s.Ctx, func() { hc.over(context.Canceled, context.Cause(s.Ctx)) })
}

// Err returns why the context is over, nil while it is not.
func (hc *handlerContext) Err() error {
	hc.checkEnd()
	hc.mu.Lock()
	defer hc.mu.Unlock()
	return hc.err
}

// checkEnd ends a context that is not armed if its time has come.
func (hc *handlerContext) checkEnd() {
	if !hc.deadline.IsZero() && !time.Now().Before(hc.deadline) {
		hc.over(context.DeadlineExceeded, nil)
	} else if hc.ses.Ctx.Err() != nil {
		hc.over(context.Canceled, context.Cause(hc.ses.Ctx))
	}
}

// Value answers for handlerKey. Once the context is over it also answers as a context with the same
// cause does, which is how context.Cause finds it.
func (hc *handlerContext) Value(key any) any {
	if key == (handlerKey{}) {
		return hc
	}
	hc.mu.Lock()
	defer hc.mu.Unlock()
	if hc.err == nil || hc.cause == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(hc.cause)
	return ctx.Value(key)
}

// AfterFunc lets contexts derived from this one hear of its end without a goroutine of their own. f must not run on
// the caller's: package context calls with a lock held that f takes.
func (hc *handlerContext) AfterFunc(f func()) (stop func() bool) {
	hc.Done()
	hc.mu.Lock()
	if hc.err != nil { // since the caller looked at Done
		hc.mu.Unlock()
		go f() // ends at once
		return func() bool { return false }
	}
	a := hc.armed
	a.after = append(a.after, &f)
	hc.mu.Unlock()
	return func() bool {
		hc.mu.Lock()
		defer hc.mu.Unlock()
		i := slices.Index(a.after, &f)
		if i >= 0 {
			a.after = slices.Delete(a.after, i, i+1)
		}
		return i >= 0
	}
}

// over ends the context; only the first call counts.
func (hc *handlerContext) over(err, cause error) {
	hc.mu.Lock()
	if hc.err != nil {
		hc.mu.Unlock()
		return
	}
	hc.err, hc.cause = err, cause
	if hc.nested != nil {
		hc.nested.Cancel(CodeOf(err), "")
	}
	a := hc.armed
	if a == nil {
		hc.mu.Unlock()
		return
	}
	close(a.done)
	if a.timer != nil {
		a.timer.Stop()
	}
	after := a.after
	a.after = nil
	hc.mu.Unlock()
	if a.stopEnd != nil {
		a.stopEnd()
	}
	for _, f := range after {
		(*f)()
	}
}

// cancel ends the context because nobody waits any more; cause says why.
func (hc *handlerContext) cancel(cause error) {
	var se *StreamError
	if errors.As(cause, &se) {
		if se.Code == DeadlineExceeded { // the caller's clock was a moment ahead of ours
			hc.over(context.DeadlineExceeded, nil)
			return
		}
		cause = &Error{Code: se.Code, Message: se.Message, Remote: se.Remote, cause: se}
	}
	hc.over(context.Canceled, cause)
}

// finish ends the context because its function has returned.
func (hc *handlerContext) finish() { hc.over(context.Canceled, nil) }
