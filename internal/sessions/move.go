package sessions

import (
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
)

// A server that goes on purpose says so in two steps, and its clients are to come again. With DRAIN it takes nothing new:
// the session is leaving from then on, and the redialler begins another one beside it. When that is there, the old session
// has retired: what it carries ends on it. With BYE it ends.

// Leave is called when the peer of s serves nothing new, and why. If it has invited this side to come again, the Line
// begins another session, at the address that d names if there is one.
func (ln *Line) Leave(s *Session, d frame.Drain) {
	if ln.redial == nil || d.Code != frame.Unavailable || ln.cfg.NoFresh {
		return
	}
	ln.sessionMu.Lock()
	leaves := s == ln.Session() && !s.Lost() && !ln.ending()
	if leaves {
		s.invited = d
		s.leaving.Store(true)
	}
	ln.sessionMu.Unlock()
	if leaves {
		if d.Addr != "" {
			ln.redial.visit(d.Addr)
		}
		ln.Kick()
	}
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
	if !lost {
		err = &left{err}
	}
	s.lost.Store(true)
	if retired {
		ln.retireLocked(nil)
		return goesOn, err
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

// AddLost is q.Add of what was open under id on s. That is lost, or its peer does not serve it.
func (ln *Line) AddLost(q *Queue, s *Session, id uint64, what Resendable) bool {
	added := q.Add(id, what)
	if !s.Lost() {
		ln.Requeue() // the next session may be there already
	}
	return added
}

// Requeue sends what a retired session did not settle, or did not serve, on the newest one.
func (ln *Line) Requeue() {
	ln.sessionMu.Lock()
	defer ln.sessionMu.Unlock()
	s := ln.Session()
	if s.Lost() || s.leaving.Load() || s.sealed {
		return // the next session sends it
	}
	for _, q := range []*Queue{&ln.Notifies, &ln.Publications} {
		if q.append() {
			ln.Resend(s, func() { q.Run(s) })
		}
	}
}

// Abort ends the Line and its sessions now, without a goodbye.
func (ln *Line) Abort(reason error) {
	for _, s := range ln.Close() {
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

// Count returns how many streams, calls and messages are open.
func (ln *Line) Count() int {
	n := ln.Session().Mux.Count()
	for _, s := range ln.older() {
		n += s.Mux.Count()
	}
	return n
}
