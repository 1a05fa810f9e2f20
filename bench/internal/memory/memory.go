// Package memory has the scenarios of the memory table. They measure what gantline holds for peers that do nothing,
// do not read or are slow.
//
// # Usage
//
//	runner := memory.Runner()
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report.
package memory

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// How many there are.
const (
	ends         = 10_000
	streamEnds   = 100
	streamsEach  = 1000
	slowPeers    = 1000
	slowStreams  = 4
	smallSockets = 16 << 10
)

var works = map[string]func(context.Context, trial.Metrics) error{
	"ends":       idleEnds,
	"streams":    idleStreams,
	"unread":     unread,
	"slow-peers": slow,
}

var rawWorks = map[string]func(context.Context, trial.Metrics) error{
	"ends":    rawConns,
	"streams": rawConns,
}

// Table is the memory command.
func Table() trial.Table {
	each := func(key, title string) trial.Column {
		return trial.Column{Key: key, Title: title, Over: trial.Worst}
	}
	heap := each("heap", "heap B each")
	rest := []trial.Column{each("goroutines", "goroutines each"), each("total_mib", "heap MiB in all"), {Key: "count", Title: "how many", Higher: true, Over: trial.Worst}}
	with := func(more ...trial.Column) []trial.Column {
		return append(append([]trial.Column{heap}, rest...), more...)
	}
	noRaw := []string{trial.Raw}
	return trial.Table{
		Name:  "memory",
		Title: "Memory",
		Words: "Heap after garbage collection, both ends in one process; what the kernel holds is not counted. The worst repetition counts. Raw TCP has a connection for each End or stream, as many as files may be open.",
		Peers: []trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}},
		Scenarios: []trial.Scenario{
			{Name: "ends", Title: "10,000 Ends connected to one server (a pair each)", Columns: with(each("in_memory", "of them in memory, for want of files"), each("connect_us", "us to connect each")), Steady: true, MaxReps: 1},
			{Name: "streams", Title: "100,000 idle streams, 1000 on each of 100 Ends (a pair each)", Columns: with(), Steady: true, MaxReps: 2},
			{Name: "unread", Title: "100 streams of one End that nobody reads", Columns: with(each("accepted_kib", "KiB written to each")), Steady: true, MaxReps: 3, Without: noRaw},
			{Name: "slow-peers", Title: "1000 peers that stopped reading their socket, 4 streams written to each", Columns: with(each("accepted_kib", "KiB written to each")), Steady: true, MaxReps: 2, Without: noRaw},
		},
	}
}

// Runner returns the runner of the memory table.
func Runner() trial.Runner {
	return func(p trial.Plan) trial.Report {
		rep := trial.Report{Version: trial.Version(""), Config: "package net, a connection each", Metrics: trial.Metrics{}}
		work := rawWorks[p.Scenario]
		if p.Peer == trial.Ours {
			work = works[p.Scenario]
			rep.Version, rep.Config = trial.Version(ours.Module), ours.Words
			var err error
			if rep.Effective, err = ours.Effective(); err != nil {
				return trial.Failed(err)
			}
		}
		if work == nil {
			return trial.Failed(fmt.Errorf("bench: memory has no scenario %q for %s", p.Scenario, p.Peer))
		}
		if err := work(context.Background(), rep.Metrics); err != nil {
			return trial.Failed(err)
		}
		return rep
	}
}

// ruler measures the memory of n things.
type ruler struct {
	heap       int64
	goroutines int
}

func newRuler() ruler { return ruler{meter.Heap(), runtime.NumGoroutine()} }

func (r ruler) report(n int, m trial.Metrics) {
	heap := float64(meter.Heap() - r.heap)
	m["heap"], m["total_mib"], m["count"] = heap/float64(n), heap/(1<<20), float64(n)
	m["goroutines"] = float64(runtime.NumGoroutine()-r.goroutines) / float64(n)
}

// pairs connects n Ends to one server, one after the other.
func pairs(ctx context.Context, k carrier.Kind, n int) ([]*gantline.End, *server.Listener, error) {
	c, err := carrier.New(k, "")
	if err != nil {
		return nil, nil, err
	}
	l, err := ours.Listen(c, ours.Config())
	if err != nil {
		return nil, nil, err
	}
	all := make([]*gantline.End, 0, 2*n)
	for i := range n {
		near, err := ours.Dial(ctx, c, l, ours.Config())
		if err != nil {
			return nil, nil, fmt.Errorf("connection %d: %w", i, err)
		}
		far, err := l.AcceptEnd(ctx)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, near, far)
	}
	return all, l, nil
}

// idleEnds connects over TCP as far as files allow, and in memory beyond that. In one process both ends need
// files.
func idleEnds(ctx context.Context, m trial.Metrics) error {
	overTCP := min(ends, Files()/2-100)
	warm, wl, err := pairs(ctx, carrier.TCP, 10)
	if err != nil {
		return err
	}
	r, began := newRuler(), time.Now()
	all, l, err := pairs(ctx, carrier.TCP, overTCP)
	if err != nil {
		return err
	}
	m["connect_us"] = time.Since(began).Seconds() * 1e6 / float64(overTCP)
	rest, rl, err := pairs(ctx, carrier.Memory, ends-overTCP)
	if err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond) // handshakes' goroutines are gone
	r.report(ends, m)
	m["in_memory"] = float64(ends - overTCP)
	runtime.KeepAlive([]any{warm, wl, all, l, rest, rl})
	return nil
}

func idleStreams(ctx context.Context, m trial.Metrics) error {
	all, l, err := pairs(ctx, carrier.TCP, streamEnds)
	if err != nil {
		return err
	}
	r := newRuler()
	kept := make([]*gantline.Stream, 0, 2*streamEnds*streamsEach)
	r.heap += int64(cap(kept) * 8)
	for i := 0; i < len(all); i += 2 {
		for range streamsEach {
			st, err := all[i].OpenStream(ctx)
			if err != nil {
				return err
			}
			peer, err := all[i+1].AcceptStream(ctx)
			if err != nil {
				return err
			}
			kept = append(kept, st, peer)
		}
	}
	time.Sleep(200 * time.Millisecond)
	r.report(streamEnds*streamsEach, m)
	runtime.KeepAlive([]any{all, l, kept})
	return nil
}

// rawConns is as many connections as files may be open.
func rawConns(ctx context.Context, m trial.Metrics) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n := min(ends, Files()/2-100)
	r, began := newRuler(), time.Now()
	kept := make([]net.Conn, 0, 2*n)
	for range n {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		far, err := ln.Accept()
		if err != nil {
			return err
		}
		kept = append(kept, nc, far)
	}
	m["connect_us"] = time.Since(began).Seconds() * 1e6 / float64(n)
	r.report(n, m)
	runtime.KeepAlive([]any{ln, kept, ctx})
	return nil
}

// unread writes to streams until nothing more is taken.
func unread(ctx context.Context, m trial.Metrics) error {
	all, l, err := pairs(ctx, carrier.TCP, 1)
	if err != nil {
		return err
	}
	r := newRuler()
	f := &feeder{}
	const n = 100
	kept := make([]*gantline.Stream, 0, n)
	for range n {
		st, err := all[0].OpenStream(ctx)
		if err != nil {
			return err
		}
		peer, err := all[1].AcceptStream(ctx)
		if err != nil {
			return err
		}
		kept = append(kept, peer)
		f.feed(st)
	}
	f.settle()
	r.goroutines += n
	r.heap += n * feedSize
	r.report(n, m)
	m["accepted_kib"] = float64(f.bytes.Load()) / n / 1024
	runtime.KeepAlive([]any{all, l, kept})
	return nil
}

// slow is a server whose clients have stopped reading: what it wrote is in its logs.
func slow(ctx context.Context, m trial.Metrics) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l := server.NewListener(smallListener{ln}, server.WithConfig(ours.Config()))
	var gates []*gate
	kept := make([]*gantline.End, 0, 2*slowPeers)
	for i := range slowPeers {
		near, err := client.Dial(ctx, "tcp", ln.Addr().String(), client.WithConfig(ours.Config()), client.WithDialFunc(func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			g := newGate(nc)
			gates = append(gates, g)
			return g, nil
		}))
		if err != nil {
			return fmt.Errorf("peer %d: %w", i, err)
		}
		far, err := l.AcceptEnd(ctx)
		if err != nil {
			return err
		}
		kept = append(kept, near, far)
	}
	r := newRuler()
	f := &feeder{}
	for i := 1; i < len(kept); i += 2 {
		gates[i/2].shut()
		for range slowStreams {
			st, err := kept[i].OpenStream(ctx)
			if err != nil {
				return err
			}
			f.feed(st)
		}
	}
	f.settle()
	r.goroutines += slowPeers * slowStreams
	r.heap += slowPeers * slowStreams * feedSize
	r.report(slowPeers, m)
	m["accepted_kib"] = float64(f.bytes.Load()) / slowPeers / 1024
	runtime.KeepAlive([]any{kept, l, gates})
	return nil
}
