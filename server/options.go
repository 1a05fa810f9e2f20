package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/gantline-project/gantline"
)

// Limits bounds what strangers may make a listener hold. The zero value of each field is its default.
// gantline.Limits bounds what one End may hold.
type Limits struct {
	// Peers is how many Ends may live at a time, over all listeners of a Server. One more is refused with
	// ResourceExhausted. Default 10,000; negative means no limit.
	Peers int
	// Handshakes is how many may run at a time, TLS and Config.Setup included. Further connections wait in
	// order of arrival: one in the listener, the rest in the operating system's backlog. Default 256; negative
	// means no limit.
	Handshakes int
	// HandshakesPerSource is how many handshakes may come from one source address. Further connections from
	// there are closed at once, and their clients may try again. The source is an IPv4 address or an IPv6 /64,
	// which is what one customer usually has. Loopback, unix sockets and addresses that are not IP have no such
	// limit. Default 8. Negative means no limit: for listeners behind a proxy, where all connections come from
	// one address.
	HandshakesPerSource int
	// HandshakeTimeout is how long a handshake may take, TLS and Config.Setup included, before the connection
	// is closed. Default 5 s; negative means the default. What follows TLS takes at most 5 s in any case.
	HandshakeTimeout time.Duration
	// Backlog is how many Ends may wait for AcceptEnd. When it is full, a handshake that is ready waits for
	// half of HandshakeTimeout before the client is welcomed; then it is refused with ResourceExhausted. An End
	// that died while it waited keeps its place until AcceptEnd has returned it. Default 256; negative means 1.
	Backlog int
}

// The defaults of Limits. They are the numbers of docs/LIMITS.md.
const (
	DefaultPeers               = 10_000
	DefaultHandshakes          = 256
	DefaultHandshakesPerSource = 8
	DefaultHandshakeTimeout    = 5 * time.Second
	DefaultBacklog             = 256
)

// withDefaults fills in what is zero; 0 then means no limit.
func (l Limits) withDefaults() Limits {
	count := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
		*v = max(*v, 0)
	}
	count(&l.Peers, DefaultPeers)
	count(&l.Handshakes, DefaultHandshakes)
	count(&l.HandshakesPerSource, DefaultHandshakesPerSource)
	count(&l.Backlog, DefaultBacklog)
	l.Backlog = max(l.Backlog, 1)
	if l.HandshakeTimeout <= 0 {
		l.HandshakeTimeout = DefaultHandshakeTimeout
	}
	return l
}

// An Option sets one property of a Listener. Of two options for the same one the last counts.
type Option func(*options)

// options is what a listener is made with.
type options struct {
	config gantline.Config
	tls    *tls.Config
	limits Limits
}

func newOptions(opts []Option) options {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// checkConfig returns the error that every handshake with cfg would fail with. Otherwise no client could get
// in, and each would only see its connection end.
func checkConfig(cfg gantline.Config) error {
	a, b := net.Pipe()
	a.Close()
	b.Close()
	cfg.Setup = nil
	if _, err := gantline.Server(context.Background(), b, &cfg); errors.Is(err, gantline.InvalidArgument) {
		return err
	}
	return nil
}

// WithConfig sets up every End with cfg. cfg.Setup runs after the peer's id was found free. cfg.ID is the
// server's id; if it is empty, the listener chooses one at random. cfg.Logger gets the listener's log. The zero
// Config means all defaults.
func WithConfig(cfg gantline.Config) Option {
	return func(o *options) { o.config = cfg }
}

// WithTLS puts TLS under every connection. cfg needs a certificate. A copy of it is used that accepts TLS 1.3
// or later and offers ALPN as the only protocol: a client that names protocols and not this one is refused.
// What cfg.GetConfigForClient returns is treated the same. Nil means no TLS.
func WithTLS(cfg *tls.Config) Option {
	return func(o *options) { o.tls = cfg }
}

// WithLimits sets the limits of the listener.
func WithLimits(l Limits) Option {
	return func(o *options) { o.limits = l }
}
