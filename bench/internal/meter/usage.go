// Package meter reads what the process has used: CPU time, system calls, allocations and context switches. It
// also collects how long single operations take.
//
// # Usage
//
//	before := meter.Read()
//	n := work()
//	before.Costs(meter.Read(), float64(n), metrics)
//
// System calls are those that /proc/self/io counts, read and write with their vectored forms: what moves bytes.
// Waiting (epoll, futex) shows as context switches and CPU; sendmsg and recvmsg, which UDP uses, are not counted,
// so the figure is left out for such peers. Nothing wraps the connections: a wrapper would hide from peers that
// write vectors that they are TCP.
//
// # Concurrency
//
// Read may be called from any goroutine. A Latencies belongs to one.
//
// # Errors
//
// Figures that the system does not report are left out of the metrics.
package meter

import (
	"runtime"
	"time"

	"github.com/gantline-project/gantline/bench/internal/trial"
)

// Usage is what the process has used so far.
type Usage struct {
	// At is when it was read.
	At time.Time
	// CPU is user and system time.
	CPU time.Duration
	// Switches are context switches, given up and taken away.
	Switches int64
	// Calls are system calls that read or write; -1 = the system does not report them.
	Calls int64
	// Mallocs and Bytes are what was allocated.
	Mallocs, Bytes uint64
}

// Read returns what was used so far. It stops the world for an instant.
func Read() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := Usage{Calls: ioCalls(), Mallocs: m.Mallocs, Bytes: m.TotalAlloc}
	u.CPU, u.Switches = rusage()
	u.At = time.Now()
	return u
}

// Seconds returns the time from u to later.
func (u Usage) Seconds(later Usage) float64 { return later.At.Sub(u.At).Seconds() }

// CPUSeconds returns the CPU time from u to later.
func (u Usage) CPUSeconds(later Usage) float64 { return (later.CPU - u.CPU).Seconds() }

// Costs adds the costs of each of ops operations between u and later to m, under the keys of trial.Costs.
func (u Usage) Costs(later Usage, ops float64, m trial.Metrics) {
	if ops <= 0 {
		return
	}
	if later.CPU > 0 {
		m["cpu_us"] = u.CPUSeconds(later) * 1e6 / ops
		m["switches"] = float64(later.Switches-u.Switches) / ops
	}
	if u.Calls >= 0 && later.Calls >= 0 {
		m["syscalls"] = float64(later.Calls-u.Calls) / ops
	}
	m["allocs"] = float64(later.Mallocs-u.Mallocs) / ops
	m["alloc_bytes"] = float64(later.Bytes-u.Bytes) / ops
}

// Heap returns how many bytes live in the heap after a collection.
func Heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one's finalizers and pools released
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
