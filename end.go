package gantline

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/mux"
)

// End is one of the two ends of a connection. It is a stream itself, the first one, which both sides have
// from the start; it opens and accepts more; and it calls, is called, publishes and receives in its own right.
// Make one with Client, Server or Pipe.
//
// End and Stream share their methods. On an End they mean:
//
//	Close, Shutdown, Context, Accept, Addr           the whole End
//	Read, Write, CloseWrite, CloseRead, Reset, ID    its first stream only
//	Call, Handle, Publish, Receive, Subscribe        the End's own scope
//
// All methods may be called from any goroutine at any time.
type End struct {
	*Stream // the first stream

	cfg    Config // with defaults
	router *Router
	own    *scope         // of the End
	line   *sessions.Line // of sessions; has the newest before Setup runs

	ctx    context.Context
	cancel context.CancelCauseFunc // the cause says why the End is over

	hooks   serial.Queue
	hooked  atomic.Int32 // streams that wait for OnStream
	told    State        // by OnState, last; owned by the hooks' goroutine
	backlog backlog
	calls   freeList[call]
	notices freeList[notice]
	peers   peerMethods
	running atomic.Int64  // handlers and subscription functions
	setup   atomic.Uint64 // goroutine that runs Setup; 0 = none
	up      chan struct{} // closed when Setup has succeeded and the peer is heard
	plain   bool          // the peer speaks yamux: streams only; set before the first session
	box     Outbox        // nil = nothing is kept; set, as boxKey, before Setup runs
	boxKey  string        // what box knows the peer by
	keeper  keeper
	holds   *holder      // with box; guarded by the holders' lock
	close   func() error // does it once

	turns atomic.Uint64 // how often a carrier came or was lost

	mu sync.Mutex // guards the scopes and states of all streams
}

var (
	_ net.Conn     = (*End)(nil)
	_ net.Listener = (*End)(nil)
)

// errEndClosed is what operations on an End closed here return.
var errEndClosed = fmt.Errorf("gantline: end is closed: %w", net.ErrClosed)

// newEnd returns an End without a link.
func newEnd(c *Config) (*End, error) {
	e := &End{cfg: c.withDefaults(), up: make(chan struct{})}
	if err := e.cfg.check(); err != nil {
		return nil, err
	}
	e.router = e.cfg.Router
	e.line = sessions.New(host{e}, sessions.Config{Redial: e.cfg.Redial, Logger: e.cfg.Logger, Closed: errEndClosed})
	e.ctx, e.cancel = e.line.Context(), e.line.Cancel
	e.Stream = &Stream{end: e, accepted: true}
	e.own = &scope{end: e, stream: e.Stream}
	e.Stream.sc.Store(e.own)
	e.peers.out.e = e
	e.hooks.Hold()
	e.close = sync.OnceValue(e.closeNow)
	return e, nil
}

// attach gives e its first session, s, and runs Setup. The peer is not heard before start.
func (e *End) attach(s *session) (err error) {
	s.Notifies.Open()
	e.useOutbox(s)
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
	e.mirror(s)
	if e.box != nil {
		s.Resending.Go(func() { e.publishKept(s) })
	}
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

// over ends what the session does not know of.
func (e *End) over(err error) {
	e.backlog.end(err, false)
	e.own.over(err)
	e.stopMirror()
	e.hookState(StateClosed)
}

// State returns the End's state. StateDraining begins with Shutdown or Close. StateBroken also means that the
// session is lost and the next one not there yet.
func (e *End) State() State {
	s := e.session()
	switch st := s.Link.State(); {
	case s.Lost():
		if e.ctx.Err() != nil {
			return StateClosed
		}
		return StateBroken
	case st == StateUp && e.line.Draining():
		return StateDraining
	default:
		return st
	}
}

// LocalID returns what this side is called: Config.ID, or what a client without one was given.
func (e *End) LocalID() string { return e.session().Link.LocalID() }

// PeerID returns what the peer is called. A client's id is only a claim.
func (e *End) PeerID() string { return e.session().Link.Peer().ID }

// PeerMeta returns the peer's Config.Meta. Do not change it.
func (e *End) PeerMeta() []byte { return e.session().Link.Peer().Meta }

// Side tells whether this side dialled.
func (e *End) Side() Side {
	if e.session().Link.Client() {
		return ClientSide
	}
	return ServerSide
}

// Context returns a context that is done when the End is. context.Cause says why: net.ErrClosed is in it
// when the End was closed, here or by the peer, ErrSessionLost when the carrier was lost and the End does not
// redial.
func (e *End) Context() context.Context { return e.ctx }

// Addr returns the local address of the carrier, for net.Listener.
func (e *End) Addr() net.Addr { return e.session().Link.LocalAddr() }

// Ping asks the peer for a sign of life and returns the round trip time. It waits while there is no connection, and
// asks again after it. Errors: ctx's, FailedPrecondition where waiting is impossible (Setup, Inline handlers), or why
// the End is over.
func (e *End) Ping(ctx context.Context) (time.Duration, error) {
	if err := e.mayWait(ctx, "Ping", ""); err != nil {
		return 0, err
	}
	for s := e.session(); ; {
		rtt, err := s.Link.Ping(ctx)
		switch {
		case err == nil:
			return rtt, nil
		case ctx.Err() != nil:
			return 0, contextError(ctx, "")
		case !e.lostOn(s, err):
			return 0, err
		}
		if s, err = e.next(ctx, s, false, ""); err != nil {
			return 0, err
		}
	}
}

// Config's parts as the rest of the package asks for them.

func (e *End) logger() *slog.Logger { return e.cfg.Logger }

func (e *End) handlerStarted() { e.running.Add(1) }
func (e *End) handlerDone()    { e.running.Add(-1) }

// checkBody refuses a body that the peer would.
func (e *End) checkBody(_, name string, n int) error {
	if limit := e.session().Link.Peer().Limits.Body; n > int(limit) {
		return errorf(ResourceExhausted, "body of %d bytes is over the peer's limit of %d: raise Limits.Body in the peer's Config, or use a stream", n, limit).named(name)
	}
	return nil
}

// checkAnswer is checkBody for what a handler returned.
func (e *End) checkAnswer(n int) error {
	if limit := e.session().Link.Peer().Limits.Body; n > int(limit) {
		return errorf(ResourceExhausted, "answer of %d bytes is over the caller's limit of %d: raise Limits.Body in the caller's Config, or use a streaming call", n, limit)
	}
	return nil
}

// acceptor hears what the peer opens in a session.
type acceptor struct {
	e *End
	s *session
}

// AcceptExchange takes a call, notify or message. Reader goroutine.
func (a acceptor) AcceptExchange(x *mux.Incoming) {
	e := a.e
	own := x.Value
	x.Value = nil // until somebody takes it
	sc := e.scopeOf(a.s, x.Parent)
	switch {
	case sc == nil:
		e.refuse(x, NotFound, "the stream it is addressed to has ended")
	case x.Kind.Group() == frame.GroupMessages:
		a.acceptMessage(sc, x, own.(*Message))
	case len(x.Name) > 0 && x.Name[0] == ':':
		a.acceptInternal(x)
	default:
		a.acceptCall(sc, x, own.(*serving))
	}
}

// NewExchange returns the exchange within what the End keeps of a message or call.
func (a acceptor) NewExchange(kind frame.Kind) *mux.Incoming {
	if kind.Group() == frame.GroupMessages {
		m := new(Message)
		m.own.Value = m
		return &m.own
	}
	sv := new(serving)
	sv.own.Value = sv
	return &sv.own
}

// ReadyExchange says that x's body is complete. Reader goroutine.
func (a acceptor) ReadyExchange(x *mux.Incoming) {
	if v, ok := x.Value.(exchange); ok {
		v.ready(x)
	}
}

// CancelExchange says that nobody waits for x's answer.
func (a acceptor) CancelExchange(x *mux.Incoming, err error) {
	if v, ok := x.Value.(exchange); ok {
		v.cancel(x, err)
		return
	}
	a.e.refuse(x, Canceled, "")
}

// HandleDrain says that the peer takes no new work; the session refuses it from now on.
func (a acceptor) HandleDrain(d frame.Drain) {
	a.e.logger().Debug("gantline: the peer drains", "peer", a.e.PeerID(), "reason", d.Text)
}
