package conn

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// Defaults of Config. They are the numbers of docs/LIMITS.md.
const (
	DefaultHeartbeat        = 15 * time.Second
	DefaultExpiry           = 60 * time.Second
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultFlushTimeout     = 15 * time.Second
	DefaultAckTimeout       = 30 * time.Second
	DefaultCloseTimeout     = 5 * time.Second

	MinHeartbeat = time.Second       // least interval a peer may ask for
	MaxHeartbeat = 300 * time.Second // greatest interval a peer may ask for
)

// Config says how a Link behaves. The zero value and nil mean all defaults. Client
// and Server copy it, so later changes have no effect.
type Config struct {
	// ID is the id that a client claims, or the server's own. It has at most 128
	// printable ASCII bytes. With "" the server chooses one for a client, and a
	// random one for itself.
	ID string
	// Meta travels to the peer's application in the handshake. HELLO and WELCOME
	// as a whole must not exceed 8 KiB each.
	Meta []byte
	// Auth is a token for the server's Accept, which finds it in Peer.Auth.
	// Clients only.
	Auth []byte
	// Codecs are the ids of the body codecs understood. Clients only.
	Codecs []byte
	// Limits are announced to the peer. A zero field means its default, see
	// DefaultLimits.
	Limits frame.Limits
	// Heartbeat is the silence after which the peer is asked whether it is alive.
	// The carrier is closed if no answer comes within 2/3 of it. Both sides use the
	// smaller of both values. Default 15 s. The peer is asked for 1 s to 300 s; a
	// smaller local value holds on this side alone. Negative is an error.
	Heartbeat time.Duration
	// Expiry is how long a session outlives its carrier, at most 24 days. Both sides
	// use the smaller of both values. Default 60 s; negative means not at all.
	Expiry time.Duration
	// HandshakeTimeout bounds the handshake as a whole. A TLS handshake that the
	// first Read or Write starts is part of it. Default 5 s; negative is an error.
	HandshakeTimeout time.Duration
	// FlushTimeout is how long the carrier may take no byte while there is
	// something to write. Default 15 s; negative is an error.
	FlushTimeout time.Duration
	// AckTimeout is how long a peer that delivers frames may leave ours
	// unacknowledged. Default 30 s; negative is an error.
	AckTimeout time.Duration
	// Checksum asks for a checksum over all bytes after the handshake, where there is no
	// TLS. Both sides check if either wants it. Bytes that are changed on the way break the
	// carrier, and not the session. A client fails with a server that cannot.
	Checksum bool
	// CloseTimeout bounds Close, beside its context. Default 5 s; negative is an
	// error.
	CloseTimeout time.Duration
	// Logger gets what happens to the link. Default slog.Default().
	Logger *slog.Logger
	// Head is what the caller of Server has already read from the connection. It is
	// shorter than a preface. The caller needs it to find out what the peer speaks.
	Head []byte
	// Accept is called by Server after a valid HELLO and before WELCOME. An error
	// refuses the client. A *RefusedError is sent as it is; of other errors the
	// frame.Code found in it (PermissionDenied when there is none) and its text.
	// Accept runs on the caller's goroutine and must not start the link.
	Accept func(l *Link) error
	// OnBroken is called when the carrier broke and the link waits for another one.
	// The link waits for as long as the agreed Expiry. OnBroken runs on a goroutine
	// of the old carrier, with no lock held, and must not wait. If it is nil, or
	// Expiry is negative, a torn carrier ends the link.
	OnBroken func(l *Link, err error)
	// Find returns the link with this session id, for a client that resumes it. The
	// link may be broken or not. If it is nil the client is refused, with the error
	// as the reason; nil is NotFound. The function Accept uses it.
	Find func(session [16]byte) (*Link, error)
	// OnState is called with every change of the state, in order. The calls come one
	// at a time, on whichever goroutine made a change, with no lock held. It must
	// not wait for Close.
	OnState func(State)
}

// DefaultLimits returns the limits that a zero Config announces: the table of
// docs/LIMITS.md.
func DefaultLimits() frame.Limits {
	return frame.Limits{
		MaxPayload:  frame.DefaultMaxPayload,
		Streams:     1024,
		Calls:       1024,
		Messages:    1024,
		Backlog:     256,
		EarlyStream: 64 << 10,
		EarlyPool:   [frame.Groups]uint32{4 << 20, 4 << 20, 4 << 20},
		Log:         512 << 10, // stays in the cache: 2 to 4 times as fast on loopback as an unbounded queue
		Body:        4 << 20,
	}
}

// withDefaults returns a checked copy of c in which every field has its value.
func (c *Config) withDefaults() (Config, error) {
	var r Config
	if c != nil {
		r = *c
	}
	for _, d := range [...]struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{
		{"Heartbeat", &r.Heartbeat, DefaultHeartbeat},
		{"HandshakeTimeout", &r.HandshakeTimeout, DefaultHandshakeTimeout},
		{"FlushTimeout", &r.FlushTimeout, DefaultFlushTimeout},
		{"AckTimeout", &r.AckTimeout, DefaultAckTimeout},
		{"CloseTimeout", &r.CloseTimeout, DefaultCloseTimeout},
	} {
		if *d.v < 0 {
			return r, fmt.Errorf("gantline: Config.%s is %v, must not be negative (0 = %v)", d.name, *d.v, d.def)
		}
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if r.Expiry == 0 {
		r.Expiry = DefaultExpiry
	}
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	r.Limits = fillLimits(r.Limits)
	if err := r.Limits.Validate(); err != nil {
		return r, fmt.Errorf("gantline: Config.Limits: %w", bareError{err})
	}
	return r, nil
}

// fillLimits replaces zero fields by their defaults.
func fillLimits(l frame.Limits) frame.Limits {
	d := DefaultLimits()
	for _, f := range [...]struct{ v, def *uint32 }{
		{&l.MaxPayload, &d.MaxPayload},
		{&l.Streams, &d.Streams},
		{&l.Calls, &d.Calls},
		{&l.Messages, &d.Messages},
		{&l.Backlog, &d.Backlog},
		{&l.EarlyStream, &d.EarlyStream},
		{&l.EarlyPool[0], &d.EarlyPool[0]},
		{&l.EarlyPool[1], &d.EarlyPool[1]},
		{&l.EarlyPool[2], &d.EarlyPool[2]},
		{&l.Log, &d.Log},
		{&l.Body, &d.Body},
	} {
		if *f.v == 0 {
			*f.v = *f.def
		}
	}
	return l
}

// bareError is an error whose text has lost our prefix.
type bareError struct{ error }

func (e bareError) Error() string { return bare(e.error) }
func (e bareError) Unwrap() error { return e.error }

var errHeartbeatRange = errors.New("heartbeat out of range")

// heartbeatMillis is the interval as it travels.
func (c *Config) heartbeatMillis() uint32 {
	return uint32(min(max(c.Heartbeat, MinHeartbeat), MaxHeartbeat).Milliseconds())
}

// agreeHeartbeat returns the smaller of both intervals; 0 ms leaves it to us.
func (c *Config) agreeHeartbeat(peerMillis uint32) (time.Duration, error) {
	if peerMillis == 0 {
		return min(c.Heartbeat, MaxHeartbeat), nil
	}
	p := time.Duration(peerMillis) * time.Millisecond
	if p < MinHeartbeat || p > MaxHeartbeat {
		return 0, fmt.Errorf("gantline: %w: the peer wants %v, allowed are %v to %v", errHeartbeatRange, p, MinHeartbeat, MaxHeartbeat)
	}
	return min(c.Heartbeat, p), nil
}

// maxExpiry is the longest that is agreed on, 24 days. In milliseconds it fits the field.
const maxExpiry = 1 << 31 * time.Millisecond

// expiryMillis is the expiry as it travels. 0 would leave it to the peer, so "none"
// is sent as the shortest time there is.
func (c *Config) expiryMillis() uint32 {
	return uint32(min(max(c.Expiry, time.Millisecond), maxExpiry).Milliseconds())
}

// agreeExpiry returns the smaller of both; 0 ms leaves it to us.
func (c *Config) agreeExpiry(peerMillis uint32) time.Duration {
	e := min(max(c.Expiry, time.Millisecond), maxExpiry)
	if peerMillis != 0 {
		e = min(e, time.Duration(peerMillis)*time.Millisecond)
	}
	return e
}
