package gantline

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/goid"
)

// lifetime is how far the life of an End has come. The line knows the rest: it outlives the sessions.
//
//	made ── attach, Setup ──> set up ── start ──> up ── Shutdown ──> draining ── Close ──> closing ──> over
//	  └──────── abandon: a failed handshake or Setup ────────────────────────────────────────────────> over
//	                                                └── lost for good, or closed by the peer ────────> over
//
//	set up    setup holds the goroutine of Setup while that runs; what would wait for the peer fails there
//	up        up is closed
//	draining  line.Draining
//	closing   line.Closing: Close was called
//	over      ctx is done, with the cause; line.Finish has run host.Finished
type lifetime struct {
	setup atomic.Uint64 // goroutine that runs Setup; 0 = none
	up    chan struct{} // closed when Setup has succeeded and the peer is about to be heard

	closing sync.Once
	goodbye frame.Drain // set by closing

	farewell atomic.Pointer[frame.Drain] // with which Shutdown has begun
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
	e.life.setup.Store(goid.ID())
	defer e.life.setup.Store(0)
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

func (e setupError) Unwrap() error { return errs.Seal(e.code(), e.err) }

// code is what the link refuses the peer with.
func (e setupError) code() Code {
	if c := CodeOf(e.err); c != Unknown && c != OK {
		return c
	}
	return PermissionDenied
}

// start lets the peer be heard.
func (e *End) start() {
	s := e.session()
	e.hookSession(true)
	close(e.life.up)
	e.calls.begin(s)
	e.messages.begin(s) // before the peer can have the next session begun
	s.Begin()           // which may run callbacks
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

// mayWait refuses what would wait for the peer for ever. That is anything inside Setup, with an Inline handler's context,
// and in the application's code on a goroutine that the End needs. Elsewhere it waits until Setup has succeeded.
func (e *End) mayWait(ctx context.Context, op, name string) error {
	_, err := e.enter(ctx, op, name, true)
	return err
}

// mayAwait is mayWait for the outcome of what was begun. It is still to be had while the End is being closed.
func (e *End) mayAwait(ctx context.Context, op, name string) error {
	switch {
	case !e.line.Closing():
		return e.mayWait(ctx, op, name)
	case e.line.Inside():
		return insideError(op, name)
	}
	return nil
}

// insideError refuses what would wait for the goroutine that it is called on.
func insideError(op, name string) error {
	return errorf(FailedPrecondition, "%s inside a callback would wait for the goroutine that the callback runs on: do it in another one", op).named(name)
}

// cannotWait reports whether an open must go out at once or not at all.
func (e *End) cannotWait() bool { return e.line.Inside() || e.inSetup() }

// enter is mayWait for what waits in any case, or only when there is no place for it. It also returns the depth of a call
// made with ctx.
func (e *End) enter(ctx context.Context, op, name string, waits bool) (depth uint8, err error) {
	if e.line.Closing() {
		return 0, e.closedError(name)
	}
	select {
	case <-e.life.up:
	default:
		if err := e.awaitSetup(ctx, op, name); err != nil {
			return 0, err
		}
	}
	switch hc := handlerFrom(ctx); {
	case hc != nil && hc.Inline && hc.end == e:
		return 0, errorf(FailedPrecondition, "%s with the context of an Inline handler would wait for its own answer: register the handler without Inline", op).named(name)
	case waits && e.line.Inside():
		return 0, insideError(op, name)
	}
	return depthFrom(ctx), nil
}

func (e *End) awaitSetup(ctx context.Context, op, name string) error {
	if e.inSetup() {
		return errorf(FailedPrecondition, "%s inside Config.Setup would wait for ever, the peer is heard only afterwards: do it in a goroutine", op).named(name)
	}
	select {
	case <-e.life.up:
		return nil
	case <-ctx.Done():
		return waitError(ctx, false, name)
	case <-e.ctx.Done():
		return e.exchangeError(e.line.Cause(), false, name)
	}
}

// inSetup reports whether the caller runs inside Config.Setup.
func (e *End) inSetup() bool {
	id := e.life.setup.Load()
	return id != 0 && id == goid.ID()
}

// closedError is what a call on an End closed here fails with.
func (e *End) closedError(name string) error {
	return &Error{Code: Unavailable, Message: "not sent, this end is closed", Method: name, cause: errors.Join(ErrNotSent, errEndClosed)}
}

// errEndClosed is what operations on an End closed here return.
var errEndClosed = errs.New(Unavailable, "gantline: end is closed: "+net.ErrClosed.Error(), net.ErrClosed)
