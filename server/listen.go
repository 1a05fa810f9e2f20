package server

import (
	"crypto/tls"
	"net"

	"github.com/gantline-project/gantline/internal/throttle"
)

// listen checks what Listen was given and announces the address.
func listen(network, addr string, cfg *tls.Config) (net.Listener, error) {
	if _, err := serverTLS(cfg); err != nil {
		return nil, err
	}
	carrier := network
	if network == "tls" {
		if cfg == nil {
			return nil, invalid("network \"tls\" needs a certificate: use WithTLS or Server.TLS")
		}
		carrier = "tcp"
	}
	switch carrier {
	case "tcp", "tcp4", "tcp6":
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			return nil, invalid("address %q cannot be listened on over %s: want \"host:port\", such as \":4210\" for all addresses or \"127.0.0.1:0\" for a free port", addr, network)
		}
	case "unix":
		if addr == "" {
			return nil, invalid("address \"\" cannot be listened on over unix: want the path of a socket to make, such as \"/run/app.sock\"")
		}
	default:
		return nil, invalid("network %q is unknown: want tcp, tcp4, tcp6, unix or tls, or NewListener over a listener of your own", network)
	}
	ln, err := net.Listen(carrier, addr)
	if err != nil {
		return nil, errorf("%w", err)
	}
	return ln, nil
}

// warnPlain logs a warning that anybody may read along. A listener that is not the net package's own may do TLS
// itself.
func (l *Listener) warnPlain() {
	ln, ok := l.ln.(*net.TCPListener)
	if !ok || l.tls != nil {
		return
	}
	if a, ok := ln.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		l.log.Say(throttle.PlainListener, "listener", a)
	}
}
