package targets

import "github.com/gantline-project/gantline/bench/internal/trial"

const off = trial.Ours + "-off"

// The targets of resume, and of memory against the limits that bound it.
var (
	resumeTargets = []target{
		{table: "resume", scenario: "up-again", words: "p50", key: "p50_ms", most: true, limit: 50, unit: " ms"},
		{table: "resume", scenario: "bulk-1", words: "MB/s", key: "mbps", limit: .94, of: off},
		{table: "resume", scenario: "bulk-8", words: "MB/s", key: "mbps", limit: .94, of: off},
		{table: "resume", scenario: "storm", words: "bytes wrong, lost or repeated", key: "wrong", most: true, limit: 0},
		{table: "resume", scenario: "storm", words: "resumes", key: "resumes", limit: 20},
	}
	memoryTargets = []target{
		{table: "memory", scenario: "ends", words: "how many", key: "count", limit: 10e3},
		// An End has a reader and a writer.
		{table: "memory", scenario: "ends", words: "goroutines of a pair", key: "goroutines", most: true, limit: 4.01},
		{table: "memory", scenario: "streams", words: "heap of a pair", key: "heap", most: true, limit: 1100, unit: " B"},
		{table: "memory", scenario: "streams", words: "goroutines of a pair", key: "goroutines", most: true, limit: .005},
		// Limits.StreamMemory.
		{table: "memory", scenario: "unread", words: "heap in all", key: "total_mib", most: true, limit: 16, unit: " MiB"},
		// Limits.Log, with a chunk of 136 KiB that was begun and the rest of an End.
		{table: "memory", scenario: "slow-peers", words: "heap of a pair", key: "heap", most: true, limit: (512 + 136 + 64) << 10, unit: " B"},
	}
)
