package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/routes"
)

// DefaultTimeout is Dialer.Timeout when it is zero: twice the 5 s that either side gives the handshake. That
// leaves time for a name lookup and a few lost packets before it.
const DefaultTimeout = 10 * time.Second

// A Dialer makes Ends. The zero value dials with all defaults. Many goroutines may use it at once, but it must
// not be changed while in use.
type Dialer struct {
	// Config sets up each End. Every dial copies it; the Ends share its Router and hooks. The zero Config means
	// all defaults.
	Config gantline.Config

	// TLS, when not nil, puts TLS under the connection on every network. A copy of it is used with these
	// settings: at least TLS 1.3; ALPN as the only protocol; ServerName, if it is empty, is the host of the
	// address. On network "unix" ServerName has to be set. Nil means TLS with the system's certificate
	// authorities on network "tls", and none on the others.
	TLS *tls.Config

	// DialFunc, when not nil, connects instead of a net.Dialer. It interprets network and address, which may be
	// anything, except that it gets "tcp" for "tls": the TLS is added here. A nil net.Conn without an error is
	// an error. It runs on goroutines of its own, for two addresses at once if need be, and should honour ctx.
	DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

	// Addrs are more addresses, in the network given to Dial. They are tried in turn, after Dial's own, until
	// one leads to an End. The next one begins when one has failed, or beside one that is silent for 2 s; then
	// the first that answers is taken. Redials do the same: see docs/RECONNECT.md.
	Addrs []string

	// NoRedial makes the End end with its connection: nothing is dialled again. Config.Redial, when set,
	// replaces dialling the same addresses.
	NoRedial bool

	// Yamux sets Config.Yamux: the server speaks plain yamux, and the End has only streams, without names. Such
	// an End ends with its connection.
	Yamux bool

	// Timeout bounds what each address may take: name lookup, connection, TLS and handshake together. The time
	// left in the context is shared evenly between the addresses not tried yet, so that one that never answers
	// leaves time for the next. Default 10 s. Negative means that only the context limits it, and the 5 s that
	// the handshake alone may take in any case. It holds for redials too, where 15 s are the most, and for
	// Config.Redial if it is positive.
	Timeout time.Duration
}

// Dial is Dialer.Dial of a Dialer set up by opts.
func Dial(ctx context.Context, network, addr string, opts ...Option) (*gantline.End, error) {
	var d Dialer
	for _, opt := range opts {
		opt(&d)
	}
	return d.Dial(ctx, network, addr)
}

// Dial connects to addr, shakes hands and returns the End. Networks are "tcp", "tcp4" and "tcp6" with an
// address "host:port", "tls", which is tcp with TLS, and "unix" with a path; with DialFunc, any other.
//
// ctx bounds dialling and the handshake; it has no effect when it ends later. Dial returns its first failure.
// Later breaks are redialled: see the package's comment, also for the errors.
func (d *Dialer) Dial(ctx context.Context, network, addr string) (*gantline.End, error) {
	targets, err := d.targets(network, addr)
	if err != nil {
		return nil, err
	}
	cfg := d.Config
	cfg.Yamux = cfg.Yamux || d.Yamux
	again := newRedial(d, network, targets)
	switch {
	case cfg.Redial != nil && d.Timeout > 0:
		cfg.Redial = bounded(cfg.Redial, d.Timeout)
	case cfg.Redial == nil && !d.NoRedial:
		cfg.Redial = again.next
	}
	set := again.first()
	failed := &dialError{}
	for len(set.Routes) > 0 && (len(failed.errs) == 0 || ctx.Err() == nil) {
		end, err := d.end(ctx, set, &cfg)
		w, _ := set.Won().(*way)
		switch {
		case err == nil:
			set.EndWith(end.Context())
			return end, nil
		case failed.merge(err):
		case w == nil:
			return nil, err // nothing was dialled
		default:
			failed.add(w.target, err)
		}
	}
	return nil, failed
}

// end makes an End over the first of the routes that leads to a server.
func (d *Dialer) end(ctx context.Context, set *routes.Set, cfg *gantline.Config) (*gantline.End, error) {
	if !cfg.Yamux {
		return gantline.Client(ctx, set, cfg) // the handshake decides
	}
	race := routes.Race[net.Conn]{
		After:   func() time.Duration { return yamuxAfter },
		Shake:   func(_ context.Context, nc net.Conn) (net.Conn, error) { return nc, nil },
		Judge:   func(bool, error) (v routes.Verdict) { return v },
		Discard: func(nc net.Conn) { _ = nc.Close() },
	}
	nc, err := race.Go(ctx, set)
	if err != nil {
		return nil, err
	}
	return gantline.Client(ctx, nc, cfg)
}

// yamuxAfter is how long a dial may take before the next one begins beside it. A yamux server answers nothing.
const yamuxAfter = 2 * time.Second

// limit is how long one address may take; left counts it and those after it. Negative = there is no limit.
func (d *Dialer) limit(ctx context.Context, left int) time.Duration {
	limit := d.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		if share := time.Until(deadline) / time.Duration(left); limit < 0 || share < limit {
			limit = max(share, 0)
		}
	}
	return limit
}

// connect makes the carrier, TLS included.
func (d *Dialer) connect(ctx context.Context, t target) (net.Conn, error) {
	dial := d.DialFunc
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, t.carrier, t.addr)
	switch {
	case err != nil:
		return nil, err
	case nc == nil:
		return nil, errors.New("gantline: DialFunc returned neither a connection nor an error")
	case t.tls == nil:
		return nc, nil
	}
	tc := tls.Client(nc, t.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("gantline: TLS: %w", bare{err})
	}
	return tc, nil
}
