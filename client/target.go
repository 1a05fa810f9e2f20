package client

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/gantline-project/gantline"
)

// ALPN is the protocol's name in TLS: what both sides offer in tls.Config.NextProtos. WithTLS and network "tls"
// set it; it is exported for programs that bring their own TLS connections.
const ALPN = "gantline/1"

// A target is one address to try.
type target struct {
	network string // as the caller names it
	carrier string // what is dialled for it
	addr    string
	tls     *tls.Config // nil = none
}

// targets checks Dial's arguments before anything is dialled.
func (d *Dialer) targets(network, addr string) ([]target, error) {
	targets := make([]target, 0, 1+len(d.Addrs))
	for _, a := range append([]string{addr}, d.Addrs...) {
		t, err := d.target(network, a)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// target checks one address.
func (d *Dialer) target(network, addr string) (target, error) {
	carrier, check, err := d.carrier(network)
	if err != nil {
		return target{}, err
	}
	base, err := d.tlsConfig(network)
	if err != nil {
		return target{}, err
	}
	if err := check(addr); err != nil {
		return target{}, err
	}
	return target{network, carrier, addr, withServerName(base, carrier, addr)}, nil
}

// carrier returns the network to dial for network, and what its addresses must
// look like.
func (d *Dialer) carrier(network string) (string, func(addr string) error, error) {
	carrier := network
	if network == "tls" {
		carrier = "tcp"
	}
	if d.DialFunc != nil {
		return carrier, func(string) error { return nil }, nil
	}
	switch carrier {
	case "tcp", "tcp4", "tcp6":
		return carrier, func(addr string) error {
			if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
				return invalid("address %q cannot be dialled over %s: want \"host:port\", such as \"example.org:4210\" or \"[::1]:4210\"", addr, network)
			}
			return nil
		}, nil
	case "unix":
		return carrier, func(addr string) error {
			if addr == "" {
				return invalid("address \"\" cannot be dialled over unix: want the path of a socket, such as \"/run/app.sock\"")
			}
			return nil
		}, nil
	}
	return "", nil, invalid("network %q is unknown: want tcp, tcp4, tcp6, unix or tls, or any name together with WithDialFunc", network)
}

// tlsConfig returns our copy of the TLS configuration for network, nil for none.
func (d *Dialer) tlsConfig(network string) (*tls.Config, error) {
	cfg := d.TLS
	switch {
	case cfg != nil:
		cfg = cfg.Clone()
	case network == "tls":
		cfg = new(tls.Config)
	default:
		return nil, nil
	}
	if v := cfg.MaxVersion; v != 0 && v < tls.VersionTLS13 {
		return nil, invalid("tls.Config.MaxVersion is %s: want TLS 1.3 or later, or 0", tls.VersionName(v))
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS13)
	cfg.NextProtos = []string{ALPN}
	return cfg, nil
}

// withServerName fills in the name to verify from the address.
func withServerName(base *tls.Config, carrier, addr string) *tls.Config {
	if base == nil || base.ServerName != "" || carrier == "unix" {
		return base
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr // a DialFunc's own kind of address
	}
	cfg := base.Clone()
	cfg.ServerName = host
	return cfg
}

func invalid(format string, args ...any) error {
	return &gantline.Error{Code: gantline.InvalidArgument, Message: fmt.Sprintf(format, args...)}
}
