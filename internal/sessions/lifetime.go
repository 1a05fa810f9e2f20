package sessions

import (
	"context"
	"sync"
	"sync/atomic"
)

// lifetime is how far the life of a Line has come. Each step is taken once and not undone; any of them but the last may
// be left out.
//
//	New ──> draining ──> closing ──> context done ──> finished
//	          Drain        Close        Cancel         Finish
type lifetime struct {
	draining atomic.Bool // nothing new begins
	closing  atomic.Bool // no new session replaces the newest; set before sessionMu is taken

	ctx    context.Context // its cause says why the Line ends
	cancel context.CancelCauseFunc

	finished sync.Once
}

// Drain makes the Line drain. It returns false if it did so before.
func (ln *Line) Drain() (first bool) { return !ln.life.draining.Swap(true) }

// Draining reports whether Drain was called.
func (ln *Line) Draining() bool { return ln.life.draining.Load() }

// Close returns the newest session: no newer one replaces it.
func (ln *Line) Close() *Session {
	ln.life.closing.Store(true)
	ln.sessionMu.Lock() // a renew that did not see closing is done
	defer ln.sessionMu.Unlock()
	return ln.Session()
}

// Closing reports whether Close was called.
func (ln *Line) Closing() bool { return ln.life.closing.Load() }

// Context returns a context that is done when the Line ends. Its cause says why.
func (ln *Line) Context() context.Context { return ln.life.ctx }

// Cancel ends the context. It comes before Finish, so that whatever fails because of the end finds the cause there.
func (ln *Line) Cancel(why error) { ln.life.cancel(why) }

// Finish ends the Line and what waits in its queues, and calls Host.Finished, once.
func (ln *Line) Finish(err error) {
	ln.life.finished.Do(func() {
		ln.life.cancel(err)
		ln.Notifies.end(err)
		ln.Publications.end(err)
		ln.host.Finished(err)
	})
}

// ending reports whether the newest session stays the newest. With sessionMu held that is final.
func (ln *Line) ending() bool { return ln.Closing() || ln.life.ctx.Err() != nil }
