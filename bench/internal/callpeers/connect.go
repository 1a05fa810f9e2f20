package callpeers

import (
	"context"
	"net"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/carrier"
)

var connectPeer = calls.Peer{
	Name:   "connect",
	Module: "connectrpc.com/connect",
	Config: "unary calls over unencrypted HTTP/2 of net/http, protobuf BytesValue, no compression, MaxConcurrentStreams 100,000 instead of 250",
	Connect: func(_ context.Context, c *carrier.Carrier) (calls.Echo, error) {
		const path = "/bench.Echo/Echo"
		mux := http.NewServeMux()
		mux.Handle(path, connect.NewUnaryHandler(path, func(_ context.Context, req *connect.Request[wrapperspb.BytesValue]) (*connect.Response[wrapperspb.BytesValue], error) {
			return connect.NewResponse(req.Msg), nil
		}))
		ln, err := c.Listen()
		if err != nil {
			return nil, err
		}
		var only http.Protocols
		only.SetUnencryptedHTTP2(true)
		srv := &http.Server{Handler: mux, Protocols: &only, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100_000}}
		go func() { _ = srv.Serve(ln) }() // ends with the process
		hc := &http.Client{Transport: &http.Transport{Protocols: &only, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx) }}}
		client := connect.NewClient[wrapperspb.BytesValue, wrapperspb.BytesValue](hc, "http://bench"+path, connect.WithAcceptCompression("gzip", nil, nil))
		return func(ctx context.Context, body []byte) ([]byte, error) {
			res, err := client.CallUnary(ctx, connect.NewRequest(&wrapperspb.BytesValue{Value: body}))
			if err != nil {
				return nil, err
			}
			return res.Msg.Value, nil
		}, nil
	},
}
