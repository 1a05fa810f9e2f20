package calls

import (
	"context"
	"io"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// sizeKey is how raw learns the size of a trip, which nothing on its wire tells.
type sizeKey struct{}

// rawPeer is the yardstick: one round trip after the other.
var rawPeer = Peer{
	Name:   trial.Raw,
	Config: "package net, write and read in turns",
	Connect: func(ctx context.Context, _ *carrier.Carrier) (Echo, error) {
		nc, err := load.RawPair(ctx, ctx.Value(sizeKey{}).(int))
		if err != nil {
			return nil, err
		}
		var buf []byte
		return func(_ context.Context, body []byte) ([]byte, error) {
			if buf == nil {
				buf = make([]byte, len(body))
			}
			if _, err := nc.Write(body); err != nil {
				return nil, err
			}
			_, err := io.ReadFull(nc, buf)
			return buf, err
		}, nil
	},
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
