// Package growth has the scenarios of the growth table: how cost grows with streams, payload, round trip and Ends.
// Each is a point of a curve.
//
// # Usage
//
//	table := growth.Table()
//	runner := growth.Runner(streampeers.All(), callpeers.All())
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report.
package growth

import (
	"fmt"
	"slices"
	"time"

	"github.com/gantline-project/gantline/bench/internal/calls"
	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/streams"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// The peers beside raw and gantline: a few that everybody knows, so that all the points take minutes.
const (
	streamPeer = "yamux"
	callPeer   = "net/rpc"
)

// callers make the calls of the payload curve.
const callers = 8

// maxWindow is the default limit on what one stream has in flight (gantline.Limits.MaxWindow), and on the log.
const maxWindow = 16 << 20

// The points of the curves.
var (
	streamPoints  = []int{1, 4, 16, 64, 256, 1000}
	payloadPoints = []int{16, 128, 1 << 10, 8 << 10, 64 << 10, 512 << 10, 4 << 20} // the last is the default Limits.Body
	rttPoints     = []int{0, 1, 5, 20, 60, 200}                                    // ms
	endPoints     = []int{10, 100, 1000, 5000}
)

// maxReps bounds the repetitions: a curve has many points. Those that take seconds have two.
const maxReps = 3

// work is what one scenario does.
type work func(p trial.Plan, more peers) trial.Report

// peers are those of other packages.
type peers struct {
	streams []streams.Peer
	calls   []calls.Peer
}

// one is a scenario and its work.
type one struct {
	trial.Scenario
	work work
}

// Table is the growth command.
func Table() trial.Table {
	t := trial.Table{
		Name:  "growth",
		Title: "Growth",
		Words: "How cost grows: each curve is a chart and a table, each point a batch of its own. Raw TCP has a connection for each stream, caller and End. " +
			"Both ends are in one process, so CPU and allocations are both ends' together.",
		Peers: []trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}, {Name: streamPeer}, {Name: callPeer}},
	}
	for _, o := range all() {
		t.Scenarios = append(t.Scenarios, o.Scenario)
	}
	return t
}

// Runner returns the runner of the growth table.
func Runner(s []streams.Peer, c []calls.Peer) trial.Runner {
	return func(p trial.Plan) trial.Report {
		for _, o := range all() {
			if o.Name == p.Scenario {
				return o.work(p, peers{s, c})
			}
		}
		return trial.Failed(fmt.Errorf("bench: growth has no scenario %q", p.Scenario))
	}
}

func all() []one {
	return slices.Concat(each(streamPoints, streamsAt), each(payloadPoints, payloadAt), each(rttPoints, rttAt), each(endPoints, endsAt))
}

func each(points []int, at func(int) one) []one {
	var out []one
	for _, x := range points {
		out = append(out, at(x))
	}
	return out
}

func ratio(key, title string, higher bool) trial.Column {
	return trial.Column{Key: key, Title: title, Higher: higher, Ratio: true, Drawn: true}
}

func streamsAt(n int) one {
	o := one{trial.Scenario{
		Name: fmt.Sprintf("streams-%d", n), Title: fmt.Sprintf("bulk streams: %d", n),
		Columns: []trial.Column{ratio("mbps", "MB/s in all", true), ratio("cpu_s_gb", "CPU s/GB", false), {Key: "fair", Title: "slowest/fastest stream", Higher: true}},
		Without: []string{callPeer}, MaxReps: maxReps,
		Point: &trial.Point{Curve: "streams", Title: "Bulk streams of one connection, 32 KiB writes", X: float64(n), Unit: "streams"},
	}, func(p trial.Plan, more peers) trial.Report { return streams.Bulk(p, carrier.TCP, n, more.streams...) }}
	if n >= 100 { // until each had its turns
		o.Warm, o.Time = time.Duration(n)*time.Millisecond, time.Duration(n)*time.Millisecond
	}
	return o
}

func payloadAt(size int) one {
	o := one{trial.Scenario{
		Name: fmt.Sprintf("payload-%d", size), Title: fmt.Sprintf("echo calls, bytes: %d", size),
		Columns: []trial.Column{ratio("cpu_us", "CPU us/call", false), ratio("mbps", "MB/s each way", true), {Key: "allocs", Title: "allocs/call"}, {Key: "syscalls", Title: "syscalls/call"}},
		Judge:   "mbps", Without: []string{streamPeer}, MaxReps: maxReps,
		Point: &trial.Point{Curve: "payload", Title: fmt.Sprintf("Echo calls, %d callers", callers), X: float64(size), Unit: "B"},
	}, func(p trial.Plan, more peers) trial.Report { return calls.Measure(p, size, callers, more.calls...) }}
	return o
}

func rttAt(ms int) one {
	rtt := time.Duration(ms) * time.Millisecond
	o := one{trial.Scenario{
		Name: fmt.Sprintf("rtt-%d", ms), Title: fmt.Sprintf("bulk stream, round trip in ms: %d", ms),
		Columns: []trial.Column{ratio("mbps", "MB/s", true)},
		// A window needs six round trips to grow, and its limits are measured before that.
		Warm: 15 * rtt, Time: 5 * rtt,
		Without: []string{callPeer}, MaxReps: 2,
		Point: &trial.Point{Curve: "rtt", Title: "One bulk stream over distance, unlimited bandwidth (in memory)", X: float64(ms), Unit: "ms"},
	}, func(p trial.Plan, more peers) trial.Report {
		return streams.Bulk(p, carrier.Kind{Name: fmt.Sprintf("in memory, %v round trip", rtt), Delay: rtt / 2}, 1, more.streams...)
	}}
	if ms > 0 {
		o.Point.Cap, o.Point.CapWords = maxWindow/1e6/rtt.Seconds(), "16 MiB / round trip"
	}
	return o
}

func endsAt(n int) one {
	return one{trial.Scenario{
		Name: fmt.Sprintf("ends-%d", n), Title: fmt.Sprintf("Ends of one server: %d", n),
		Columns: []trial.Column{
			{Key: "heap", Title: "heap B/pair", Over: trial.Worst, Drawn: true},
			ratio("dial_us", "CPU us to connect", false),
			{Key: "goroutines", Title: "goroutines/pair", Over: trial.Worst},
			{Key: "rate", Title: "calls/s over all at once", Higher: true},
		},
		Judge: "dial_us", Without: []string{streamPeer, callPeer}, MaxReps: 2, Warm: min(time.Second, time.Duration(n)*time.Millisecond), // the first call of each
		Point: &trial.Point{Curve: "ends", Title: "Ends of one server (raw: connections, what the kernel holds is not counted)", X: float64(n), Unit: "Ends"},
	}, func(p trial.Plan, _ peers) trial.Report { return ends(p, n) }}
}
