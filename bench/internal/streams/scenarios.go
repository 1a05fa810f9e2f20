package streams

import (
	"slices"
	"time"

	"github.com/gantline-project/gantline/bench/internal/carrier"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// work is what the scenarios of Table do.
var work = map[string]func(*run) error{
	"bulk-1":     bulk(carrier.TCP, 1, bulkWrite),
	"bulk-8":     bulk(carrier.TCP, 8, bulkWrite),
	"bulk-100":   bulk(carrier.TCP, 100, bulkWrite),
	"bulk-1000":  bulk(carrier.TCP, 1000, bulkWrite),
	"copy":       copied,
	"ping":       ping(carrier.TCP, 0),
	"ping-bulk1": ping(carrier.TCP, 1),
	"ping-bulk8": ping(carrier.TCP, 8),
	"small-8":    bulk(carrier.TCP, 8, 64),
	"bulk-tls":   bulk(carrier.TLS, 1, bulkWrite),
	"ping-tls":   ping(carrier.TLS, 0),
	"bulk-unix":  bulk(carrier.Unix, 1, bulkWrite),
	"ping-unix":  ping(carrier.Unix, 0),
	"rtt60":      bulk(carrier.Far, 1, bulkWrite),
	"narrow":     ping(carrier.Narrow, 1),
	"open":       openRate,
	"open-trip":  openTrip,
	"idle":       idle,
	"stuck-100":  stuck,
	"cut-short":  cutShort,
}

// bulkColumns are the columns of streams that are full all the time.
func bulkColumns(n int) []trial.Column {
	cols := []trial.Column{
		{Key: "mbps", Title: "MB/s", Higher: true, Ratio: true},
		{Key: "cpu_s_gb", Title: "CPU s/GB", Ratio: true},
	}
	if n > 1 {
		cols = append(cols, trial.Column{Key: "fair", Title: "slowest/fastest stream", Higher: true})
	}
	return append(cols, trial.Costs("write")[1:]...)
}

func pingColumns() []trial.Column {
	return append(meter.LatencyColumns(), trial.Costs("trip")...)
}

// besideColumns chart the tail; raw's own tail is noise, so its median judges the machine.
func besideColumns() []trial.Column {
	p := meter.LatencyColumns()
	return []trial.Column{p[2], p[0], p[1], {Key: "mbps", Title: "bulk MB/s", Higher: true, Ratio: true}}
}

// Table is the streams command.
func Table(peers ...trial.Peer) trial.Table {
	return trial.Table{
		Name:  "streams",
		Title: "Streams",
		Words: "One connection with many streams; raw TCP has a connection for each stream. Writes are 32 KiB unless said otherwise, reads 64 KiB; bytes count when they are read.",
		Peers: slices.Concat([]trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}}, peers),
		Scenarios: []trial.Scenario{
			{Name: "bulk-1", Title: "1 bulk stream", Columns: bulkColumns(1)},
			{Name: "bulk-8", Title: "8 bulk streams", Columns: bulkColumns(8)},
			{Name: "bulk-100", Title: "100 bulk streams", Columns: bulkColumns(100), Warm: time.Second, Time: time.Second},
			{Name: "bulk-1000", Title: "1000 bulk streams", Columns: bulkColumns(1000), Warm: 3 * time.Second, Time: 2 * time.Second},
			{Name: "copy", Title: "1 stream, io.Copy on both sides", Columns: bulkColumns(1)},
			{Name: "ping", Title: "64 B ping-pong", Columns: pingColumns()},
			{Name: "ping-bulk1", Title: "64 B ping-pong beside 1 bulk stream", Columns: besideColumns(), Judge: "p50_us", Time: time.Second},
			{Name: "ping-bulk8", Title: "64 B ping-pong beside 8 bulk streams", Columns: besideColumns(), Judge: "p50_us", Time: time.Second},
			{Name: "small-8", Title: "64 B writes on 8 streams", Columns: slices.Concat([]trial.Column{{Key: "writes", Title: "writes/s", Higher: true, Ratio: true}}, trial.Costs("write"))},
			{Name: "open", Title: "open, 1 byte, close", Columns: slices.Concat([]trial.Column{{Key: "streams", Title: "streams/s", Higher: true, Ratio: true}}, trial.Costs("stream"))},
			{Name: "open-trip", Title: "open, write, read, close, one after the other", Columns: append(meter.LatencyColumns(), trial.Costs("stream")...)},
			{Name: "idle", Title: "1000 idle streams, both ends", Steady: true, MaxReps: 3, Warm: 200 * time.Millisecond, Columns: []trial.Column{
				{Key: "heap", Title: "heap B each (raw: kernel not counted)", Over: trial.Worst},
				{Key: "goroutines", Title: "goroutines each", Over: trial.Worst},
			}},
			{Name: "stuck-100", Title: "a bulk stream beside 100 that nobody reads", MaxReps: 3, Steady: true, Time: time.Second, Columns: []trial.Column{
				{Key: "kept", Title: "part of its rate that the stream keeps (0 = blocked)", Higher: true},
				{Key: "heap", Title: "heap MiB more", Over: trial.Worst},
				{Key: "mbps", Title: "MB/s", Higher: true, Ratio: true},
			}},
			{Name: "cut-short", Title: "write 200 KiB, close the stream and the session at once", Steady: true, Columns: []trial.Column{
				{Key: "short", Title: "cut short", Over: trial.Sum},
				{Key: "rounds", Title: "of", Over: trial.Sum},
			}},
			{Name: "narrow", Title: "64 B ping-pong beside 1 bulk stream over 12.5 MB/s and 20 ms", Columns: besideColumns(), Judge: "p50_us", Warm: 2 * time.Second, Time: 2 * time.Second, MaxReps: 3},
			{Name: "rtt60", Title: "1 bulk stream over 60 ms round trip, unlimited bandwidth", Columns: bulkColumns(1), Warm: 3 * time.Second, Time: 2 * time.Second, MaxReps: 3},
			{Name: "bulk-tls", Title: "1 bulk stream over TLS", Columns: bulkColumns(1)},
			{Name: "ping-tls", Title: "64 B ping-pong over TLS", Columns: pingColumns()},
			{Name: "bulk-unix", Title: "1 bulk stream over a unix socket", Columns: bulkColumns(1), Without: []string{"quic"}},
			{Name: "ping-unix", Title: "64 B ping-pong over a unix socket", Columns: pingColumns(), Without: []string{"quic"}},
		},
	}
}
