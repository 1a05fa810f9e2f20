package streampeers

import (
	"context"
	"io"
	"log"
	"net"

	"github.com/hashicorp/yamux"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/streams"
)

var yamuxPeer = streams.Peer{
	Name:   "yamux",
	Module: "github.com/hashicorp/yamux",
	Config: "yamux.DefaultConfig (window 256 KiB, keepalive 30 s), no log",
	Connect: overConn(func(nc net.Conn, client bool) (streams.Session, error) {
		cfg := yamux.DefaultConfig()
		cfg.LogOutput, cfg.Logger = nil, log.New(io.Discard, "", 0)
		open := yamux.Server
		if client {
			open = yamux.Client
		}
		s, err := open(nc, cfg)
		return yamuxSession{s}, err
	}),
}

type yamuxSession struct{ s *yamux.Session }

func (y yamuxSession) Open(context.Context) (streams.Stream, error)   { return y.s.OpenStream() }
func (y yamuxSession) Accept(context.Context) (streams.Stream, error) { return y.s.AcceptStream() }
func (y yamuxSession) Close() error                                   { return y.s.Close() }

// overConn connects a peer that takes a net.Conn on each side.
func overConn(make func(nc net.Conn, client bool) (streams.Session, error)) func(context.Context, *carrier.Carrier) (streams.Session, streams.Session, error) {
	return func(ctx context.Context, c *carrier.Carrier) (client, server streams.Session, err error) {
		a, b, err := c.Pair(ctx)
		if err != nil {
			return nil, nil, err
		}
		if client, err = make(a, true); err != nil {
			return nil, nil, err
		}
		server, err = make(b, false)
		return client, server, err
	}
}
