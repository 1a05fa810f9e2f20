package conn

import (
	"sync/atomic"
	"time"
)

const (
	// maxLog is the greatest limit to which a log grows. 16 MiB in flight fill
	// 1 GB/s at 16 ms and 250 MB/s at 64 ms.
	maxLog = 16 << 20
	// DefaultLogMemory is how far all logs of the process may exceed their first
	// limits, in bytes. It is enough for 4 logs of 16 MiB.
	DefaultLogMemory = 64 << 20
	// minGrowRTT is the round trip from which a path counts as long. Below it
	// 512 KiB in flight are more than 2 GB/s, and whatever looks like a longer path
	// is a busy machine. A round trip of bulk takes at least this long, since
	// everybody on the way has to be woken.
	minGrowRTT = 250 * time.Microsecond
)

// grown is how far the logs of the process exceed their first limits; maxGrown is
// how far they may.
var grown, maxGrown atomic.Int64

func init() { maxGrown.Store(DefaultLogMemory) }

// SetLogMemory sets how far all logs of the process may exceed their first limits,
// in bytes. Logs that have grown keep what they have until they are idle. Any
// goroutine may call it.
func SetLogMemory(bytes int64) { maxGrown.Store(bytes) }

// LogMemory returns how far all logs of the process exceed their first limits, and how
// far they may. Both are in bytes. Any goroutine may call it.
func LogMemory() (used, limit int64) { return grown.Load(), maxGrown.Load() }

// logLimit is how much a link may leave unacknowledged. It grows only while the
// rate of acknowledgements, times the least round trip, shows that the path holds
// nearly that much. A writer that waits shows nothing: the reader may simply be
// slow. Guarded by the send lock.
type logLimit struct {
	base, limit int
	since       int64  // the rate is measured from here
	bytes       uint64 // acknowledged since
}

// begin starts a new measurement, unless one is going on.
func (m *logLimit) begin(now int64, rtt time.Duration) {
	if now-m.since >= 2*int64(max(rtt, minGrowRTT)) {
		m.since, m.bytes = now, 0
	}
}

// most is how far the limit grows. On a short path that is 896 KiB, which a core's cache of 1 MiB holds. The log is
// written again and again, and from 1 MiB on a byte costs a fifth more (docs/PERFORMANCE.md).
func (m *logLimit) most(rtt time.Duration) int {
	if rtt < minGrowRTT {
		return m.base * 7 / 4
	}
	return max(maxLog, m.base)
}

// acked counts n acknowledged bytes, and raises the limit if the rate asks for it.
// Acknowledgements come in bursts, one per round trip. A measurement takes one to
// two round trips, so that it sees a whole burst.
func (m *logLimit) acked(n uint64, now int64, rtt time.Duration) {
	m.bytes += n
	trip := int64(max(rtt, minGrowRTT))
	elapsed := now - m.since
	if rtt == 0 || elapsed < trip {
		return
	}
	inFlight := float64(m.bytes) * float64(trip) / float64(elapsed)
	if inFlight < 0.75*float64(m.limit) {
		m.begin(now, rtt)
		return
	}
	m.since, m.bytes = now, 0
	want := min(2*m.limit, m.most(rtt))
	more := int64(want - m.limit)
	if more <= 0 {
		return
	}
	if grown.Add(more) > maxGrown.Load() {
		grown.Add(-more)
		return
	}
	m.limit = want
}

// shrink returns to the first limit.
func (m *logLimit) shrink() {
	grown.Add(int64(m.base - m.limit))
	m.limit = m.base
}
