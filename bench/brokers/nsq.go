package main

import (
	"context"
	"io"
	"log"
	"sync/atomic"

	"github.com/nsqio/go-nsq"
	"github.com/nsqio/nsq/nsqd"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/messages"
)

var nsqPeer = messages.Peer{
	Name:   "nsq",
	Module: "github.com/nsqio/nsq",
	Config: "embedded nsqd, default options, one consumer with MaxInFlight 2500; the ack means that nsqd has taken the message",
	Connect: func(_ context.Context, _ *carrier.Carrier, flight int, dir string) (messages.Publisher, error) {
		quiet := log.New(io.Discard, "", 0)
		opts := nsqd.NewOptions()
		opts.TCPAddress, opts.HTTPAddress, opts.HTTPSAddress = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		opts.DataPath, opts.Logger = dir, quiet
		d, err := nsqd.New(opts)
		if err != nil {
			return nil, err
		}
		go func() { _ = d.Main() }() // ends with the process
		addr := d.RealTCPAddr().String()
		p := &nsqPublisher{queue: newQueue(flight)}
		cfg := nsq.NewConfig()
		cfg.MaxInFlight = 2500
		c, err := nsq.NewConsumer(subject, "bench", cfg)
		if err != nil {
			return nil, err
		}
		c.SetLogger(quiet, nsq.LogLevelError)
		c.AddHandler(nsq.HandlerFunc(func(*nsq.Message) error {
			p.got.Add(1)
			return nil
		}))
		if err := c.ConnectToNSQD(addr); err != nil {
			return nil, err
		}
		if p.producer, err = nsq.NewProducer(addr, nsq.NewConfig()); err != nil {
			return nil, err
		}
		p.producer.SetLogger(quiet, nsq.LogLevelError)
		return p, nil
	},
}

type nsqPublisher struct {
	producer *nsq.Producer
	queue    *queue
	got      atomic.Int64
}

func (p *nsqPublisher) Publish(_ context.Context, body []byte) error {
	return p.producer.Publish(subject, body)
}

func (p *nsqPublisher) Async(_ context.Context, body []byte, done func(error)) error {
	ready := make(chan *nsq.ProducerTransaction, 1)
	if err := p.producer.PublishAsync(subject, body, ready); err != nil {
		return err
	}
	p.queue.add(func() error { return (<-ready).Error }, done)
	return nil
}

func (p *nsqPublisher) Received() int64 { return p.got.Load() }
