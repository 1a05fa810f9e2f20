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
			{Name: "ping-bulk1", Title: "64 B ping-pong beside 1 bulk stream", Columns: besideColumns(), Time: time.Second},
			{Name: "ping-bulk8", Title: "64 B ping-pong beside 8 bulk streams", Columns: besideColumns(), Time: time.Second},
			{Name: "small-8", Title: "64 B writes on 8 streams", Columns: slices.Concat([]trial.Column{{Key: "writes", Title: "writes/s", Higher: true, Ratio: true}}, trial.Costs("write"))},
			{Name: "rtt60", Title: "1 bulk stream over 60 ms round trip, unlimited bandwidth", Columns: bulkColumns(1), Warm: 3 * time.Second, Time: 2 * time.Second, MaxReps: 3},
			{Name: "bulk-tls", Title: "1 bulk stream over TLS", Columns: bulkColumns(1)},
			{Name: "ping-tls", Title: "64 B ping-pong over TLS", Columns: pingColumns()},
			{Name: "bulk-unix", Title: "1 bulk stream over a unix socket", Columns: bulkColumns(1), Without: []string{"quic"}},
			{Name: "ping-unix", Title: "64 B ping-pong over a unix socket", Columns: pingColumns(), Without: []string{"quic"}},
		},
	}
}
