package main

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/carrier"
)

var grpcPeer = calls.Peer{
	Name:   "grpc",
	Module: "google.golang.org/grpc",
	Config: "grpc.NewServer and grpc.NewClient without options but insecure credentials, protobuf BytesValue",
	Connect: func(ctx context.Context, c *carrier.Carrier) (calls.Echo, error) {
		const method = "/bench.Echo/Echo"
		srv := grpc.NewServer()
		srv.RegisterService(&echoDesc, echoServer{})
		ln, err := c.Listen()
		if err != nil {
			return nil, err
		}
		go func() { _ = srv.Serve(ln) }() // ends with the process
		cc, err := grpc.NewClient("passthrough:bench", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return c.Dial(ctx) }))
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, body []byte) ([]byte, error) {
			var out wrapperspb.BytesValue
			err := cc.Invoke(ctx, method, &wrapperspb.BytesValue{Value: body}, &out)
			return out.Value, err
		}, nil
	},
}

type echoServer struct{}

// echoDesc is what the generator would have written.
var echoDesc = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.BytesValue)
			err := decode(in)
			return in, err
		},
	}},
}
