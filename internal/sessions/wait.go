package sessions

import (
	"context"
	"errors"
	"time"

	"github.com/gantline-project/gantline/conn"
)

// A Wait is how a wait for a session ended.
type Wait uint8

// The ends of a wait.
const (
	Renewed  Wait = iota // there is the session, or what else was waited for
	GaveUp               // the context has ended
	Finished             // the Line has: there will be none
)

// LostOn reports whether something that failed on s can go to another session. It was lost with s, or the peer, which
// drains, does not serve it.
func (ln *Line) LostOn(s *Session, err error) bool {
	switch {
	case ln.redial == nil:
		return false
	case s.lost.Load() && (errors.Is(err, conn.ErrSessionLost) || errors.As(err, new(*conn.ClosedError))):
		return true
	}
	return s.leaving.Load() && (s.Mux.NotServed(err) || errors.Is(err, errLeft))
}

// Next waits for a session after s, which is lost or leaving, and returns the newest.
func (ln *Line) Next(ctx context.Context, s *Session) (*Session, Wait) {
	ln.waiting.Add(1)
	defer ln.waiting.Add(-1)
	select {
	case <-s.replaced:
		return ln.Session(), Renewed
	case <-ctx.Done():
		return nil, GaveUp
	case <-ln.life.ctx.Done():
		return nil, Finished
	}
}

// CaughtUp returns s once the latch that which picks is open: everything older was sent again. When s is lost before, it
// waits for the next session.
func (ln *Line) CaughtUp(ctx context.Context, s *Session, which func(*Session) *Latch) (*Session, Wait) {
	for {
		l := which(s)
		if l.IsOpen() {
			return s, Renewed
		}
		select {
		case <-l.ch:
		case <-s.replaced:
			s = ln.Session()
		case <-ctx.Done():
			return nil, GaveUp
		case <-ln.life.ctx.Done():
			return nil, Finished
		}
	}
}

// Busy reports whether something waits for a new session, or to be opened once there is a carrier.
func (ln *Line) Busy() bool {
	s := ln.Session()
	return ln.waiting.Load() > 0 || s != nil && s.Mux.AwaitsCarrier() || !ln.Notifies.Empty() || !ln.Publications.Empty()
}

// idleCheck is how often Idle looks. Looking costs nothing while nobody shuts down, which counting on every call would.
const idleCheck = 5 * time.Millisecond

// Idle waits until busy returns false.
func (ln *Line) Idle(ctx context.Context, busy func() bool) Wait {
	t := time.NewTicker(idleCheck)
	defer t.Stop()
	for busy() {
		select {
		case <-t.C:
		case <-ctx.Done():
			return GaveUp
		case <-ln.life.ctx.Done():
			return Finished
		}
	}
	return Renewed
}
