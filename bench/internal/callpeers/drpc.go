package callpeers

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"storj.io/drpc"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcserver"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/carrier"
)

const drpcMethod = "/bench.Echo/Echo"

var drpcPeer = calls.Peer{
	Name:   "drpc",
	Module: "storj.io/drpc",
	Config: "drpcconn.New and drpcserver.New without options, protobuf BytesValue; one call at a time per connection is its design",
	Connect: func(ctx context.Context, c *carrier.Carrier) (calls.Echo, error) {
		mux := drpcmux.New()
		if err := mux.Register(drpcEcho{}, drpcDescription{}); err != nil {
			return nil, err
		}
		near, far, err := c.Pair(ctx)
		if err != nil {
			return nil, err
		}
		go func() { _ = drpcserver.New(mux).ServeOne(ctx, far) }() // ends with the connection
		conn := drpcconn.New(near)
		return func(ctx context.Context, body []byte) ([]byte, error) {
			var out wrapperspb.BytesValue
			err := conn.Invoke(ctx, drpcMethod, drpcProto{}, &wrapperspb.BytesValue{Value: body}, &out)
			return out.Value, err
		}, nil
	},
}

type drpcEcho struct{}

func (drpcEcho) echo(_ context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	return in, nil
}

// drpcDescription is what drpc's generator would have written.
type drpcDescription struct{}

func (drpcDescription) NumMethods() int { return 1 }

func (drpcDescription) Method(int) (string, drpc.Encoding, drpc.Receiver, any, bool) {
	return drpcMethod, drpcProto{}, func(srv any, ctx context.Context, in, _ any) (drpc.Message, error) {
		return srv.(drpcEcho).echo(ctx, in.(*wrapperspb.BytesValue))
	}, drpcEcho.echo, true
}

type drpcProto struct{}

func (drpcProto) Marshal(m drpc.Message) ([]byte, error) { return proto.Marshal(m.(proto.Message)) }

func (drpcProto) Unmarshal(b []byte, m drpc.Message) error {
	return proto.Unmarshal(b, m.(proto.Message))
}
