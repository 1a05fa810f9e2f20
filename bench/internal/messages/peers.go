package messages

import (
	"context"
	"sync/atomic"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// rawPeer is the yardstick: carryOut knows it by its name.
var rawPeer = Peer{Name: trial.Raw, Config: "package net, write and read in turns"}

var oursPeer = Peer{
	Name: trial.Ours, Module: ours.Module,
	Config: ours.Words + "; the subscription function's return acks",
	Connect: func(ctx context.Context, c *carrier.Carrier, _ int, _ string) (Publisher, error) {
		near, far, err := ours.Pair(ctx, c)
		if err != nil {
			return nil, err
		}
		p := &endPublisher{end: near}
		far.Subscribe("bench", func(context.Context, *gantline.Message) error {
			p.got.Add(1)
			return nil
		})
		return p, nil
	},
}

type endPublisher struct {
	end *gantline.End
	got atomic.Int64
	// sink is made from the first done and used for all: done is the same function every time.
	sink gantline.PublishOption
}

func (p *endPublisher) Publish(ctx context.Context, body []byte) error {
	return p.end.Publish(ctx, "bench", body)
}

func (p *endPublisher) Async(ctx context.Context, body []byte, done func(error)) error {
	if p.sink == nil {
		p.sink = gantline.OnDone(done)
	}
	_, err := p.end.PublishAsync(ctx, "bench", body, p.sink)
	return err
}

func (p *endPublisher) Received() int64 { return p.got.Load() }
