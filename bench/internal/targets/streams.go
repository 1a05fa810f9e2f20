package targets

import (
	"slices"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// The targets of streams. Times and rates were set where a raw round trip took 4.3 us at the median and 8 raw
// connections wrote 4.1 million times a second.
var streamTargets = []target{
	{table: "streams", scenario: "bulk-1", words: "MB/s", key: "mbps", limit: .92, of: trial.Raw},
	{table: "streams", scenario: "bulk-1", words: "CPU s/GB", key: "cpu_s_gb", most: true, limit: 1, of: trial.Raw},
	{table: "streams", scenario: "bulk-8", words: "MB/s", key: "mbps", limit: .95, of: trial.Raw},
	{table: "streams", scenario: "bulk-100", words: "MB/s", key: "mbps", limit: 1, of: trial.Raw},
	{table: "streams", scenario: "bulk-100", words: "slowest/fastest stream", key: "fair", limit: .9},
	{table: "streams", scenario: "ping", words: "p50", key: "p50_us", most: true, limit: 1.5, of: trial.Raw},
	{table: "streams", scenario: "ping", words: "mean", key: "mean_us", most: true, limit: 1.6, of: trial.Raw},
	{table: "streams", scenario: "ping", words: "p99", key: "p99_us", most: true, limit: 60, unit: " us", ofKey: "p50_us", then: 4.3},
	{table: "streams", scenario: "ping-bulk1", words: "p99", key: "p99_us", most: true, limit: 200, unit: " us", ofKey: "p99_us", then: 123},
	{table: "streams", scenario: "ping-bulk1", words: "bulk MB/s", key: "mbps", limit: .9, of: trial.Raw},
	{table: "streams", scenario: "ping-bulk8", words: "p99", key: "p99_us", most: true, limit: 500, unit: " us"},
	{table: "streams", scenario: "small-8", words: "writes/s", key: "writes", limit: 4e6, unit: "/s", then: 4.1e6},
	{table: "streams", scenario: "open", words: "streams/s", key: "streams", limit: 300e3, unit: "/s", then: 15e3},
	{table: "streams", scenario: "open-trip", words: "p50", key: "p50_us", most: true, limit: 15, unit: " us", then: 37},
	{table: "streams", scenario: "idle", words: "heap of a pair", key: "heap", most: true, limit: 1100, unit: " B"},
	{table: "streams", scenario: "idle", words: "goroutines of a pair", key: "goroutines", most: true, limit: .005},
	{table: "streams", scenario: "stuck-100", words: "heap", key: "heap", most: true, limit: 16, unit: " MiB more"},
	{table: "streams", scenario: "stuck-100", words: "part of its rate that the other stream keeps", key: "kept", limit: .8},
	{table: "streams", scenario: "cut-short", words: "cut short", key: "short", most: true, limit: 0},
	{table: "streams", scenario: "rtt60", words: "MB/s", key: "mbps", limit: 200, unit: " MB/s", then: 3659},
}

// The peers' figures beside raw when the targets were set.
var streamKnowns = slices.Concat(
	knownRow("streams", "bulk-1", "mbps", false, 5568, map[string]float64{"yamux": 2954, "smux": 2215, "go-yamux": 2472, "quic": 619}),
	knownRow("streams", "bulk-8", "mbps", false, 5126, map[string]float64{"yamux": 2886, "smux": 2246, "go-yamux": 3574, "quic": 553}),
	knownRow("streams", "bulk-100", "mbps", false, 4029, map[string]float64{"yamux": 2761, "smux": 1830, "go-yamux": 3157, "quic": 447}),
	knownRow("streams", "ping", "p50_us", true, 4.3, map[string]float64{"yamux": 12.1, "smux": 10.3, "go-yamux": 7.2, "quic": 14.6}),
	knownRow("streams", "ping-bulk1", "mbps", false, 6546, map[string]float64{"yamux": 2605, "smux": 1597, "go-yamux": 2250, "quic": 625}),
	knownRow("streams", "small-8", "writes", false, 4.1e6, map[string]float64{"yamux": .25e6, "smux": .30e6, "go-yamux": .43e6, "quic": 2.4e6}),
	knownRow("streams", "open", "streams", false, 15e3, map[string]float64{"yamux": 58e3, "smux": 49e3, "go-yamux": 102e3, "quic": 116e3}),
	knownRow("streams", "rtt60", "mbps", false, 3659, map[string]float64{"yamux": 2.7, "smux": 1.1, "go-yamux": 130, "quic": 33}),
)

func knownRow(table, scenario, key string, most bool, raw float64, peers map[string]float64) []known {
	var out []known
	for peer, figure := range peers {
		out = append(out, known{table: table, scenario: scenario, peer: peer, key: key, most: most, figure: figure, raw: raw})
	}
	return out
}
