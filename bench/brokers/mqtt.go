package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/messages"
)

var mqttPeer = messages.Peer{
	Name:   "mqtt",
	Module: "github.com/mochi-mqtt/server/v2",
	Config: "embedded mochi, paho clients, QoS 1, one subscriber; the ack means that the broker has taken the message",
	Connect: func(_ context.Context, _ *carrier.Carrier, flight int, _ string) (messages.Publisher, error) {
		s := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
		if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
			return nil, err
		}
		ln := listeners.NewTCP(listeners.Config{ID: "bench", Address: "127.0.0.1:0"})
		if err := s.AddListener(ln); err != nil {
			return nil, err
		}
		if err := s.Serve(); err != nil { // does not block; ends with the process
			return nil, err
		}
		p := &mqttPublisher{queue: newQueue(flight)}
		sub, err := dialMQTT(ln.Address(), "subscriber")
		if err != nil {
			return nil, err
		}
		if err := within(sub.Subscribe(subject, 1, func(paho.Client, paho.Message) { p.got.Add(1) })); err != nil {
			return nil, err
		}
		p.client, err = dialMQTT(ln.Address(), "publisher")
		return p, err
	},
}

func dialMQTT(addr, id string) (paho.Client, error) {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetOrderMatters(false))
	return c, within(c.Connect())
}

// within waits for a token, for a time that nothing healthy needs.
func within(t paho.Token) error {
	if !t.WaitTimeout(10 * time.Second) {
		return errors.New("the broker does not answer within 10 s")
	}
	return t.Error()
}

type mqttPublisher struct {
	client paho.Client
	queue  *queue
	got    atomic.Int64
}

func (p *mqttPublisher) Publish(_ context.Context, body []byte) error {
	return within(p.client.Publish(subject, 1, false, body))
}

func (p *mqttPublisher) Async(_ context.Context, body []byte, done func(error)) error {
	t := p.client.Publish(subject, 1, false, body)
	p.queue.add(func() error { return within(t) }, done)
	return nil
}

func (p *mqttPublisher) Received() int64 { return p.got.Load() }
