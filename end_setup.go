package gantline

import (
	"sync"

	"github.com/gantline-project/gantline/internal/sessions"
)

// newEnd returns an End without a link.
func newEnd(c *Config) (*End, error) {
	e := &End{cfg: c.withDefaults(), up: make(chan struct{})}
	if err := e.cfg.check(); err != nil {
		return nil, err
	}
	e.line = sessions.New(host{e}, sessions.Config{Redial: e.cfg.Redial, Logger: e.cfg.Logger, Closed: errEndClosed})
	e.ctx, e.cancel = e.line.Context(), e.line.Cancel
	e.Stream = &Stream{end: e, scope: scope{accepted: true}}
	e.calls, e.messages = newEndCalls(e), newEndMessages(e)
	e.hooks.Hold()
	e.close = sync.OnceValue(e.closeNow)
	return e, nil
}

// attach gives e its first session, s, and runs Setup. The peer is not heard before start.
func (e *End) attach(s *session) (err error) {
	s.Notifies.Open()
	e.calls.attach(s)
	e.messages.attach(s)
	if e.Stream.mx = noBytes(s.Link.Client()); !e.plain {
		e.Stream.mx = s.Mux.First()
	}
	e.line.Put(s)
	if e.cfg.Setup == nil {
		return nil
	}
	e.setup.Store(goroutineID())
	defer e.setup.Store(0)
	defer func() {
		if v := recover(); v != nil {
			err = setupError{e.recovered("hook", "Setup", v)}
		}
	}()
	if err := e.cfg.Setup(e); err != nil {
		return setupError{err}
	}
	return nil
}

// setupError is Setup's error in the words that go to the peer.
type setupError struct{ err error }

func (e setupError) Error() string { return prefix + headOf(e.err).Text }

func (e setupError) Unwrap() error { return e.err }

// As gives the link the code to refuse the peer with.
func (e setupError) As(target any) bool {
	c, ok := target.(*Code)
	if ok {
		if *c = CodeOf(e.err); *c == Unknown || *c == OK {
			*c = PermissionDenied
		}
	}
	return ok
}

// start lets the peer be heard.
func (e *End) start() {
	s := e.session()
	e.hookSession(true)
	s.Begin()
	close(e.up)
	e.calls.begin(s)
	e.messages.begin(s)
	e.hooks.Release()
}

// abandon ends an End that was never handed out.
func (e *End) abandon(err error) {
	e.hooks.Drop()
	e.cancel(err)
	if s := e.session(); s != nil {
		s.Mux.HandleClose(err)
	}
	e.line.Finish(err)
}

