package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"github.com/gantline-project/gantline"
)

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
