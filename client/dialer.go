package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/conn"
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
	// an error.
	DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

	// Addrs are more addresses, in the network given to Dial. They are tried in turn, after Dial's own, until
	// one leads to an End.
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
	// the handshake alone may take in any case.
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
	if cfg.Redial == nil && !d.NoRedial {
		cfg.Redial = again.next
	}
	failed := &dialError{}
	for i, t := range targets {
		for hops := 0; ; hops++ {
			end, err := d.try(ctx, t, len(targets)-i, again, &cfg)
			if err == nil {
				return end, nil
			}
			failed.add(t, err)
			var no *conn.RefusedError
			if !errors.As(err, &no) || no.Addr == "" || hops == maxHops {
				break
			}
			if t, err = d.target(network, no.Addr); err != nil {
				break // the server's mistake: its answer is in failed
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// maxHops is how many servers in a row may send a client to another address.
const maxHops = 5

// try makes an End from one address; left counts it and those after it. again learns where it led.
func (d *Dialer) try(ctx context.Context, t target, left int, again *redial, cfg *gantline.Config) (*gantline.End, error) {
	limited, cancel, limit := d.limit(ctx, left)
	defer cancel()
	nc, err := d.connect(limited, t)
	var end *gantline.End
	if err == nil {
		end, err = gantline.Client(limited, nc, cfg)
	}
	if err == nil {
		again.led(t, nc)
		return end, nil
	}
	if nc != nil {
		nc.Close()
	}
	if limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("gantline: not connected within %v, raise Dialer.Timeout or the context's deadline: %w", limit, joined{context.DeadlineExceeded, err})
	}
	return nil, err
}

// limit is the context of one address, and how much time that gives it.
func (d *Dialer) limit(ctx context.Context, left int) (context.Context, context.CancelFunc, time.Duration) {
	limit := d.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		if share := time.Until(deadline) / time.Duration(left); limit < 0 || share < limit {
			limit = max(share, 0)
		}
	}
	if limit < 0 {
		return ctx, func() {}, 0
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	return limited, cancel, limit.Round(time.Millisecond)
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
