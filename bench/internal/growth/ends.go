package growth

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/load"
	"github.com/gantline-project/gantline/bench/internal/memory"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

const (
	// atLeast is how many are connected altogether, by as many servers as it takes: fewer say little about CPU.
	atLeast = 200
	// trip is the body of the calls over all Ends.
	trip = 128
	// settled is how long handshakes' goroutines may take to end.
	settled = 300 * time.Millisecond
)

// set is the connections of one server.
type set interface {
	// op returns one round trip. Many goroutines use it at once, on different connections where there are
	// enough.
	op() func() error
}

// ends connects n Ends, or raw connections, to a server. It looks at what they hold, and makes calls over all at
// once.
func ends(p trial.Plan, n int) trial.Report {
	rep := trial.Report{Version: trial.Version(""), Config: "package net, default socket options", Metrics: trial.Metrics{}}
	listen := rawServer
	if p.Peer == trial.Ours {
		listen = ourServer
		rep.Version, rep.Config = trial.Version(ours.Module), ours.Words
		var err error
		if rep.Effective, err = ours.Effective(); err != nil {
			return trial.Failed(err)
		}
	}
	servers := max(1, atLeast/n)
	if need, have := 2*n*servers+100, memory.Files(); need > have {
		return trial.Failed(fmt.Errorf("bench: %d connections need %d open files, the limit is %d: raise it with ulimit -n", n*servers, need, have))
	}
	if err := measureEnds(p, n, servers, listen, rep.Metrics); err != nil {
		return trial.Failed(err)
	}
	return rep
}

func measureEnds(p trial.Plan, n, servers int, listen func() (connect, error), m trial.Metrics) error {
	ctx := context.Background()
	warm, err := listen()
	if err != nil {
		return err
	}
	kept, err := warm(ctx, 10)
	if err != nil {
		return err
	}
	all := make([]connect, servers)
	for i := range all {
		if all[i], err = listen(); err != nil {
			return err
		}
	}
	sets := make([]set, servers)
	time.Sleep(settled)
	heap, goroutines, before := meter.Heap(), runtime.NumGoroutine(), meter.Read()
	for i := range sets {
		if sets[i], err = all[i](ctx, n); err != nil {
			return err
		}
	}
	after, count := meter.Read(), float64(n*servers)
	m["dial_us"] = before.CPUSeconds(after) * 1e6 / count
	time.Sleep(settled)
	m["heap"] = float64(meter.Heap()-heap) / count
	m["goroutines"] = float64(runtime.NumGoroutine()-goroutines) / count
	costs := trial.Metrics{}
	if err := load.Together(n, sets[0].op(), p.Warm, p.Time, costs); err != nil {
		return err
	}
	m["rate"] = costs["rate"]
	runtime.KeepAlive([]any{kept, all, sets})
	return nil
}

// connect connects n times to a server, one after the other.
type connect func(ctx context.Context, n int) (set, error)

// endSet has both Ends of each connection, one after the other.
type endSet []*gantline.End

func ourServer() (connect, error) {
	c, err := carrier.New(carrier.TCP, "")
	if err != nil {
		return nil, err
	}
	l, err := ours.Listen(c, ours.Config())
	return func(ctx context.Context, n int) (set, error) {
		s := make(endSet, 0, 2*n)
		for range n {
			near, err := ours.Dial(ctx, c, l, ours.Config())
			if err != nil {
				return nil, fmt.Errorf("connection %d: %w", len(s)/2, err)
			}
			far, err := l.AcceptEnd(ctx)
			if err != nil {
				return nil, err
			}
			s = append(s, near, far)
		}
		return s, nil
	}, err
}

func (s endSet) op() func() error {
	echo := gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil })
	for i := 1; i < len(s); i += 2 {
		s[i].Handle("echo", echo)
	}
	var turn atomic.Uint64
	n, body := uint64(len(s)/2), make([]byte, trip)
	return func() error {
		_, err := s[2*(turn.Add(1)%n)].Call(context.Background(), "echo", body)
		return err
	}
}

// connSet has both ends of each connection, one after the other.
type connSet []net.Conn

func rawServer() (connect, error) {
	c, err := carrier.New(carrier.TCP, "")
	if err != nil {
		return nil, err
	}
	ln, err := c.Listen()
	return func(ctx context.Context, n int) (set, error) {
		s := make(connSet, 0, 2*n)
		for range n {
			near, err := c.Dial(ctx)
			if err != nil {
				return nil, fmt.Errorf("connection %d: %w", len(s)/2, err)
			}
			far, err := ln.Accept()
			if err != nil {
				return nil, err
			}
			s = append(s, near, far)
		}
		return s, nil
	}, err
}

func (s connSet) op() func() error {
	free := make(chan func() error, len(s)/2) // round trips on connections that nobody uses
	for i := 0; i < len(s); i += 2 {
		go load.Mirror(s[i+1], trip) // ends with the process
		free <- load.Trip(s[i], trip)
	}
	return func() error {
		t := <-free
		defer func() { free <- t }()
		return t()
	}
}
