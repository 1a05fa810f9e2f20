package client

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/gantline-project/gantline"
)

// An Option sets one field of the Dialer that Dial uses. Of two options for the same field the last one counts.
type Option func(*Dialer)

// WithConfig sets up the End with cfg: Dialer.Config.
func WithConfig(cfg gantline.Config) Option {
	return func(d *Dialer) { d.Config = cfg }
}

// WithTLS puts TLS under the connection, whatever the network: Dialer.TLS.
func WithTLS(cfg *tls.Config) Option {
	return func(d *Dialer) { d.TLS = cfg }
}

// WithDialFunc takes the connection from dial: Dialer.DialFunc.
func WithDialFunc(dial func(ctx context.Context, network, addr string) (net.Conn, error)) Option {
	return func(d *Dialer) { d.DialFunc = dial }
}

// WithAddrs gives more addresses of the same network, tried in turn after
// Dial's: Dialer.Addrs.
func WithAddrs(addrs ...string) Option {
	return func(d *Dialer) { d.Addrs = addrs }
}

// WithoutRedial makes the End end with its connection: Dialer.NoRedial.
func WithoutRedial() Option {
	return func(d *Dialer) { d.NoRedial = true }
}

// WithYamux speaks plain yamux with the server: Dialer.Yamux.
func WithYamux() Option {
	return func(d *Dialer) { d.Yamux = true }
}

// WithTimeout bounds what each address may take: Dialer.Timeout.
func WithTimeout(timeout time.Duration) Option {
	return func(d *Dialer) { d.Timeout = timeout }
}
