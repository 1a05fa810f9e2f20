// Package calls has the scenarios of the calls table and the peers that need nothing but gantline.
//
// # Usage
//
//	runner := calls.Runner(peers...) // more peers, each a small file of its own
//
// A peer is a Peer value: a name, a description of its configuration, and a function that connects over a carrier and
// returns the echo call.
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report.
package calls

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Echo makes one call whose answer is its body. Many goroutines use it at once.
type Echo func(ctx context.Context, body []byte) ([]byte, error)

// Peer is a way of making calls.
type Peer struct {
	// Name is what -peers takes. The version of Module is printed, "" = the standard library.
	Name, Module string
	// Config describes its configuration.
	Config string
	// Connect connects once and returns the call.
	Connect func(ctx context.Context, c *carrier.Carrier) (Echo, error)
}

// work is what a scenario does: how many bytes, by how many callers.
type work struct{ size, callers int }

const (
	small = 128
	large = 128 << 10
)

var works = map[string]work{
	"call-1":    {small, 1},
	"call-64":   {small, 64},
	"call-1024": {small, 1024},
	"large":     {large, 8},
}

// Table is the calls command.
func Table(peers ...trial.Peer) trial.Table {
	rate := func() []trial.Column {
		return append([]trial.Column{{Key: "rate", Title: "calls/s", Higher: true, Ratio: true}}, trial.Costs("call")...)
	}
	return trial.Table{
		Name:  "calls",
		Title: "Calls",
		Words: "Echo calls on one connection. Raw TCP has no calls: its row is round trips of the same size, one at a time, whoever many callers the others have.",
		Peers: slices.Concat([]trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}, {Name: oursInline.Name}}, peers),
		Scenarios: []trial.Scenario{
			{Name: "call-1", Title: "128 B echo, 1 caller", Columns: append(meter.LatencyColumns(), trial.Costs("call")...)},
			{Name: "call-64", Title: "128 B echo, 64 callers", Columns: rate()},
			{Name: "call-1024", Title: "128 B echo, 1024 callers", Columns: rate(), Warm: 300 * time.Millisecond},
			{Name: "large", Title: "128 KiB echo, 8 callers", Columns: append([]trial.Column{{Key: "mbps", Title: "MB/s each way", Higher: true, Ratio: true}}, trial.Costs("call")...)},
		},
	}
}

// Runner returns the runner of the calls table, with raw, gantline and more peers.
func Runner(more ...Peer) trial.Runner {
	return func(p trial.Plan) trial.Report {
		w, ok := works[p.Scenario]
		if !ok {
			return trial.Failed(fmt.Errorf("bench: calls has no scenario %q", p.Scenario))
		}
		if p.Peer == trial.Raw {
			w.callers = 1
		}
		return w.find(p, append([]Peer{Raw(1), oursPeer, oursInline}, more...))
	}
}

// Measure runs a plan of another table: echo calls of size bytes by many callers. Each caller has a raw connection
// of its own.
func Measure(p trial.Plan, size, callers int, more ...Peer) trial.Report {
	return work{size, callers}.find(p, append([]Peer{Raw(callers), oursPeer}, more...))
}

// find makes the plan's peer do the work.
func (w work) find(p trial.Plan, peers []Peer) trial.Report {
	for i := range peers {
		if peers[i].Name == p.Peer {
			return w.carryOut(p, &peers[i])
		}
	}
	return trial.Failed(fmt.Errorf("bench: this program has no calls peer %q", p.Peer))
}

func (w work) carryOut(p trial.Plan, peer *Peer) trial.Report {
	rep := trial.Report{Version: trial.Version(peer.Module), Config: peer.Config, Metrics: trial.Metrics{}}
	var err error
	if peer.Module == ours.Module {
		if rep.Effective, err = ours.Effective(); err != nil {
			return trial.Failed(err)
		}
	}
	if err := w.do(p, peer, rep.Metrics); err != nil {
		return trial.Failed(err)
	}
	return rep
}

func (w work) do(p trial.Plan, peer *Peer, m trial.Metrics) error {
	ctx := context.Background()
	c, err := carrier.New(carrier.TCP, "")
	if err != nil {
		return err
	}
	ctx = context.WithValue(ctx, sizeKey{}, w.size)
	echo, err := peer.Connect(ctx, c)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	body := bytes.Repeat([]byte("echo"), w.size/4)
	if got, err := echo(ctx, body); err != nil || !bytes.Equal(got, body) {
		return fmt.Errorf("the first call gave %d bytes and %w, want the %d sent", len(got), err, len(body))
	}
	call := func() error {
		got, err := echo(ctx, body)
		if err == nil && len(got) != len(body) {
			err = fmt.Errorf("%d bytes came back of %d", len(got), len(body))
		}
		return err
	}
	if w.callers == 1 {
		err = load.One(call, p.Warm, p.Time, m)
	} else {
		err = load.Together(w.callers, call, p.Warm, p.Time, m)
	}
	m["mbps"] = m["rate"] * float64(w.size) / 1e6
	return err
}
