package gantline

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/backlog"
	"github.com/gantline-project/gantline/internal/sessions"
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

	cfg   Config         // with defaults; does not change
	plain bool           // the peer speaks yamux: streams only; set before the first session
	line  *sessions.Line // one session after the other; it also knows how the End's life goes on, see lifetime

	ctx    context.Context         // ends with the End
	cancel context.CancelCauseFunc // the cause says why the End is over

	calls, messages room // what rpc and messager keep of the End; set before it is shared

	life           lifetime
	hooks          hooks
	backlog        backlog.Backlog[*Stream] // the peer's streams that wait for AcceptStream
	running        atomic.Int64             // handlers and subscription functions
	carrierChanges atomic.Uint64            // how often a carrier came or was lost

	mu sync.Mutex // guards the scopes of all streams; no other lock is taken while it is held
}

// A room is what rpc or messager keeps of an End, which calls it when its own life goes on and knows nothing else of it.
type room interface {
	// attach is called with the first session, before Setup runs.
	attach(s *session)
	// begin is called when a session's peer is heard, or about to be.
	begin(s *session)
	// lost is called when the session is lost and another one is to come.
	lost()
	// over is called once: there will be no more sessions.
	over()
	// wait waits for the room's goroutines. The End is over.
	wait()
}

var (
	_ net.Conn     = (*End)(nil)
	_ net.Listener = (*End)(nil)
)

// errEndClosed is what operations on an End closed here return.
var errEndClosed = fmt.Errorf("gantline: end is closed: %w", net.ErrClosed)

// State is the state of an End's link; its String method names it.
type State = conn.State

// The states of an End. docs/PROTOCOL.md has the table of transitions.
const (
	StateConnecting  = conn.StateConnecting  // no carrier yet
	StateHandshaking = conn.StateHandshaking // a carrier, peer not verified yet
	StateUp          = conn.StateUp          // frames flow
	StateBroken      = conn.StateBroken      // the carrier is gone
	StateDraining    = conn.StateDraining    // no new work is taken, what runs may finish
	StateClosed      = conn.StateClosed      // over; nothing is sent or received any more
)

// Side says which end of a connection opened something.
type Side uint8

// The sides. They are about the dial, not about who serves whom: either side may open, call and publish.
const (
	ClientSide Side = iota + 1 // the side that dialled
	ServerSide                 // the side that accepted
)

// String returns "client" or "server".
func (s Side) String() string {
	switch s {
	case ClientSide:
		return "client"
	case ServerSide:
		return "server"
	}
	return "no side"
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
