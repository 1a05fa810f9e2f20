// Package messages has the scenarios of the messages table and the peers that need nothing but gantline.
//
// # Usage
//
//	runner := messages.Runner(peers...) // more peers, each a small file of its own
//
// A peer is a Peer value: a name, a description of its configuration, and a function that connects a publisher
// and a subscriber over one carrier and returns the Publisher.
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report.
package messages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Publisher publishes messages. One goroutine uses it.
type Publisher interface {
	// Publish publishes body and waits for its ack.
	Publish(ctx context.Context, body []byte) error
	// Async publishes body and calls done, from any goroutine, when it is acked or has failed. It may wait.
	Async(ctx context.Context, body []byte, done func(error)) error
	// Received returns how many messages the subscriber has got.
	Received() int64
}

// Peer is a way of sending messages.
type Peer struct {
	// Name is what -peers takes. The version of Module is printed, "" = the standard library.
	Name, Module string
	// Config describes its configuration: above all who acks.
	Config string
	// Connect connects; flight is how many publications will be in flight, dir where files may be kept.
	Connect func(ctx context.Context, c *carrier.Carrier, flight int, dir string) (Publisher, error)
}

// work is what a scenario does.
type work struct{ size, flight int }

var works = map[string]work{
	"sync":        {128, 1},
	"flight-64":   {128, 64},
	"flight-1024": {128, 1024},
	"large":       {16 << 10, 64},
}

// Table is the messages command.
func Table(peers ...trial.Peer) trial.Table {
	rate := func() []trial.Column {
		return append([]trial.Column{{Key: "rate", Title: "messages/s", Higher: true, Ratio: true}}, trial.Costs("message")...)
	}
	return trial.Table{
		Name:  "messages",
		Title: "Messages",
		Words: "Publications until they are acked, on one connection of one publisher. gantline's ack is the subscriber's; a broker's, unless its configuration says otherwise, means that the broker has accepted the message. " +
			"Raw TCP has no messages: its row is round trips of the same size, one at a time.",
		Peers: slices.Concat([]trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}}, peers),
		Scenarios: []trial.Scenario{
			{Name: "sync", Title: "128 B, one after the other", Columns: append(meter.LatencyColumns(), trial.Costs("message")...)},
			{Name: "flight-64", Title: "128 B, 64 in flight", Columns: rate()},
			{Name: "flight-1024", Title: "128 B, 1024 in flight", Columns: rate(), Warm: 300 * time.Millisecond},
			{Name: "large", Title: "16 KiB, 64 in flight", Columns: rate()},
		},
	}
}

// Runner returns the runner of the messages table, with raw, gantline and more peers. Dir is where peers may keep
// files; the caller removes it.
func Runner(dir string, more ...Peer) trial.Runner {
	return func(p trial.Plan) trial.Report {
		peers := append([]Peer{rawPeer, oursPeer}, more...)
		for i := range peers {
			if peers[i].Name == p.Peer {
				return carryOut(p, &peers[i], dir)
			}
		}
		return trial.Failed(fmt.Errorf("bench: this program has no messages peer %q", p.Peer))
	}
}

func carryOut(p trial.Plan, peer *Peer, dir string) trial.Report {
	w, ok := works[p.Scenario]
	if !ok {
		return trial.Failed(fmt.Errorf("bench: messages has no scenario %q", p.Scenario))
	}
	rep := trial.Report{Version: trial.Version(peer.Module), Config: peer.Config, Metrics: trial.Metrics{}}
	var err error
	if peer.Module == ours.Module {
		if rep.Effective, err = ours.Effective(); err != nil {
			return trial.Failed(err)
		}
	}
	if err := w.do(p, peer, dir, rep.Metrics); err != nil {
		return trial.Failed(err)
	}
	return rep
}

func (w work) do(p trial.Plan, peer *Peer, dir string, m trial.Metrics) error {
	ctx := context.Background()
	c, err := carrier.New(carrier.TCP, dir)
	if err != nil {
		return err
	}
	if peer.Name == trial.Raw {
		near, err := load.RawPair(ctx, w.size)
		if err != nil {
			return err
		}
		return load.One(load.Trip(near, w.size), p.Warm, p.Time, m)
	}
	pub, err := peer.Connect(ctx, c, w.flight, dir)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	body := bytes.Repeat([]byte{'m'}, w.size)
	if err := pub.Publish(ctx, body); err != nil {
		return fmt.Errorf("the first message: %w", err)
	}
	if w.flight == 1 {
		err = load.One(func() error { return pub.Publish(ctx, body) }, p.Warm, p.Time, m)
	} else {
		err = inFlight(ctx, pub, body, w.flight, p, m)
	}
	if err == nil && pub.Received() == 0 {
		err = errors.New("the subscriber got nothing")
	}
	return err
}

// inFlight keeps a number of publications in flight and measures a window of them.
func inFlight(ctx context.Context, pub Publisher, body []byte, flight int, p trial.Plan, m trial.Metrics) error {
	places := make(chan struct{}, flight)
	failed := make(chan error, 1)
	var acked atomic.Int64
	done := func(err error) {
		if err != nil {
			select {
			case failed <- err:
			default:
			}
		}
		acked.Add(1)
		<-places
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() { // ends with stop or the first error
		defer close(ended)
		for stop.Err() == nil {
			places <- struct{}{}
			if err := pub.Async(ctx, body, done); err != nil {
				select {
				case failed <- err:
				default:
				}
				return
			}
		}
	}()
	time.Sleep(p.Warm)
	was, before := acked.Load(), meter.Read()
	time.Sleep(p.Time)
	after := meter.Read()
	ops := float64(acked.Load() - was)
	select {
	case err := <-failed:
		return fmt.Errorf("publish: %w", err)
	default:
	}
	m["rate"] = ops / before.Seconds(after)
	before.Costs(after, ops, m)
	cancel()
	select {
	case <-ended:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("acks stopped coming")
	}
}
