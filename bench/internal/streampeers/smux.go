package streampeers

import (
	"context"
	"net"

	"github.com/xtaci/smux"

	"github.com/gantline-project/gantline/bench/internal/streams"
)

var smuxPeer = streams.Peer{
	Name:   "smux",
	Module: "github.com/xtaci/smux",
	Config: "smux.DefaultConfig with Version 2 (frame 32 KiB, stream 64 KiB, session 4 MiB)",
	Connect: overConn(func(nc net.Conn, client bool) (streams.Session, error) {
		cfg := smux.DefaultConfig()
		cfg.Version = 2
		open := smux.Server
		if client {
			open = smux.Client
		}
		s, err := open(nc, cfg)
		return smuxSession{s}, err
	}),
}

type smuxSession struct{ s *smux.Session }

func (y smuxSession) Open(context.Context) (streams.Stream, error)   { return y.s.OpenStream() }
func (y smuxSession) Accept(context.Context) (streams.Stream, error) { return y.s.AcceptStream() }
func (y smuxSession) Close() error                                   { return y.s.Close() }
