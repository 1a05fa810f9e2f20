package gantline

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/mux"
)

// session is one session of an End: its link and what runs over it. An End that redials gets a new one when the
// old one is lost; any other has one.
type session struct {
	e    *End
	seq  uint64 // counts the End's sessions, from 1
	link link
	mux  *mux.Session

	native *conn.Link // is link; nil with a yamux peer
	begin  func()     // lets the peer be heard

	ctx    context.Context // of what the peer has started; ends with the session, and so with the End
	cancel context.CancelCauseFunc

	lost     atomic.Bool   // over, and the End is not; written under the End's turn
	over     chan struct{} // closed when everybody was told of the end
	replaced chan struct{} // closed when the End has a newer session

	// New notifies and messages wait for these, behind which older ones have been sent again.
	notes, letters latch
	resending      sync.WaitGroup // goroutines that send again
}

// latch is opened once. Asking whether it is costs no lock.
type latch struct {
	open atomic.Bool
	ch   chan struct{}
}

func (l *latch) release() {
	l.open.Store(true)
	close(l.ch)
}

// blankSession returns a session of e without a link.
func blankSession(e *End) *session {
	s := &session{e: e, seq: 1, over: make(chan struct{}), replaced: make(chan struct{})}
	if old := e.cur.Load(); old != nil {
		s.seq = old.seq + 1
	}
	s.notes.ch, s.letters.ch = make(chan struct{}), make(chan struct{})
	s.ctx, s.cancel = context.WithCancelCause(e.ctx)
	return s
}

// newSession returns a session of e over l. The peer is not heard before begin.
func newSession(e *End, l *conn.Link) *session {
	s := blankSession(e)
	s.link, s.native = l, l
	limits := &e.cfg.Limits
	s.mux = mux.New(l, &mux.Config{
		Client:       l.Client(),
		Local:        limits.wire(),
		Peer:         l.Peer().Limits,
		Acceptor:     acceptor{s},
		OpenTimeout:  limits.OpenTimeout,
		Window:       limits.Window,
		MaxWindow:    limits.MaxWindow,
		StreamBudget: limits.StreamMemory,
		BodyBudget:   limits.BodyMemory,
	})
	s.begin = func() { l.Start(linkHandler{s.mux, s}) }
	return s
}

// session returns e's newest session, which may be lost. It is nil only while e shakes hands for the first time.
func (e *End) session() *session { return e.cur.Load() }

// session returns where calls and messages of st go: the one that st belongs to, the End's newest for its own.
func (st *Stream) session() *session {
	if st.ses != nil {
		return st.ses
	}
	return st.end.cur.Load()
}

// linkHandler is the session as the link's handler: the End hears of the end too.
type linkHandler struct {
	*mux.Session
	s *session
}

// HandleClose ends the session, and the End with it unless that can have another one. The context goes first,
// so that whatever fails because of it finds the cause there.
func (h linkHandler) HandleClose(err error) {
	s, e := h.s, h.s.e
	if e.outlives(s, err) {
		s.cancel(err)
		h.Session.HandleClose(err)
		e.stopMirror()
		e.forgetMethods()
		close(s.over)
		e.redial.kick()
		return
	}
	e.cancel(err)
	h.Session.HandleClose(err)
	close(s.over)
	e.finish(err)
}

// outlives decides whether e goes on without s, which has ended with err.
func (e *End) outlives(s *session, err error) bool {
	if e.redial == nil || !errors.Is(err, ErrSessionLost) || errors.Is(err, net.ErrClosed) {
		return false
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	if e.closing.Load() || e.ctx.Err() != nil {
		return false
	}
	s.lost.Store(true)
	return true
}

// finish ends the End, once.
func (e *End) finish(err error) {
	e.finished.Do(func() {
		e.cancel(err)
		e.notes.end(err)
		e.letters.end(err)
		e.over(err)
		e.keeper.end(e)
	})
}

// renew puts a new session over l in the place of old, which is lost. It reports false, and ends l, when the End
// is closed meanwhile. It is called by the redialler only.
func (e *End) renew(old *session, l *conn.Link) bool {
	old.resending.Wait()
	e.notes.collect()
	e.letters.collect()
	e.turn.Lock()
	if e.closing.Load() || e.ctx.Err() != nil {
		e.turn.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l.Start(refusing{})
		_ = l.Close(ctx, OK, "") // the server need not wait for us
		return false
	}
	s := newSession(e, l)
	e.cur.Store(s)
	e.turn.Unlock()
	if e.draining.Load() {
		s.mux.Drain(Unavailable, "shutdown", "")
	}
	e.hookSession(true)
	// The bytes of the first stream ended with the first session: the peer must not wait for them.
	_ = s.mux.First().Reset(Unavailable, "the client's first stream ended with an earlier session")
	s.mirror()
	s.begin()
	close(old.replaced)
	s.resend()
	return true
}

// lostOn reports whether err says that something could not be done, or finished, because s was lost, and that
// the End goes on.
func (e *End) lostOn(s *session, err error) bool {
	return e.redial != nil && s.lost.Load() && errors.Is(err, ErrSessionLost)
}

// next waits for the session behind s, which is lost. sent tells whether the peer may have acted on what waits:
// it decides what the error says when ctx or the End ends the wait.
func (e *End) next(ctx context.Context, s *session, sent bool, name string) (*session, error) {
	e.waiting.Add(1)
	defer e.waiting.Add(-1)
	select {
	case <-s.replaced:
		return e.session(), nil
	case <-ctx.Done():
		return nil, waitError(ctx, sent, name)
	case <-e.ctx.Done():
		return nil, e.exchangeError(context.Cause(e.ctx), sent, name)
	}
}

// behind returns e's newest session once what has to go before was sent again on it: which is notes or letters.
func (e *End) behind(ctx context.Context, s *session, which func(*session) *latch, name string) (*session, error) {
	for {
		l := which(s)
		if l.open.Load() || e.inSetup() {
			return s, nil
		}
		select {
		case <-l.ch:
		case <-s.replaced:
			s = e.session()
		case <-ctx.Done():
			return nil, waitError(ctx, false, name)
		case <-e.ctx.Done():
			return nil, e.exchangeError(context.Cause(e.ctx), false, name)
		}
	}
}

func notesOf(s *session) *latch   { return &s.notes }
func lettersOf(s *session) *latch { return &s.letters }

// waitError is the error of what waited for a session when its context ended.
func waitError(ctx context.Context, sent bool, name string) error {
	err := contextError(ctx, name)
	outcome := ErrNotSent
	if sent {
		outcome = ErrUnknownOutcome
	}
	err.cause = causes{outcome, err.cause}
	return err
}

// restart brings the time left in ctx up to date before an open is tried again.
func restart(ctx context.Context, open *mux.Open) {
	if deadline, ok := ctx.Deadline(); ok && open.Timeout > 0 {
		open.Timeout = max(time.Until(deadline), time.Millisecond)
	}
}

// knownOf is err in the light of an earlier attempt, which the peer may have seen.
func knownOf(err error, sent bool) error {
	if !sent || !errors.Is(err, ErrNotSent) {
		return err
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	return &Error{Code: Unknown, Message: "sent before, but the answer will not come", Method: e.Method, cause: causes{ErrUnknownOutcome, ErrSessionLost}}
}
