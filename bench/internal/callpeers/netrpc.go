package callpeers

import (
	"context"
	"net/rpc"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/carrier"
)

var netrpcPeer = calls.Peer{
	Name:   "net/rpc",
	Config: "rpc.Server and rpc.Client with gob, []byte bodies",
	Connect: func(ctx context.Context, c *carrier.Carrier) (calls.Echo, error) {
		near, far, err := c.Pair(ctx)
		if err != nil {
			return nil, err
		}
		srv := rpc.NewServer()
		if err := srv.RegisterName("Echo", new(echoService)); err != nil {
			return nil, err
		}
		go srv.ServeConn(far) // ends with the connection
		client := rpc.NewClient(near)
		return func(_ context.Context, body []byte) (out []byte, err error) {
			err = client.Call("Echo.Echo", body, &out)
			return out, err
		}, nil
	},
}

type echoService struct{}

// Echo answers with its request.
func (*echoService) Echo(body []byte, out *[]byte) error {
	*out = body
	return nil
}
