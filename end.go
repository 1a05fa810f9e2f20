package gantline

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/backlog"
	"github.com/gantline-project/gantline/internal/flight"
	"github.com/gantline-project/gantline/internal/serial"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/internal/throttle"
)

// The end's room. An End owns the succession of its sessions (line), its context, the hooks that are due and the
// backlog of streams; what rpc and messager keep of it is theirs; it calls them through the interface room. End.mu guards the scopes
// of all streams and is taken last. An End itself has no goroutine: its link has two, the line one while it redials, the
// hooks one while there are some. Read end_setup.go (how an End begins, and the chart of its life), end_dial.go and
// end_sessions.go (the doors), end_accept.go (what comes in from below), end_session.go (waiting for the next session, Migrate),
// end_serve.go and end_context.go (what rpc and messager share), end_outcome.go (what an error means to a caller),
// end_hooks.go, end_close.go, end_yamux.go.

// End is one of the two ends of a connection. Make one with Client, Server or Pipe.
//
// An End is a net.Listener of the streams that its peer opens. It is also a stream itself, the first one, which both
// sides have from the start; and it calls, is called, publishes and receives. What it shares with Stream godoc lists
// only there:
//
//   - bytes of the first stream: [Stream.Read], [Stream.Write], [Stream.CloseWrite], [Stream.CloseRead], [Stream.Reset],
//     [Stream.ReadFrom], [Stream.WriteTo], [Stream.SetDeadline], [Stream.SetReadDeadline], [Stream.SetWriteDeadline];
//   - calls: [Stream.Call], [Stream.Notify], [Stream.Go], [Stream.OpenCall], [Stream.Handle], [Stream.HandleStream],
//     [Stream.Fallback];
//   - messages: [Stream.Publish], [Stream.PublishAsync], [Stream.Subscribe], [Stream.Receive], [Stream.Messages].
//
// On an End, calls and messages concern the End's own scope: they reach what is registered on the peer's End or its
// Router. Close, Shutdown, Context, Accept and Addr concern the whole End.
//
// All methods may be called from any goroutine at any time.
type End struct {
	*Stream // the first stream

	cfg   Config         // with defaults; does not change
	log   *throttle.Log  // of cfg.Logger
	plain bool           // the peer speaks yamux: streams only; set before the first session
	line  *sessions.Line // one session after the other; it also knows how the End's life goes on, see lifetime

	ctx    context.Context         // ends with the End
	cancel context.CancelCauseFunc // the cause says why the End is over

	calls, messages room // what rpc and messager keep of the End; set before it is shared

	life           lifetime
	hooks          hooks
	ends           serial.Queue             // what is due after the ends of streams; no user code
	backlog        backlog.Backlog[*Stream] // the peer's streams that wait for AcceptStream
	flights        flight.Pool              // of the calls and messages that somebody waits for
	running        atomic.Int64             // handlers and subscription functions
	carrierChanges atomic.Uint64            // how often a carrier came or was lost

	mu sync.Mutex // guards the scopes of all streams; no other lock is taken while it is held
}

var (
	_ net.Conn     = (*End)(nil)
	_ net.Listener = (*End)(nil)
)

// LocalID returns what this side is called: Config.ID, or what a client without one was given.
func (e *End) LocalID() string { return e.session().Link.LocalID() }

// PeerID returns what the peer is called. A client's id is only a claim.
func (e *End) PeerID() string { return e.session().Link.Peer().ID }

// PeerMeta returns the peer's Config.Meta, at most 4096 bytes. Do not change it.
func (e *End) PeerMeta() []byte { return e.session().Link.Peer().Meta }

// Side tells whether this side dialled.
func (e *End) Side() Side {
	if e.session().Link.Client() {
		return ClientSide
	}
	return ServerSide
}

// Addr returns the local address of the carrier, for net.Listener.
func (e *End) Addr() net.Addr { return e.session().Link.LocalAddr() }

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

// Draining reports whether this side's Shutdown or Close has begun, whatever the state of the link is.
func (e *End) Draining() bool { return e.line.Draining() || e.line.Closing() }

// Context returns a context that is done when the End is over. context.Cause says why:
//
//   - net.ErrClosed is in it when the End was closed, here or by the peer;
//   - ErrSessionLost when the carrier was lost and the End does not redial, or got no fresh session. The code is
//     Unavailable, or that of the server's refusal of a fresh session.
func (e *End) Context() context.Context { return e.ctx }

// Stats returns the End's counters.
func (e *End) Stats() Stats {
	s := e.session()
	windows, bodies := s.Mux.Granted()
	return Stats{
		Link:         s.Link.Stats(),
		Sessions:     int(s.Seq),
		Open:         e.line.Count(),
		Handlers:     int(e.running.Load()),
		Backlog:      e.backlog.Len(),
		StreamMemory: windows,
		BodyMemory:   bodies,
	}
}

// Ping asks the peer for a sign of life and returns the round trip time. It waits while there is no connection, and
// asks again after that.
//
// Errors: ctx's, FailedPrecondition where waiting is impossible (Setup, Inline handlers, OnDone), or why the End is over.
func (e *End) Ping(ctx context.Context) (time.Duration, error) { return e.ping(ctx) }

// Migrate moves the End to a new carrier, dialled with Config.Redial, before the old one breaks. Use it to go from one
// network to another, or to leave a proxy that is about to stop. Streams, calls and messages go on, and no hook is
// called. ctx bounds the dial and the handshake.
//
// Errors: ctx's, the dial's, FailedPrecondition on an End that cannot redial or is not up and where waiting is
// impossible (Setup, Inline handlers, OnDone), why the End is over, ErrUnsupported with a yamux peer. When the old carrier was
// given up and the new one failed, the End is broken and redials as after any other loss.
func (e *End) Migrate(ctx context.Context) error { return e.migrate(ctx) }

// Close closes the End, after what was written has been delivered. Streams are closed and the goodbye is said; at most
// 5 seconds are given for all of that. Then blocked operations return net.ErrClosed, calls in progress
// ErrUnknownOutcome, and contexts of handlers end. Close waits for the End's goroutines but not for handlers, so a
// handler may call it. In a callback on such a goroutine (OnDone, OnCallDone, Redial, an Inline handler) it does not wait
// for that one, and the End is over after the callback has returned.
//
// The peer reads all that was written. After that it reads io.EOF only from streams that were closed, or closed for
// writing, before, and from the End's own stream, which Close closes; a stream that was still being written ends with
// net.ErrClosed there.
//
// It returns nil only if the peer has confirmed everything that was written. Otherwise the error names the number of
// bytes and why (*conn.UnconfirmedError). A peer that closed first, having confirmed everything, is no error. Close may
// be called again and returns the same.
func (e *End) Close() error { return e.close(context.Background(), nil, true) }

// CloseWith is Close with a reason for the peer. Its context.Cause has the reason's code (CodeOf) and text, at most 1 KiB,
// beside net.ErrClosed. The End's own stream ends with that too, and not with io.EOF. nil is Close.
//
// From the accepting side the code Unavailable asks the client to come again: if it redials, its End lives on with a fresh
// session. Errors of connections have that code too, so to send a client away choose another one. A *conn.RefusedError as the reason can name an address to go to (Addr) and a time to wait (RetryAfter).
func (e *End) CloseWith(reason error) error {
	return e.close(context.Background(), reason, reason == nil)
}

// Shutdown closes the End once its work is done. From the start nothing new is opened, called or published on the End:
// what the peer tries fails with Unavailable and ErrNotSent, and so does what this side tries, except that handlers may
// finish theirs. Shutdown waits until no stream, call or message is open and no handler runs, then closes.
//
// ctx bounds all of it. A quarter of its time, at most 1 s, is kept for the goodbye. When work is left then, Shutdown
// closes as CloseWith does and returns ctx's error; a cancelled ctx leaves 250 ms for that. Do not call it from a handler:
// it would wait for itself. In OnDone and the like it fails with FailedPrecondition.
//
// It does not wait for the End's own stream, which is always open and ends cut off: use CloseWrite on it before.
//
// On the accepting side it asks the client to come again, which that does at once if it redials: docs/RECONNECT.md.
func (e *End) Shutdown(ctx context.Context) error { return e.shutdown(ctx, nil) }

// ShutdownWith is Shutdown with a reason for the peer, as CloseWith has one. nil is Shutdown.
func (e *End) ShutdownWith(ctx context.Context, reason error) error { return e.shutdown(ctx, reason) }

// Abort ends the End now, without a goodbye, and does not wait. What is under way fails: with ErrNotSent what was not
// sent, with ErrUnknownOutcome what the peer may have seen. reason, which may be nil, is in context.Cause beside
// net.ErrClosed. To the peer the connection broke: a server keeps the session until SessionExpiry. A client whose server
// did it comes back, learns that its session was closed, and is over too.
func (e *End) Abort(reason error) { e.line.Abort(reason) }

// Stats are counters of an End. Numbers count from its start unless said otherwise.
type Stats struct {
	Link     conn.Stats // of the newest session
	Sessions int        // how many there have been: more than one when fresh ones were begun
	Open     int        // streams, calls and messages open now, both sides' together
	Handlers int        // handlers and subscription functions that run now
	Backlog  int        // streams that wait for AcceptStream now

	// StreamMemory and BodyMemory are the bytes granted now under the limits of the same names. The first are for
	// windows of streams, the others for bodies being received.
	StreamMemory, BodyMemory int
}

// State is the state of an End's link. Its String method names it.
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

// FromContext returns the End whose peer made the call, or sent the message, that ctx belongs to. Use it to call the
// caller back. Outside handlers and subscription functions it returns nil.
func FromContext(ctx context.Context) *End {
	if hc := handlerFrom(ctx); hc != nil {
		return hc.end
	}
	return nil
}

// Redialing tells what the End knows about the connection that a Config.Redial is to make, which was called with ctx.
// Package client goes by both:
//
//   - addr is where the last server that was asked has sent the client, "" for nowhere in particular. A dial that fails
//     there is not repeated.
//   - home is where the last carrier led of the session that is to be resumed; no other server can resume it. It is nil
//     when a fresh session is to begin.
func Redialing(ctx context.Context) (addr string, home net.Addr) {
	h := sessions.HintOf(ctx)
	return h.Addr, h.Home
}
