package callpeers

import (
	"context"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/carrier"
)

var ttrpcPeer = calls.Peer{
	Name:   "ttrpc",
	Module: "github.com/containerd/ttrpc",
	Config: "NewServer and NewClient without options, protobuf BytesValue",
	Connect: func(ctx context.Context, c *carrier.Carrier) (calls.Echo, error) {
		srv, err := ttrpc.NewServer()
		if err != nil {
			return nil, err
		}
		srv.RegisterService("bench.Echo", &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{
			"Echo": func(_ context.Context, unmarshal func(any) error) (any, error) {
				in := new(wrapperspb.BytesValue)
				err := unmarshal(in)
				return in, err
			},
		}})
		ln, err := c.Listen()
		if err != nil {
			return nil, err
		}
		go func() { _ = srv.Serve(ctx, ln) }() // ends with the process
		nc, err := c.Dial(ctx)
		if err != nil {
			return nil, err
		}
		client := ttrpc.NewClient(nc)
		return func(ctx context.Context, body []byte) ([]byte, error) {
			var out wrapperspb.BytesValue
			err := client.Call(ctx, "bench.Echo", "Echo", &wrapperspb.BytesValue{Value: body}, &out)
			return out.Value, err
		}, nil
	},
}
