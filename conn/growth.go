package conn

import (
	"sync/atomic"
	"time"
)

const (
	// maxLog is the greatest limit a log grows to: 16 MiB in flight fill 1 GB/s at
	// 16 ms and 250 MB/s at 64 ms.
	maxLog = 16 << 20
	// DefaultLogMemory is how many bytes all logs of the process may hold beyond
	// their first limits: 4 logs of 16 MiB.
	DefaultLogMemory = 64 << 20
	// minGrowRTT: below it 512 KiB in flight are more than 2 GB/s, and whatever
	// looks like a longer path is a busy machine. It is also what a round trip of
	// bulk takes at least: everybody on the way has to be woken.
	minGrowRTT = 250 * time.Microsecond
)

// grown is what the logs of the process were allowed beyond their first limits,
// maxGrown the most that may be.
var grown, maxGrown atomic.Int64

func init() { maxGrown.Store(DefaultLogMemory) }

// SetLogMemory sets how many bytes all logs of the process may hold beyond their
// first limits. Logs that have grown keep what they have until they are idle. Any
// goroutine may call it.
func SetLogMemory(bytes int64) { maxGrown.Store(bytes) }

// LogMemory returns how many bytes all logs of the process may hold beyond their
// first limits now, and the most that may be. Any goroutine may call it.
func LogMemory() (used, limit int64) { return grown.Load(), maxGrown.Load() }

// logLimit is how much a link may leave unacknowledged. It grows only while
// the rate of acknowledgements times the least round trip shows that the path
// holds nearly that much; that a writer waits says nothing, the reader may
// simply be slow. Guarded by the send lock.
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

// most is how far the limit grows. On a short path to 896 KiB, which a core's cache of 1 MiB holds: what lies in there
// is written again and again, and from 1 MiB on a byte costs a fifth more (docs/PERFORMANCE.md).
func (m *logLimit) most(rtt time.Duration) int {
	if rtt < minGrowRTT {
		return m.base * 7 / 4
	}
	return max(maxLog, m.base)
}

// acked notes n acknowledged bytes, and grows the limit if the rate asks for
// it. Acknowledgements come in bursts, one per round trip: a measurement takes
// one to two round trips, so that it sees a whole burst.
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
