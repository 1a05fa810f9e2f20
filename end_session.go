package gantline

import (
	"context"
	"errors"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/mux"
)

type session = sessions.Session

// session returns e's newest session, which may be lost. It is nil only while e shakes hands for the first time.
func (e *End) session() *session { return e.line.Session() }

// session returns the session that calls and messages of st go to. For the End's own stream that is the newest one.
func (st *Stream) session() *session {
	if st.ses != nil {
		return st.ses
	}
	return st.end.line.Session()
}

// again is the step from one session to the next. It takes the error that open failed with on s, and returns the session
// to try it on again, with what remains of ctx's time in open; or the error that ends all tries:
//
//   - err itself, when something else was wrong than that s is lost, or the stream ends with its session;
//   - why there is no next session. It says that open was not sent or, if err says so, that its outcome is unknown.
//
// name is open's. An error must not have it from there: all that open points to would escape then, and with it the
// metadata of a message, which is on its publisher's stack.
func (st *Stream) again(ctx context.Context, s *session, err error, open *mux.Open, name string) (*session, error) {
	e := st.end
	if st.ses != nil || !e.line.LostOn(s, err) || closedWith(err) {
		return s, err
	}
	if e.line.Inside() {
		return s, insideError("waiting for the next session", name)
	}
	next, how := e.line.Next(ctx, s)
	if err := e.waited(ctx, how, errors.Is(err, ErrUnknownOutcome), name); err != nil {
		return s, err
	}
	restart(ctx, open)
	return next, nil
}

// caughtUp returns e's newest session once older things were sent again on it: notifies or publications, as which says. What is
// nested does not wait for these, which may wait for it.
func (e *End) caughtUp(ctx context.Context, s *session, which func(*session) *sessions.Latch, depth uint8, name string) (*session, error) {
	if depth > 0 || e.inSetup() {
		return s, nil
	}
	if !which(s).IsOpen() && e.line.Inside() {
		return s, insideError("waiting for older ones", name)
	}
	s, how := e.line.CaughtUp(ctx, s, which)
	return s, e.waited(ctx, how, false, name)
}

func (e *End) waited(ctx context.Context, how sessions.Wait, sent bool, name string) error {
	switch how {
	case sessions.GaveUp:
		return waitError(ctx, sent, name)
	case sessions.Finished:
		return e.exchangeError(e.line.Cause(), sent, name)
	}
	return nil
}

func notifiesOf(s *session) *sessions.Latch     { return &s.Notifies }
func publicationsOf(s *session) *sessions.Latch { return &s.Publications }

// restart brings the time left in ctx up to date before an open is tried again.
func restart(ctx context.Context, open *mux.Open) {
	if deadline, ok := ctx.Deadline(); ok && open.Timeout > 0 {
		open.Timeout = max(time.Until(deadline), time.Millisecond)
	}
}

// ping is Ping: on the newest session, and again on the next.
func (e *End) ping(ctx context.Context) (time.Duration, error) {
	if err := e.mayWait(ctx, "Ping", ""); err != nil {
		return 0, err
	}
	for s := e.session(); ; {
		rtt, err := s.Link.Ping(ctx)
		if err == nil {
			return rtt, nil
		}
		if ctx.Err() != nil {
			return 0, contextError(ctx, "")
		}
		if s.Lost() { // the link's own error may be a goodbye
			err = context.Cause(s.Ctx)
		}
		if s, err = e.again(ctx, s, err, &mux.Open{}, ""); err != nil {
			return 0, err
		}
	}
}

// migrate is Migrate.
func (e *End) migrate(ctx context.Context) error {
	if e.plain {
		return unsupported("Migrate", "")
	}
	if !e.line.Renews() {
		return errorf(FailedPrecondition, "Migrate needs Config.Redial on the dialling side")
	}
	if err := e.mayWait(ctx, "Migrate", ""); err != nil {
		return err
	}
	s := e.session()
	nc, err := e.cfg.Redial(ctx)
	if err != nil {
		return errs.Coded(err)
	}
	err = s.Native.Migrate(ctx, nc)
	if errors.Is(err, conn.ErrNotBroken) {
		if e.State() == StateUp {
			return errorf(FailedPrecondition, "Migrate: another one is under way")
		}
		return errorf(FailedPrecondition, "Migrate: the End is %v, not up", e.State())
	}
	return err
}
