// Package carrier makes the connections that the peers of a bench run over. They are TCP on the loopback, unix
// sockets, TLS over TCP, and connections in memory with a delay or a bandwidth.
//
// # Usage
//
//	c, err := carrier.New(carrier.TCP, dir)
//	ln, err := c.Listen()
//	nc, err := c.Dial(ctx)
//
// # Concurrency
//
// Listen comes first; Dial may then be called from any goroutine.
//
// # Errors
//
// Those of net and crypto/tls.
package carrier

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// Kind is a way of connecting.
type Kind struct {
	// Name describes it.
	Name string
	// Network is "tcp" or "unix"; "" is in memory.
	Network string
	// TLS adds TLS 1.3.
	TLS bool
	// Delay is what each direction takes, and Rate its bytes per second (0 = unlimited): in memory only.
	Delay time.Duration
	Rate  int
}

// The kinds that scenarios use.
var (
	TCP    = Kind{Name: "TCP on the loopback", Network: "tcp"}
	Unix   = Kind{Name: "unix sockets", Network: "unix"}
	TLS    = Kind{Name: "TLS 1.3 over TCP", Network: "tcp", TLS: true}
	Memory = Kind{Name: "in memory"}
	Far    = Kind{Name: "in memory, 60 ms round trip, unlimited bandwidth", Delay: 30 * time.Millisecond}
	Narrow = Kind{Name: "in memory, 20 ms round trip, 12.5 MB/s", Delay: 10 * time.Millisecond, Rate: 12_500_000}
)

// Carrier makes connections of one kind to one listener.
type Carrier struct {
	// Kind is what New was given.
	Kind Kind
	// ServerTLS and ClientTLS match each other; peers with a TLS of their own use them on every kind.
	ServerTLS, ClientTLS *tls.Config

	path string   // of the unix socket
	addr net.Addr // set by Listen
	slow *slowListener
}

// New returns a Carrier; dir is where a unix socket may be made.
func New(k Kind, dir string) (*Carrier, error) {
	c := &Carrier{Kind: k, path: filepath.Join(dir, "s")}
	var err error
	c.ServerTLS, c.ClientTLS, err = selfSigned()
	return c, err
}

// Address returns network and address for peers that listen by themselves. Dial finds them there once they have
// called At.
func (c *Carrier) Address() (network, addr string) {
	if c.Kind.Network == "unix" {
		return "unix", c.path
	}
	return "tcp", "127.0.0.1:0"
}

// At says where the listener is.
func (c *Carrier) At(a net.Addr) { c.addr = a }

// Plain reports whether network and address say everything, without TLS and delays.
func (c *Carrier) Plain() bool { return c.Kind.Network != "" && !c.Kind.TLS }

// Listen returns the listener, TLS included.
func (c *Carrier) Listen() (net.Listener, error) {
	if c.Kind.Network == "" {
		c.slow = newSlowListener(c.Kind.Delay, c.Kind.Rate)
		return c.slow, nil
	}
	ln, err := net.Listen(c.Address())
	if err != nil {
		return nil, err
	}
	c.At(ln.Addr())
	if c.Kind.TLS {
		return tls.NewListener(ln, c.ServerTLS), nil
	}
	return ln, nil
}

// Dial connects to the listener; a TLS handshake is done when it returns.
func (c *Carrier) Dial(ctx context.Context) (net.Conn, error) {
	if c.slow != nil {
		return c.slow.dial(ctx)
	}
	if c.addr == nil {
		return nil, fmt.Errorf("dial %s: nobody listens", c.Kind.Name)
	}
	if c.Kind.TLS {
		d := tls.Dialer{Config: c.ClientTLS}
		return d.DialContext(ctx, "tcp", c.addr.String())
	}
	var d net.Dialer
	return d.DialContext(ctx, c.addr.Network(), c.addr.String())
}

// Pair returns both ends of a connection.
func (c *Carrier) Pair(ctx context.Context) (client, server net.Conn, err error) {
	ln, err := c.Listen()
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	type accepted struct {
		nc  net.Conn
		err error
	}
	got := make(chan accepted, 1)
	go func() { // ends with the one connection, or with the listener
		nc, err := ln.Accept()
		if t, ok := nc.(*tls.Conn); ok && err == nil {
			err = t.HandshakeContext(ctx)
		}
		got <- accepted{nc, err}
	}()
	if client, err = c.Dial(ctx); err != nil {
		return nil, nil, err
	}
	a := <-got
	return client, a.nc, a.err
}
