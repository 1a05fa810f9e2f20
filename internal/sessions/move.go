package sessions

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// A server that goes on purpose says so in two steps, and its clients are to come again. With DRAIN it takes nothing new:
// the session is leaving from then on, and the redialler begins another one beside it. When that is there, the old session
// has retired: what it carries ends on it. With BYE it ends.

// maxOlder is how many sessions that have retired a Line has at most. A server that invites its client to come again and
// never ends must not make it hold more and more.
const maxOlder = 8

// errLeft ends what is sent again on a session whose peer serves nothing new: the next session gets it.
var errLeft = errs.New(frame.Unavailable, "gantline: the peer serves nothing new")

// errTooMany ends the oldest session of those that are too many.
var errTooMany = errs.New(frame.Unavailable, "gantline: more sessions than there may be wait for the end that their servers have announced")

// Leave is called when the peer of s serves nothing new, and why. If it has invited this side to come again, the Line
// begins another session, at the address that d names if there is one. It does so when begin is called: it is known then
// what the peer does not serve.
func (ln *Line) Leave(s *Session, d frame.Drain) (begin func()) {
	if ln.redial == nil || d.Code != frame.Unavailable || ln.cfg.NoFresh {
		return nil
	}
	ln.sessionMu.Lock()
	leaves := s == ln.Session() && !s.Lost() && !ln.ending()
	if leaves {
		s.notBefore = time.Now().Add(time.Duration(d.RetryAfter) * time.Millisecond)
		s.leaving.Store(true)
	}
	ln.sessionMu.Unlock()
	if !leaves {
		return nil
	}
	s.left(errLeft)
	ln.redial.visit(d.Addr)
	return ln.Kick
}

// left is why a session ended on purpose while its Line goes on. To whatever it carried it is lost.
type left struct{ err error }

func (e *left) Error() string {
	return conn.ErrSessionLost.Error() + ": " + strings.ReplaceAll(e.err.Error(), "gantline: ", "")
}

func (e *left) Unwrap() error { return conn.ErrSessionLost }

// verdict is what becomes of a Line when a session ends.
type verdict uint8

const (
	lineEnds   verdict = iota // with it
	anotherOne                // has to be begun
	goesOn                    // with the newer session that there is already
)

// outlives decides whether the Line goes on without s, which has ended with err. Then reason is why, to what s carried.
func (ln *Line) outlives(s *Session, err error) (v verdict, reason error) {
	if ln.redial == nil {
		return lineEnds, err
	}
	var closed *conn.ClosedError
	lost := errors.Is(err, conn.ErrSessionLost) && !errors.Is(err, net.ErrClosed)
	again := errors.As(err, &closed) && closed.Remote &&
		(closed.Code == frame.Unavailable || closed.Code == frame.OK && s.leaving.Load())
	ln.sessionMu.Lock()
	defer ln.sessionMu.Unlock()
	retired := slices.Contains(ln.older(), s)
	if !retired && (ln.cfg.NoFresh || !lost && !again || ln.ending()) {
		return lineEnds, err
	}
	if !lost && !ln.ending() { // else it is closed, as the Line is
		err = &left{err}
	}
	s.lost.Store(true)
	if retired {
		ln.retireLocked(nil)
		return goesOn, err
	}
	if again {
		s.leaving.Store(true) // DRAIN does not come any more
	}
	return anotherOne, err
}

// retireLocked adds s, unless it is nil, to the sessions that have retired. It forgets those that have ended. sessionMu is
// held.
func (ln *Line) retireLocked(s *Session) {
	var older []*Session
	for _, o := range append(ln.older(), s) {
		if o != nil && !o.Lost() {
			older = append(older, o)
		}
	}
	ln.retired.Store(&older)
}

// older returns the sessions that have retired and not ended. The slice does not change.
func (ln *Line) older() []*Session {
	if p := ln.retired.Load(); p != nil {
		return slices.Clip(*p)
	}
	return nil
}

// surplus returns the oldest retired sessions beyond those that there may be.
func (ln *Line) surplus() []*Session {
	older := ln.older()
	return older[:max(0, len(older)-maxOlder)]
}

// AddLost is q.Add of what was open under id on s. That is lost, or its peer does not serve it.
func (ln *Line) AddLost(q *Queue, s *Session, id uint64, what Resendable) bool {
	added := q.add(s.Seq, id, what)
	if !s.Lost() {
		ln.Requeue() // the next session may be there already
	}
	return added
}

// Requeue sends what retired sessions did not settle, or did not serve, on the newest one. A Line that is closed sends
// nothing again.
func (ln *Line) Requeue() {
	ln.sessionMu.Lock()
	defer ln.sessionMu.Unlock()
	s := ln.Session()
	if s.Lost() || s.leaving.Load() || s.sealed || ln.ending() {
		return // the next session sends it
	}
	for _, q := range []*Queue{&ln.Notifies, &ln.Publications} {
		if q.append(s.Seq) {
			ln.Resend(s, func() { q.Run(s) })
		}
	}
}

// Abort ends the Line and its sessions now, without a goodbye. The reason is in the cause of the Line's context; what fails
// because of it has its text.
func (ln *Line) Abort(reason error) {
	all := ln.Close()
	ln.Cancel(&conn.ClosedError{Err: reason})
	if reason != nil {
		reason = textError(reason.Error())
	}
	for _, s := range all {
		s.Link.Abort(reason)
	}
	if !ln.Session().Lost() {
		return
	}
	why := &conn.ClosedError{Err: reason}
	if ln.Inside() {
		go ln.Finish(why) // ends after the caller, if that is in it
		return
	}
	ln.Finish(why)
}

// Cause is the cause of the Line's context, with no more than the text of Abort's reason.
func (ln *Line) Cause() error {
	err := context.Cause(ln.life.ctx)
	if own, ok := err.(*conn.ClosedError); ok && own.Err != nil {
		return &conn.ClosedError{Err: textError(own.Err.Error())}
	}
	return err
}

// textError is the text of an error that must not be found in others.
type textError string

func (e textError) Error() string { return string(e) }

// Count returns how many streams, calls and messages are open.
func (ln *Line) Count() int {
	n := ln.Session().Mux.Count()
	for _, s := range ln.older() {
		n += s.Mux.Count()
	}
	return n
}
