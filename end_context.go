package gantline

import (
	"context"
	"errors"
	"time"

	"github.com/gantline-project/gantline/internal/handlerctx"
)

// handlerContext is the context of one handler or subscription function.
type handlerContext struct {
	handlerctx.Context
	end *End
}

// handlerKey is the key under which a handlerContext answers with itself.
type handlerKey struct{}

// Value answers for handlerKey.
func (hc *handlerContext) Value(key any) any {
	if key == (handlerKey{}) {
		return hc
	}
	return hc.Context.Value(key)
}

// handlerFrom returns the handlerContext ctx is derived from, or nil.
func handlerFrom(ctx context.Context) *handlerContext {
	hc, _ := ctx.Value(handlerKey{}).(*handlerContext)
	return hc
}

// depthFrom returns the depth of a call or message made with ctx. It is one more than its handler's, which may wait for
// it now.
func depthFrom(ctx context.Context) uint8 {
	if hc := handlerFrom(ctx); hc != nil {
		return hc.Inner()
	}
	return 0
}

// init prepares hc.
func (hc *handlerContext) init(e *End, s *session, depth uint8, timeout time.Duration) {
	hc.end, hc.Depth = e, depth
	hc.Context.Init(s, timeout)
}

// cancel ends the context because nobody waits any more; cause says why.
func (hc *handlerContext) cancel(cause error) {
	var se *StreamError
	if errors.As(cause, &se) {
		if se.Code == DeadlineExceeded { // the caller's clock was a moment ahead of ours
			hc.End(context.DeadlineExceeded, nil)
			return
		}
		cause = &Error{Code: se.Code, Message: se.Message, Remote: se.Remote, cause: se}
	}
	hc.End(context.Canceled, cause)
}

// finish ends the context because its function has returned.
func (hc *handlerContext) finish() { hc.End(context.Canceled, nil) }
