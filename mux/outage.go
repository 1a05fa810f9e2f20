package mux

import (
	"context"
	"strings"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// ErrNotSent says that the peer has not seen an open and never will.
var ErrNotSent = errs.New(frame.Unavailable, "gantline: not sent")

// NotSent returns err with ErrNotSent beside it. It is for a stream of which the peer never learned, or that it does not
// serve. The code of err stays.
func NotSent(err error) error { return &unsentError{err} }

type unsentError struct{ err error }

func (e *unsentError) Error() string {
	return "gantline: stream not sent: " + strings.ReplaceAll(e.err.Error(), "gantline: ", "")
}

func (e *unsentError) Unwrap() error { return e.err }

// Is reports whether target is ErrNotSent. That has no part in the chain, so that a code in there is err's.
func (e *unsentError) Is(target error) bool { return target == ErrNotSent }

// awaitsCarrier reports whether o waits while there is no carrier. If it went into the log, and the session were lost,
// it could not be opened again in the next one, as an exchange can: its writer has gone on meanwhile.
func (s *Session) awaitsCarrier(o *Open) bool {
	return s.cfg.AwaitCarrier && !o.NoWait && o.Parent == 0
}

// awaitCarrierLocked waits until the link has a carrier. What remains of the time in o is less then. Send lock held.
func (s *Session) awaitCarrierLocked(ctx context.Context, o *Open) error {
	if !s.awaitsCarrier(o) || s.l.Carried() {
		return nil
	}
	s.opens.away++
	defer func() { s.opens.away-- }()
	began := time.Now()
	for !s.l.Carried() {
		if err := s.drainErrLocked(o.Parent); err != nil {
			return err
		}
		if _, err := s.awaitLocked(&s.opens.carrierWait, 1, ctx, nil); err != nil {
			return err
		}
	}
	if o.Timeout > 0 {
		o.Timeout = max(o.Timeout-time.Since(began), time.Millisecond)
	}
	return nil
}

// acquireCarriedLocked is acquireLocked on a link that has a carrier, also in the end. Send lock held.
func (s *Session) acquireCarriedLocked(ctx context.Context, o *Open, n, size int, timer *openTimer) (opening, error) {
	for {
		if err := s.awaitCarrierLocked(ctx, o); err != nil {
			return opening{}, err
		}
		g, err := s.acquireLocked(ctx, o, n, size, timer)
		if err != nil || !s.awaitsCarrier(o) || s.l.Carried() {
			return g, err
		}
		g.undoLocked()
	}
}

// carriedLocked lets those go on who wait for a carrier, if there is one. Send lock held.
func (s *Session) carriedLocked() {
	if !s.opens.carrierWait.empty() && s.l.Carried() {
		s.opens.carrierWait.wakeAll()
	}
}

// AwaitsCarrier reports whether an open waits for a carrier.
func (s *Session) AwaitsCarrier() bool {
	s.l.Lock()
	defer s.l.Unlock()
	return s.opens.away > 0
}

// refusedLocked reports whether the peer has said, with DRAIN, that it does not serve this stream of ours.
func (st *Stream) refusedLocked() bool {
	return st.own && st.Parent() == 0 && st.s.refusesLocked(st.id)
}

// refusesLocked reports whether the peer has said, with DRAIN, that it does not serve id of the End's own scope.
func (s *Session) refusesLocked(id uint64) bool {
	return id != 0 && s.life.drained != nil && id > s.life.drainedAt
}

// goneLocked records at the end of the session whether the peer learned of st. Send lock held.
func (st *Stream) goneLocked(err error) {
	st.unsent = st.own && st.id != 0 && (st.openPos >= st.s.l.Sent() || st.refusedLocked())
	if st.unsent && st.stopped == nil {
		st.stopped = st.unsentLocked(err)
	}
}

// unsentLocked is err, with ErrNotSent where the peer never learned of st. A streaming call has an outcome of its own.
func (st *Stream) unsentLocked(err error) error {
	if st.unsent && st.kind == frame.KindStream {
		return NotSent(err)
	}
	return err
}

// Unsent reports whether the peer never learned of this stream of ours, or said that it does not serve it. The session
// ended before a carrier got the open or before the peer took it, or the peer drains.
func (st *Stream) Unsent() bool {
	st.s.l.Lock()
	defer st.s.l.Unlock()
	return st.unsent
}

// Reached reports whether the peer is known to have the stream. It has opened it then, acknowledged its OPEN, or said
// something about it.
func (st *Stream) Reached() bool {
	if !st.own || st.id == 0 {
		return true
	}
	st.s.l.Lock()
	reached := st.heard || st.openPos < st.s.l.Acked()
	st.s.l.Unlock()
	if reached {
		return true
	}
	st.rmu.Lock()
	defer st.rmu.Unlock()
	return st.rated > 0 || st.rateFrom > 0 // DATA may be quicker than what confirms the stream
}
