package streams

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// rawPeer is the yardstick: each stream is a connection of its own.
var rawPeer = Peer{
	Name:   trial.Raw,
	Config: "package net, one connection per stream, default socket options",
	Connect: func(_ context.Context, c *carrier.Carrier) (client, server Session, err error) {
		ln, err := c.Listen()
		if err != nil {
			return nil, nil, err
		}
		return rawClient{c}, rawServer{ln}, nil
	},
}

type rawClient struct{ c *carrier.Carrier }

// Open dials. Closed connections keep their port for a while. When all are taken, the only way is to wait for
// one.
func (r rawClient) Open(ctx context.Context) (Stream, error) {
	for {
		nc, err := r.c.Dial(ctx)
		if !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return nc, err
		}
		time.Sleep(time.Millisecond)
	}
}

func (r rawClient) Accept(context.Context) (Stream, error) { return nil, errors.ErrUnsupported }
func (r rawClient) Close() error                           { return nil }

type rawServer struct{ ln net.Listener }

func (r rawServer) Open(context.Context) (Stream, error) { return nil, errors.ErrUnsupported }
func (r rawServer) Close() error                         { return r.ln.Close() }

func (r rawServer) Accept(ctx context.Context) (Stream, error) {
	nc, err := r.ln.Accept()
	if t, ok := nc.(*tls.Conn); ok && err == nil {
		err = t.HandshakeContext(ctx)
	}
	return nc, err
}
