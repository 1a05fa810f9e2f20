package gantline

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
)

// Config sets up an End. The zero value and nil mean all defaults. A Config may be used for many Ends. It is copied when
// an End is made, and must not be changed while that happens.
//
// The hooks OnState, OnSession, OnPeerMethod and OnKept of one End run one after the other, in the order of what they
// report, on a goroutine of their own. They may call anything but must not wait for a later hook. A table of all callbacks,
// with where each runs and what it may wait for, is in docs/USAGE.md.
type Config struct {
	// ID is what this side calls itself: the claimed id of a client, or the id of a server. It has at most 128 bytes of
	// printable ASCII. A client without one is given one.
	ID string
	// Meta goes to the peer in the handshake, which has it from End.PeerMeta. At most 4096 bytes.
	Meta []byte
	// Router has handlers and subscriptions that many Ends share. nil = none.
	Router *Router
	// Codec turns values into bytes in typed calls and messages. nil = Msgpack. An answer uses the request's codec, so
	// the peers need not agree.
	Codec Codec
	// Codecs are those in which the peer may send values beside Codec: Decode and typed handlers fail with Unimplemented
	// for any other. nil = Msgpack and JSON; an empty list leaves Codec alone.
	Codecs []Codec
	// Heartbeat is how long the link may be silent before the peer is asked for a sign of life. With no answer for 2/3
	// of it the carrier is given up. The smaller of the two peers' values counts; what is announced is at least 1 s and at
	// most 300 s. Zero and negative = 15 s.
	Heartbeat time.Duration
	// SessionExpiry is how long a session may live without a carrier. The peer learns it. Zero = 60 s; negative = none:
	// a torn carrier ends the session, and the End, at once.
	SessionExpiry time.Duration
	// Redial makes the End of the dialling side outlive its carrier. When the carrier breaks, Redial is called, with
	// backoff, until the session is resumed over what it returns. For that the server must keep Sessions.
	//
	// When the session is lost (it expired, or the server is another one) a fresh one begins under the same End. Its id,
	// handlers, subscriptions and Router stay, and Setup is not run again. Streams, the End's own bytes included, fail
	// with ErrSessionLost; calls that were not sent and unacked messages go with the fresh session. So it is when the server
	// shuts down, except that the fresh session begins while the old one finishes. The End is over only by Close, by the
	// server's Close of it, by a protocol error, or when the server refuses the fresh session with Unauthenticated or
	// PermissionDenied.
	//
	// Redial runs on a goroutine that redials, one call at a time; what would wait for the peer fails inside it. It should
	// honour ctx, which ends with the End. Redialing tells what is known about the next connection. Package client sets
	// it. nil = a torn carrier ends the End, as it does with a negative SessionExpiry.
	Redial func(ctx context.Context) (net.Conn, error)
	// NoFresh ends an End whose session is lost with ErrSessionLost, and one that is asked to come again with net.ErrClosed.
	// Redial still resumes the session over new carriers.
	NoFresh bool
	// Yamux lets the peer speak plain yamux (hashicorp/yamux, libp2p). The dialling side then speaks nothing else. The
	// accepting side takes either dialect and knows it by the first byte, which has to come within 5 s; hashicorp's
	// clients send it with their first stream or ping. Off by default: a yamux peer says nothing about who it is, so
	// only TLS or Setup can tell.
	//
	// The End has streams without names and metadata. Calls, messages, the End's own bytes, Receive and Migrate give
	// ErrUnsupported; handlers and subscriptions are never called. On the accepting side PeerID is made up, on the
	// dialling one it is "". Redial is not used: a torn carrier ends the End with ErrSessionLost. A peer that just
	// hangs up has closed the End. Close returns nil when all was written and the peer has hung up too, since yamux
	// confirms nothing. Limits hold, but a stream's window is 256 KiB at first whatever Limits.Window says.
	Yamux bool
	// Dedup keeps copies of messages from the application. A message whose id it has seen is acked and not handed out.
	// nil, the default, hands out everything; NewDedup is one in memory.
	//
	// Copies come after a lost session, or from a publisher that publishes an id again. A message is remembered when it
	// is acked. A copy that comes while the function of a subscription works on another one, at any End of the process
	// with the same Dedup, waits until that has returned, and so does the queue of its subscription; it is handed out
	// then if the other was not acked. What Receive returns, and what ErrAckLater leaves open, holds no copy back.
	Dedup Dedup
	// Outbox keeps messages until they are answered, so that unanswered ones outlive the process. See Outbox for what is
	// kept and when it goes out again. Package outbox has one in a file. nil, the default, keeps nothing: messages end
	// with their End.
	Outbox Outbox
	// Checksum asks for checksums where there is no TLS; both sides have them if either asks. Bytes that were changed on
	// the way break the connection then, and the session goes on over the next one. yamux has none.
	Checksum bool
	// Limits bounds what the peer may make this side do.
	Limits Limits
	// Logger gets what nobody can learn otherwise, such as panics of handlers. nil = slog.Default(). Lines of a kind that
	// come too often are left out, and counted in the next one (docs/LIMITS.md). Its slog.Handler runs
	// on any goroutine, also one that reads a connection; what would wait for the peer fails inside it.
	Logger *slog.Logger
	// Repanic lets panics of handlers, subscriptions and hooks crash the process after they were logged. Otherwise the
	// caller gets Internal and the process lives on.
	Repanic bool

	// Setup runs once per End, after the handshake and before anything of the peer's is looked at. Register handlers
	// here, so that no first stream, call or message misses them. An error refuses the peer with its code and text. What
	// waits for the peer (Call, Publish, Ping, AcceptStream, Receive) fails at once inside it; goroutines that it starts
	// may wait.
	Setup func(*End) error
	// OnStream does the same for each stream that the peer has opened. It runs, in the order of the opens, before the
	// stream's own calls and messages are looked at and before AcceptStream returns it. An error refuses the stream.
	// While it blocks, later streams and hooks wait. Without it, a call to a stream's own handlers waits up to 10 s for
	// the stream to be accepted and a first handler to be registered, and 1 s more for the right one.
	OnStream func(*Stream) error
	// OnState is called with the states that the End goes through, from StateUp on.
	OnState func(*End, State)
	// OnSession is called, after StateUp, when a session begins and when it goes on over a new carrier. With fresh = false
	// nothing was lost; with fresh = true no stream of an older session lives on.
	OnSession func(end *End, fresh bool)
	// OnPeerMethod mirrors the methods that the peer's End and Router handle: once for each there is, then for each
	// change. When a session is lost all are removed; a fresh one adds what there is then. Without it nothing about
	// methods is sent.
	OnPeerMethod func(end *End, method string, added bool)
	// OnKept is called with what the peer answered to a message that an earlier End had left in Outbox. err is nil for an
	// ack, else the *Error that Publish would have returned. The message has left the Outbox by then. Without OnKept,
	// nacks are logged.
	OnKept func(end *End, m *KeptMessage, err error)
}

// withDefaults returns a copy with every default filled in; c may be nil.
func (c *Config) withDefaults() Config {
	var cfg Config
	if c != nil {
		cfg = *c
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Codec == nil {
		cfg.Codec = Msgpack
	}
	cfg.Heartbeat = max(cfg.Heartbeat, 0) // conn has the default
	cfg.Limits = cfg.Limits.withDefaults()
	return cfg
}

// maxMeta leaves half of a handshake message to the rest of it.
const maxMeta = frame.MaxHandshake / 2

// check reports what the handshake could not carry.
func (c *Config) check() error {
	if len(c.ID) > frame.MaxPeerID {
		return errorf(InvalidArgument, "Config.ID has %d bytes, the limit is %d", len(c.ID), frame.MaxPeerID)
	}
	for i := range len(c.ID) {
		if c.ID[i] < ' ' || c.ID[i] > '~' {
			return errorf(InvalidArgument, "Config.ID is %q, it must be printable ASCII", c.ID)
		}
	}
	if len(c.Meta) > maxMeta {
		return errorf(InvalidArgument, "Config.Meta has %d bytes, the limit is %d", len(c.Meta), maxMeta)
	}
	if l := c.Limits.Frame; l < frame.MinMaxPayload || l > frame.MaxLength {
		return errorf(InvalidArgument, "Limits.Frame is %d bytes, it must be between %d and %d", l, frame.MinMaxPayload, frame.MaxLength)
	}
	if err := c.Limits.wire().Validate(); err != nil {
		return errorf(InvalidArgument, "Config.Limits: %s", cleanText(err))
	}
	return nil
}

// link is the part of c that the link needs.
func (c *Config) link() *conn.Config {
	return &conn.Config{
		ID:        c.ID,
		Meta:      c.Meta,
		Limits:    c.Limits.wire(),
		Heartbeat: c.Heartbeat,
		Expiry:    c.SessionExpiry,
		Checksum:  c.Checksum,
		Logger:    c.Logger,
	}
}
