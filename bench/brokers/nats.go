package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/messages"
)

const subject = "bench"

// serveNATS starts an embedded server; it ends with the process.
func serveNATS(jetstreamDir string) (*server.Server, error) {
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: jetstreamDir != "", StoreDir: jetstreamDir}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("the NATS server is not ready after 10 s")
	}
	return s, nil
}

var natsPeer = messages.Peer{
	Name:   "nats",
	Module: "github.com/nats-io/nats-server/v2",
	Config: "embedded server, core request: the subscriber's reply acks; in flight with PublishRequest and one inbox",
	Connect: func(_ context.Context, _ *carrier.Carrier, flight int, _ string) (messages.Publisher, error) {
		s, err := serveNATS("")
		if err != nil {
			return nil, err
		}
		sub, err := nats.Connect(s.ClientURL())
		if err != nil {
			return nil, err
		}
		p := &natsPublisher{inbox: nats.NewInbox(), done: make(chan func(error), flight)}
		if _, err = sub.Subscribe(subject, func(m *nats.Msg) {
			p.got.Add(1)
			_ = m.Respond(nil)
		}); err != nil {
			return nil, err
		}
		if err := sub.Flush(); err != nil {
			return nil, err
		}
		if p.nc, err = nats.Connect(s.ClientURL()); err != nil {
			return nil, err
		}
		_, err = p.nc.Subscribe(p.inbox, func(*nats.Msg) { (<-p.done)(nil) })
		return p, err
	},
}

type natsPublisher struct {
	nc    *nats.Conn
	inbox string
	done  chan func(error) // in the order of the requests; there is one subscriber, so also of the replies
	got   atomic.Int64
}

func (p *natsPublisher) Publish(ctx context.Context, body []byte) error {
	_, err := p.nc.Request(subject, body, 10*time.Second)
	return err
}

func (p *natsPublisher) Async(_ context.Context, body []byte, done func(error)) error {
	p.done <- done
	return p.nc.PublishRequest(subject, p.inbox, body)
}

func (p *natsPublisher) Received() int64 { return p.got.Load() }
