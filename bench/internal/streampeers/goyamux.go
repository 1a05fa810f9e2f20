package streampeers

import (
	"context"
	"io"
	"net"

	"github.com/libp2p/go-yamux/v5"

	"github.com/gantline-project/gantline/bench/internal/streams"
)

var goyamuxPeer = streams.Peer{
	Name:   "go-yamux",
	Module: "github.com/libp2p/go-yamux/v5",
	Config: "DefaultConfig (window 256 KiB growing to 16 MiB), MaxIncomingStreams 100,000 instead of 1000, no log",
	Connect: overConn(func(nc net.Conn, client bool) (streams.Session, error) {
		cfg := yamux.DefaultConfig()
		cfg.LogOutput = io.Discard
		cfg.MaxIncomingStreams = 100_000
		open := yamux.Server
		if client {
			open = yamux.Client
		}
		s, err := open(nc, cfg, nil)
		return goyamuxSession{s}, err
	}),
}

type goyamuxSession struct{ s *yamux.Session }

func (y goyamuxSession) Open(ctx context.Context) (streams.Stream, error) { return y.s.OpenStream(ctx) }
func (y goyamuxSession) Accept(context.Context) (streams.Stream, error)   { return y.s.AcceptStream() }
func (y goyamuxSession) Close() error                                     { return y.s.Close() }
