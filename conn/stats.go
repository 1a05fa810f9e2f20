package conn

import (
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// counters are the parts of Stats that are counted. Guarded by the send lock unless
// atomic.
type counters struct {
	bytesIn   atomic.Uint64
	framesIn  atomic.Uint64
	bytesOut  uint64
	framesOut uint64
	flushes   uint64
	acksIn    uint64
	acksOut   uint64
	resumes   uint64
	replayed  uint64
}

// Stats are the numbers of a Link since it was made.
type Stats struct {
	BytesIn, BytesOut uint64 // of the carrier, after the handshake
	FramesIn          uint64 // of all types
	FramesOut         uint64 // sequenced ones
	Received          uint64 // position: bytes of whole sequenced frames
	Flushes           uint64 // writes to the carrier; each may hold many frames
	AcksIn            uint64 // PING and PONG included
	AcksOut           uint64 // without PING and PONG
	Resumes           uint64 // carriers that replaced a broken one
	Replayed          uint64 // bytes of the log that a new carrier carried again
	Odd               uint64 // frames that no correct peer sends; 100 in 10 s close the link
	Cheap             uint64 // pings and frames without effect; 1000 in 10 s close the link

	Sums  bool // all bytes after the handshake have checksums
	Bound bool // a resume's proofs cover TLS from end to end (docs/PROTOCOL.md, section 9.2)

	LogUnacked int           // bytes that the peer has not acknowledged
	LogLimit   int           // most that Room allows, now
	LogMemory  int           // bytes of memory the send log holds
	RTT        time.Duration // least round trip, 0 = unknown
}

// Stats returns the numbers as they are now. Any goroutine, without the send
// lock.
func (l *Link) Stats() Stats {
	s := Stats{
		BytesIn:  l.stats.bytesIn.Load(),
		FramesIn: l.stats.framesIn.Load(),
		Received: l.recv.position.Load(),
		RTT:      l.RTT(),
		Bound:    l.keys.bound,
		Sums:     l.peer.Features&frame.FeatureSums != 0,
		Odd:      l.budget.Count(oddity.Odd),
		Cheap:    l.budget.Count(oddity.Cheap),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.BytesOut = l.stats.bytesOut
	s.FramesOut = l.stats.framesOut
	s.Flushes = l.stats.flushes
	s.AcksIn = l.stats.acksIn
	s.AcksOut = l.stats.acksOut
	s.Resumes = l.stats.resumes
	s.Replayed = l.stats.replayed
	s.LogUnacked = int(l.send.log.unacked())
	s.LogLimit = l.send.room.limit
	s.LogMemory = l.send.log.mem
	return s
}
