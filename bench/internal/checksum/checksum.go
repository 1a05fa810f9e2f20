// Package checksum has the scenarios of the checksum table: what Config.Checksum costs on plain TCP.
//
// # Usage
//
//	runner := checksum.Runner()
//
// # Concurrency
//
// A Runner runs one Plan in its process and leaves everything open: the process ends afterwards.
//
// # Errors
//
// Errors are in the report.
package checksum

import (
	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/bench/internal/meter"
	"github.com/gantline-project/gantline/bench/internal/ours"
	"github.com/gantline-project/gantline/bench/internal/streams"
	"github.com/gantline-project/gantline/bench/internal/trial"
)

// On is the peer with checksums.
const On = trial.Ours + "-checksum"

// Table is the checksum command.
func Table() trial.Table {
	bulk := []trial.Column{
		{Key: "mbps", Title: "MB/s", Higher: true, Ratio: true},
		{Key: "cpu_s_gb", Title: "CPU s/GB", Ratio: true},
	}
	return trial.Table{
		Name:  "checksum",
		Title: "Checksums",
		Words: On + " has Config.Checksum on both sides: a CRC-32C over all that travels, in records of up to 64 KiB. The receiver has a whole record before it hands on a byte.",
		Peers: []trial.Peer{{Name: trial.Raw}, {Name: trial.Ours}, {Name: On}},
		Scenarios: []trial.Scenario{
			{Name: "bulk-1", Title: "1 bulk stream, with and without checksums", Columns: bulk},
			{Name: "bulk-8", Title: "8 bulk streams, with and without checksums", Columns: bulk},
			{Name: "small-8", Title: "64 B writes on 8 streams, with and without checksums", Columns: []trial.Column{{Key: "writes", Title: "writes/s", Higher: true, Ratio: true}}},
			{Name: "ping", Title: "64 B ping-pong, with and without checksums", Columns: meter.LatencyColumns()},
		},
	}
}

// Runner returns the runner of the checksum table.
func Runner() trial.Runner {
	return streams.Runner(streams.Peer{Name: On, Module: ours.Module, Config: "Config{Checksum: true} on both sides, else as gantline",
		Connect: streams.ConnectWith(gantline.Config{Checksum: true})})
}
