package main

import (
	"context"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/messages"
)

var (
	jetstreamPeer     = stored("jetstream", "memory", jetstream.MemoryStorage)
	jetstreamFilePeer = stored("jetstream-file", "file", jetstream.FileStorage)
)

// stored is a stream that keeps messages and tells the publisher when it has one. Nobody consumes them.
func stored(name, words string, storage jetstream.StorageType) messages.Peer {
	return messages.Peer{
		Name:   name,
		Module: "github.com/nats-io/nats-server/v2",
		Config: "embedded server, stream in " + words + " of at most 256 MiB, PublishAsync for many in flight; the ack means that the server has stored it, nobody subscribes",
		Connect: func(ctx context.Context, _ *carrier.Carrier, flight int, dir string) (messages.Publisher, error) {
			s, err := serveNATS(dir)
			if err != nil {
				return nil, err
			}
			nc, err := nats.Connect(s.ClientURL())
			if err != nil {
				return nil, err
			}
			js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*flight))
			if err != nil {
				return nil, err
			}
			_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "BENCH", Subjects: []string{subject}, Storage: storage, MaxBytes: 256 << 20, Discard: jetstream.DiscardOld})
			return &storedPublisher{js: js, queue: newQueue(flight)}, err
		},
	}
}

type storedPublisher struct {
	js    jetstream.JetStream
	queue *queue
	acked atomic.Int64
}

func (p *storedPublisher) Publish(ctx context.Context, body []byte) error {
	_, err := p.js.Publish(ctx, subject, body)
	p.acked.Add(1)
	return err
}

func (p *storedPublisher) Async(_ context.Context, body []byte, done func(error)) error {
	f, err := p.js.PublishAsync(subject, body)
	if err != nil {
		return err
	}
	p.queue.add(func() error {
		select {
		case <-f.Ok():
			p.acked.Add(1)
			return nil
		case err := <-f.Err():
			return err
		}
	}, done)
	return nil
}

// Received is what the server has stored.
func (p *storedPublisher) Received() int64 { return p.acked.Load() }
