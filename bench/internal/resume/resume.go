// Package resume has the scenarios of the resume table: the cost of a cut and of being ready for one.
//
// # Usage
//
//	runner := resume.Runner()
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report; wrong bytes are a figure of the storm.
package resume

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/streams"
	"github.com/gantline-project/gantline/bench/internal/trial"
	"github.com/gantline-project/gantline/chaos"
	"github.com/gantline-project/gantline/client"
)

// Off is the peer that does not resume.
const Off = trial.Ours + "-off"

var works = map[string]func(trial.Plan, trial.Metrics) error{
	"up-again": upAgain,
	"storm":    storm,
}

// Table is the resume command.
func Table() trial.Table {
	bulk := func(n int) []trial.Column {
		cols := []trial.Column{
			{Key: "mbps", Title: "MB/s", Higher: true, Ratio: true},
			{Key: "cpu_s_gb", Title: "CPU s/GB", Ratio: true},
		}
		if n > 1 {
			cols = append(cols, trial.Column{Key: "fair", Title: "slowest/fastest stream", Higher: true})
		}
		return cols
	}
	ms := func(key, title string) trial.Column { return trial.Column{Key: key, Title: title, Ratio: true} }
	return trial.Table{
		Name:  "resume",
		Title: "Resume",
		Words: "What a reset of the carrier costs, and what being ready for one costs. " + Off + " ends with its connection (client.WithoutRedial, SessionExpiry < 0): " +
			"it keeps the same send log and acknowledgements, which are its buffer and its flow control, so only redial and session are off. " +
			"up-again and storm go through a proxy that resets both of its sides; raw's up-again is a fresh connection through the same proxy and a first round trip.",
		Peers: []trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}, {Name: Off}},
		Scenarios: []trial.Scenario{
			{Name: "up-again", Title: "from the reset to the answer of a call made at once", Without: []string{Off}, Columns: []trial.Column{ms("p50_ms", "p50 ms"), ms("mean_ms", "mean ms"), ms("p99_ms", "p99 ms"), {Key: "cuts", Title: "cuts", Higher: true, Over: trial.Sum}}, Time: 2 * time.Second, Steady: true},
			{Name: "bulk-1", Title: "1 bulk stream, resume on and off", Columns: bulk(1)},
			{Name: "bulk-8", Title: "8 bulk streams, resume on and off", Columns: bulk(8)},
			{Name: "storm", Title: "a bulk stream through 20 cuts in 4 s", Without: []string{Off}, MaxReps: 3, Steady: true, Time: 4 * time.Second, Columns: []trial.Column{
				{Key: "wrong", Title: "bytes wrong, lost or repeated", Over: trial.Sum},
				{Key: "cuts", Title: "cuts", Higher: true, Over: trial.Worst},
				{Key: "resumes", Title: "resumes", Higher: true, Over: trial.Worst},
				{Key: "mbps", Title: "MB/s", Higher: true, Ratio: true},
				{Key: "replayed", Title: "sent again, part of all", Over: trial.Worst},
			}},
		},
	}
}

// Runner returns the runner of the resume table.
func Runner() trial.Runner {
	bulk := streams.Runner(streams.Peer{Name: Off, Module: ours.Module, Config: "client.WithoutRedial, Config{SessionExpiry: -1} on both sides, else as gantline", Connect: streams.ConnectOff})
	return func(p trial.Plan) trial.Report {
		work := works[p.Scenario]
		if work == nil {
			return bulk(p)
		}
		rep := trial.Report{Version: trial.Version(""), Config: "package net", Metrics: trial.Metrics{}}
		if p.Peer == trial.Ours {
			rep.Version, rep.Config = trial.Version(ours.Module), ours.Words
			var err error
			if rep.Effective, err = ours.Effective(); err != nil {
				return trial.Failed(err)
			}
		}
		if err := work(p, rep.Metrics); err != nil {
			return trial.Failed(err)
		}
		return rep
	}
}

// through returns two Ends with a proxy between them.
func through(ctx context.Context) (near, far *gantline.End, p *chaos.Proxy, err error) {
	c, err := carrier.New(carrier.TCP, "")
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := ours.Listen(c, ours.Config())
	if err != nil {
		return nil, nil, nil, err
	}
	if p, err = chaos.Listen("127.0.0.1:0", l.Addr().String(), nil); err != nil {
		return nil, nil, nil, err
	}
	if near, err = client.Dial(ctx, "tcp", p.Addr(), client.WithConfig(ours.Config())); err != nil {
		return nil, nil, nil, err
	}
	far, err = l.AcceptEnd(ctx)
	return near, far, p, err
}

// upAgain resets the connection and calls at once, again and again.
func upAgain(p trial.Plan, m trial.Metrics) error {
	ctx := context.Background()
	var op func() error
	if p.Peer == trial.Raw {
		proxy, err := mirrorBehindProxy()
		if err != nil {
			return err
		}
		op = func() error { return freshTrip(proxy.Addr()) }
	} else {
		near, far, proxy, err := through(ctx)
		if err != nil {
			return err
		}
		far.Handle("echo", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }))
		body := make([]byte, 64)
		op = func() error {
			proxy.Cut()
			_, err := near.Call(ctx, "echo", body)
			return err
		}
	}
	var l meter.Latencies
	l.Expect(p.Time)
	for end := time.Now().Add(p.Time); time.Now().Before(end); {
		began := time.Now()
		if err := op(); err != nil {
			return fmt.Errorf("after %d cuts: %w", l.Len(), err)
		}
		l.Add(time.Since(began))
		time.Sleep(20 * time.Millisecond) // so that a cut is not a flap
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	m["p50_ms"], m["mean_ms"], m["p99_ms"], m["cuts"] = ms(l.Quantile(.5)), ms(l.Mean()), ms(l.Quantile(.99)), float64(l.Len())
	return nil
}

// mirrorBehindProxy returns a proxy in front of a server that sends everything back.
func mirrorBehindProxy() (*chaos.Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { // ends with the process
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 64)
				for {
					n, err := nc.Read(buf)
					if err != nil {
						_ = nc.Close()
						return
					}
					if _, err := nc.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return chaos.Listen("127.0.0.1:0", ln.Addr().String(), nil)
}

// freshTrip dials, sends 64 bytes and waits for the first of them.
func freshTrip(addr string) error {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	buf := make([]byte, 64)
	if _, err := nc.Write(buf); err != nil {
		return err
	}
	_, err = nc.Read(buf)
	return err
}
