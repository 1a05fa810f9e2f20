package sessions

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
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

// Refuse has all sessions refuse what their peers open from now on. After Drain later ones do so as well.
func (ln *Line) Refuse(d frame.Drain) {
	for _, s := range ln.all() {
		s.Mux.Drain(d)
	}
}

// Close returns all sessions that have not ended, the newest first: no newer one replaces it.
func (ln *Line) Close() []*Session {
	ln.life.closing.Store(true)
	return ln.all() // a renew that did not see closing is done
}

func (ln *Line) all() []*Session {
	ln.sessionMu.Lock()
	defer ln.sessionMu.Unlock()
	return append([]*Session{ln.Session()}, ln.older()...)
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
		ln.Users.Run(func() {
			ln.life.cancel(err)
			ln.Notifies.end(err)
			ln.Publications.end(err)
			ln.host.Finished(err)
		})
		if ln.Closing() {
			return // Hangup ends the older sessions, or Abort
		}
		for _, s := range ln.older() {
			s.Link.Abort(err)
		}
	})
}

// Hangup says goodbye on the newest session, after Close, and waits for what the Line has running. That is over then,
// unless it is the application's code there that calls Hangup, or that does not return in time. Then it ends afterwards.
func (ln *Line) Hangup(ctx context.Context, code frame.Code, text string) (over bool, err error) {
	s, within := ln.Session(), ln.Inside()
	if within && s.Native == nil { // its Close waits for all goroutines
		go func() { _ = s.Link.Close(ctx, code, text) }() // ends with the link
		return false, nil
	}
	var older sync.WaitGroup
	errs := make(chan error, 1)
	for _, s := range ln.older() {
		older.Go(func() { // ends with the link
			if err := s.Link.Close(ctx, code, text); err != nil {
				select {
				case errs <- err:
				default:
				}
			}
		})
	}
	err = s.Link.Close(ctx, code, text)
	if !within {
		older.Wait()
	}
	select {
	case e := <-errs:
		err = errors.Join(err, e)
	default:
	}
	switch {
	case within:
		if s.Lost() {
			go ln.Finish(ln.cfg.Closed) // ends after the caller, if that is in it
		}
		return false, err
	case s.Lost():
		ln.Finish(ln.cfg.Closed)
	}
	if ln.life.ctx.Err() == nil {
		return false, err
	}
	ln.Wait()
	s.Resending.Wait()
	return true, err
}

// Inside reports whether the caller is the application's code on a goroutine that the Line or its link needs. Such code
// must not wait for the peer. While none runs the answer costs a few atomic loads.
func (ln *Line) Inside() bool {
	if ln.Users.Here() {
		return true
	}
	s := ln.Session()
	if s == nil || s.Native == nil {
		return false
	}
	return s.Native.Inside() || slices.ContainsFunc(ln.older(), func(s *Session) bool { return s.Native.Inside() })
}

// ending reports whether the newest session stays the newest. With sessionMu held that is final.
func (ln *Line) ending() bool { return ln.Closing() || ln.life.ctx.Err() != nil }
