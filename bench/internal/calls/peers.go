package calls

import (
	"context"
	"io"
	"net"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// sizeKey tells raw the size of a trip, which nothing on its wire says.
type sizeKey struct{}

// Raw is the yardstick: one round trip after the other on each of n connections.
func Raw(n int) Peer {
	return Peer{Name: trial.Raw, Config: "package net, write and read in turns", Connect: func(ctx context.Context, _ *carrier.Carrier) (Echo, error) {
		size := ctx.Value(sizeKey{}).(int)
		free := make(chan *rawConn, n) // those that no caller uses
		for range n {
			nc, err := load.RawPair(ctx, size)
			if err != nil {
				return nil, err
			}
			free <- &rawConn{nc, make([]byte, size)}
		}
		if n == 1 {
			return (<-free).echo, nil
		}
		return func(ctx context.Context, body []byte) ([]byte, error) {
			c := <-free
			defer func() { free <- c }()
			return c.echo(ctx, body)
		}, nil
	}}
}

// rawConn is a connection to a mirror, and where its answers go.
type rawConn struct {
	nc  net.Conn
	buf []byte
}

func (c *rawConn) echo(_ context.Context, body []byte) ([]byte, error) {
	if _, err := c.nc.Write(body); err != nil {
		return nil, err
	}
	_, err := io.ReadFull(c.nc, c.buf)
	return c.buf, err
}

var (
	oursPeer   = end(trial.Ours, ours.Words+"; a goroutine per call")
	oursInline = end(trial.Ours+"-inline", ours.Words+"; handler with Inline", gantline.Inline())
)

// end makes calls from the dialling End to the accepting one.
func end(name, config string, opts ...gantline.HandlerOption) Peer {
	return Peer{
		Name: name, Module: ours.Module, Config: config,
		Connect: func(ctx context.Context, c *carrier.Carrier) (Echo, error) {
			near, far, err := ours.Pair(ctx, c)
			if err != nil {
				return nil, err
			}
			far.Handle("echo", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }), opts...)
			return func(ctx context.Context, body []byte) ([]byte, error) { return near.Call(ctx, "echo", body) }, nil
		},
	}
}
