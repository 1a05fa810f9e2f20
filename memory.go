package gantline

import (
	"math"
	"runtime/debug"
	"sync"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/mux"
)

// DefaultMemoryLimit is the limit of SetMemoryLimit at the start, in bytes, unless a quarter of GOMEMLIMIT is less.
const DefaultMemoryLimit = 256 << 20

func init() {
	if part := debug.SetMemoryLimit(-1) / 4; part < DefaultMemoryLimit {
		SetMemoryLimit(part)
	}
}

// memoryLimit is what SetMemoryLimit has set.
var memoryLimit = struct {
	sync.Mutex // guards bytes, and keeps the parts of one limit together
	bytes      int64
}{bytes: DefaultMemoryLimit}

// SetMemoryLimit bounds what all Ends of this process hold together, in bytes. That is what they allow their peers to
// send, and what they keep for sending again. It returns the limit that was set before; a negative one changes nothing.
// The default is 256 MiB, or a quarter of the limit in the environment variable GOMEMLIMIT if that is less.
//
// Half of it is for windows of streams, a quarter for bodies being received, and a quarter for logs that grow on long
// paths. When it is used up, streams have small windows, bodies come in one after the other, and logs do not grow.
// Nothing fails: a minimum is always granted beyond the limit. docs/LIMITS.md says what is not counted here, and what a
// peer can cost at most.
//
// What is granted stays granted: a lower limit acts as it is given back. Windows that have grown give back half when
// their streams are read while more than three quarters are granted. Any goroutine may call it at any time.
func SetMemoryLimit(bytes int64) (old int64) {
	m := &memoryLimit
	m.Lock()
	defer m.Unlock()
	old = m.bytes
	if bytes < 0 {
		return old
	}
	m.bytes = bytes
	part := func(n int64) int { return int(min(n, math.MaxInt/2)) }
	mux.SetMemoryLimits(part(bytes/2), part(bytes/4))
	conn.SetLogMemory(bytes / 4)
	return old
}

// MemoryUse is what all Ends of the process have granted now, in bytes. Memory that was granted need not be in use: it
// is what the peers may send.
type MemoryUse struct {
	Limit   int64 // of SetMemoryLimit
	Streams int64 // granted to windows of streams that are read
	Bodies  int64 // granted to bodies of calls, answers and messages being received
	Logs    int64 // by which logs have grown beyond Limits.Log
	// Beyond is granted above the limit, as the minimum that nobody can take from an End. It is the first window of an
	// End, 16 KiB of each other window, and the first body of a kind.
	Beyond int64
	// Waiting is how many Ends have a body that waits for others to give room back.
	Waiting int
}

// Memory returns the process's counters. Any goroutine may call it.
func Memory() MemoryUse {
	m := mux.Memory()
	logs, _ := conn.LogMemory()
	return MemoryUse{
		Limit:   SetMemoryLimit(-1),
		Streams: int64(m.Windows),
		Bodies:  int64(m.Bodies),
		Logs:    logs,
		Beyond:  int64(m.Beyond),
		Waiting: m.Waiting,
	}
}
