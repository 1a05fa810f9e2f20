package streams

import (
	"context"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
	"github.com/gantline-project/gantline/client"
)

var oursPeer = Peer{
	Name:   trial.Ours,
	Module: ours.Module,
	Config: ours.Words,
	Connect: func(ctx context.Context, c *carrier.Carrier) (client, server Session, err error) {
		near, far, err := ours.Pair(ctx, c)
		return endSession{near}, endSession{far}, err
	},
}

type endSession struct{ end *gantline.End }

func (s endSession) Open(ctx context.Context) (Stream, error)   { return s.end.OpenStream(ctx) }
func (s endSession) Accept(ctx context.Context) (Stream, error) { return s.end.AcceptStream(ctx) }
func (s endSession) Close() error                               { return s.end.Close() }

// ConnectOff connects Ends that end with their connection: what resume costs is the difference.
func ConnectOff(ctx context.Context, c *carrier.Carrier) (Session, Session, error) {
	return ConnectWith(gantline.Config{SessionExpiry: -1}, client.WithoutRedial())(ctx, c)
}

// ConnectWith returns a function that connects Ends with cfg on both sides.
func ConnectWith(cfg gantline.Config, opts ...client.Option) func(context.Context, *carrier.Carrier) (Session, Session, error) {
	return func(ctx context.Context, c *carrier.Carrier) (Session, Session, error) {
		l, err := ours.Listen(c, cfg)
		if err != nil {
			return nil, nil, err
		}
		near, err := ours.Dial(ctx, c, l, cfg, opts...)
		if err != nil {
			return nil, nil, err
		}
		far, err := l.AcceptEnd(ctx)
		return endSession{near}, endSession{far}, err
	}
}
