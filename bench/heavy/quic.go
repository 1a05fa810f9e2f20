package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"

	"github.com/quic-go/quic-go"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/streams"
)

var quicPeer = streams.Peer{
	Name:    "quic",
	Module:  "github.com/quic-go/quic-go",
	Config:  "quic.Listen and quic.Dial over UDP, TLS 1.3 always, MaxIncomingStreams 100,000 instead of 100; Close is Close and CancelRead",
	Speaks:  true,
	Packets: true,
	Connect: connectQUIC,
}

func connectQUIC(ctx context.Context, c *carrier.Carrier) (client, server streams.Session, err error) {
	near, far, err := packets(c)
	if err != nil {
		return nil, nil, err
	}
	cfg := &quic.Config{MaxIncomingStreams: 100_000}
	ln, err := quic.Listen(far, withALPN(c.ServerTLS), cfg)
	if err != nil {
		return nil, nil, err
	}
	a, err := quic.Dial(ctx, near, far.LocalAddr(), withALPN(c.ClientTLS), cfg)
	if err != nil {
		return nil, nil, err
	}
	b, err := ln.Accept(ctx)
	if err != nil {
		return nil, nil, err
	}
	return quicSession{a}, quicSession{b}, nil
}

// packets returns both sides' datagrams: UDP, or in memory with the carrier's delay and bandwidth.
func packets(c *carrier.Carrier) (near, far net.PacketConn, err error) {
	switch c.Kind.Network {
	case "":
		near, far = c.Packets()
		return near, far, nil
	case "tcp":
	default:
		return nil, nil, fmt.Errorf("quic over %s: %w", c.Kind.Name, net.UnknownNetworkError(c.Kind.Network))
	}
	if far, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		return nil, nil, err
	}
	near, err = net.ListenPacket("udp", "127.0.0.1:0")
	return near, far, err
}

func withALPN(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"bench"}
	return cfg
}

type quicSession struct{ c *quic.Conn }

func (q quicSession) Open(ctx context.Context) (streams.Stream, error) {
	st, err := q.c.OpenStreamSync(ctx)
	return quicStream{st}, err
}

func (q quicSession) Accept(ctx context.Context) (streams.Stream, error) {
	st, err := q.c.AcceptStream(ctx)
	return quicStream{st}, err
}

func (q quicSession) Close() error { return q.c.CloseWithError(0, "") }

// quicStream closes both directions, as the other peers' Close does. When the other side was first, the library
// reports that the stream was cancelled, which is no error here.
type quicStream struct{ *quic.Stream }

var _ io.ReadWriteCloser = quicStream{}

func (s quicStream) Close() error {
	_ = s.Stream.Close()
	s.CancelRead(0)
	return nil
}
