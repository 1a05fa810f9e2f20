package targets

import (
	"slices"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

const inline = trial.Ours + "-inline"

// The targets of calls. Rates were set where raw made a round trip in 4463 ns on average with 4.8 us of CPU.
var callTargets = []target{
	{table: "calls", scenario: "call-1", words: "p50", key: "p50_us", most: true, limit: 1.55, of: trial.Raw},
	{table: "calls", scenario: "call-1", words: "mean", key: "mean_us", most: true, limit: 1.75, of: trial.Raw},
	{table: "calls", scenario: "call-64", words: "calls/s", key: "rate", limit: 550e3, unit: "/s", then: rawTrips},
	{table: "calls", scenario: "call-64", peer: inline, words: "calls/s", key: "rate", limit: 800e3, unit: "/s", then: rawTrips},
	{table: "calls", scenario: "call-64", words: "allocations of both ends", key: "allocs", most: true, limit: 5},
	{table: "calls", scenario: "call-64", words: "CPU", key: "cpu_us", most: true, limit: 2, unit: " us", then: 4.8},
	{table: "calls", scenario: "call-1024", words: "calls/s", key: "rate", limit: 450e3, unit: "/s", then: rawTrips},
	{table: "calls", scenario: "large", words: "MB/s", key: "mbps", limit: 700, unit: " MB/s"},
}

// rawTrips is how many round trips of 128 B raw made in a second when the targets were set.
const rawTrips = 1e9 / 4463

var callKnowns = slices.Concat(
	knownRow("calls", "call-1", "p50_us", true, 4.3, map[string]float64{"net/rpc": 8.6, "ttrpc": 9.8, "drpc": 14.1, "grpc": 21.4}),
	knownRow("calls", "call-64", "rate", false, rawTrips, map[string]float64{"net/rpc": 144e3, "ttrpc": 126e3, "drpc": 56e3, "grpc": 66e3}),
	knownRow("calls", "call-1024", "rate", false, rawTrips, map[string]float64{"net/rpc": 155e3, "ttrpc": 103e3, "drpc": 43e3, "grpc": 64e3}),
)
