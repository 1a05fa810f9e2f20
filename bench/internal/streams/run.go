package streams

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// run is one plan being run.
type run struct {
	trial.Plan
	ctx  context.Context
	peer *Peer
	dir  string // for sockets
	m    trial.Metrics
}

// Runner returns the runner of the streams table, with raw, gantline and more peers.
func Runner(more ...Peer) trial.Runner {
	return func(p trial.Plan) trial.Report {
		work := work[p.Scenario]
		if work == nil {
			return trial.Failed(fmt.Errorf("bench: streams has no scenario %q", p.Scenario))
		}
		return find(p, work, more)
	}
}

// Bulk runs a plan of another table: n bulk streams over k.
func Bulk(p trial.Plan, k carrier.Kind, n int, more ...Peer) trial.Report {
	return find(p, bulk(k, n, bulkWrite), more)
}

// find makes the plan's peer do the work.
func find(p trial.Plan, work func(*run) error, more []Peer) trial.Report {
	peers := append([]Peer{rawPeer, oursPeer}, more...)
	for i := range peers {
		if peers[i].Name == p.Peer {
			return carryOut(p, &peers[i], work)
		}
	}
	return trial.Failed(fmt.Errorf("bench: this program has no streams peer %q", p.Peer))
}

func carryOut(p trial.Plan, peer *Peer, work func(*run) error) trial.Report {
	dir, err := os.MkdirTemp("", "gl")
	if err != nil {
		return trial.Failed(err)
	}
	defer os.RemoveAll(dir)
	r := &run{Plan: p, ctx: context.Background(), peer: peer, dir: dir, m: trial.Metrics{}}
	rep := trial.Report{Version: trial.Version(peer.Module), Config: peer.Config, Metrics: r.m}
	if peer.Name == trial.Ours {
		if rep.Effective, err = ours.Effective(); err != nil {
			return trial.Failed(err)
		}
	}
	if err := work(r); err != nil {
		return trial.Failed(err)
	}
	if peer.Packets {
		delete(r.m, "syscalls") // package meter says why
	}
	return rep
}

// connect returns both sides of a new connection.
func (r *run) connect(k carrier.Kind) (c, s Session, err error) {
	car, err := carrier.New(k, r.dir)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
	defer cancel()
	if c, s, err = r.peer.Connect(ctx, car); err != nil {
		return nil, nil, fmt.Errorf("connect over %s: %w", k.Name, err)
	}
	return c, s, nil
}

// stream opens a stream on c and accepts it on s.
func (r *run) stream(c, s Session) (near, far Stream, err error) {
	type opened struct {
		st  Stream
		err error
	}
	got := make(chan opened, 1)
	go func() { // a raw TLS connection is open only when the other side has accepted it
		st, err := c.Open(r.ctx)
		if err == nil && r.peer.Speaks {
			_, err = st.Write([]byte{0})
		}
		got <- opened{st, err}
	}()
	if far, err = s.Accept(r.ctx); err != nil {
		return nil, nil, fmt.Errorf("accept: %w", err)
	}
	o := <-got
	if o.err != nil {
		return nil, nil, fmt.Errorf("open: %w", o.err)
	}
	if r.peer.Speaks {
		if _, err := far.Read(make([]byte, 1)); err != nil {
			return nil, nil, fmt.Errorf("first byte: %w", err)
		}
	}
	return o.st, far, nil
}

// pair returns both ends of a stream on a new connection.
func (r *run) pair(k carrier.Kind) (near, far Stream, err error) {
	c, s, err := r.connect(k)
	if err != nil {
		return nil, nil, err
	}
	return r.stream(c, s)
}

// streams returns n of them on one connection.
func (r *run) streams(c, s Session, n int) (near, far []Stream, err error) {
	for range n {
		a, b, err := r.stream(c, s)
		if err != nil {
			return nil, nil, fmt.Errorf("stream %d of %d: %w", len(near)+1, n, err)
		}
		near, far = append(near, a), append(far, b)
	}
	return near, far, nil
}
