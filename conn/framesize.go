package conn

import (
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// minFrame is the least that bulk is cut into: smaller ones cost more in
	// headers than they save.
	minFrame = 4 << 10
	// frameTime is what one frame may take on the way. So a path that is up for
	// 100 ms at a time gets whole frames through, and nobody waits longer for the
	// end of one.
	frameTime = 50 * time.Millisecond
	// satFloor unacknowledged bytes show that the path, and not the application,
	// sets the pace.
	satFloor = 2 * frame.DefaultMaxPayload
)

// frameSize is how large the frames of bulk are. Guarded by the send lock.
//
// They begin small and grow with what has got through, so that a carrier that
// dies early has moved something. None is more than the path carries in frameTime.
type frameSize struct {
	max    int    // bytes of payload
	passed uint64 // acknowledged on this carrier
	bytes  uint64 // acknowledged while the path set the pace, and
	took   int64  // how long that was, in nanoseconds
}

// acked records that n bytes were acknowledged and that left more are on the way.
// took is the time, in nanoseconds, since what was before them.
func (s *frameSize) acked(n, left uint64, took int64) {
	s.passed += n
	rate := func(bytes uint64, ns int64) int {
		return int(min(float64(bytes)*float64(frameTime)/float64(max(ns, 1)), frame.DefaultMaxPayload))
	}
	s.max = max(s.max, min(rate(n, took), int(min(s.passed/2, frame.DefaultMaxPayload))))
	if left < satFloor {
		s.bytes, s.took = 0, 0
		return
	}
	s.bytes += n
	if s.took += took; s.took >= int64(frameTime) {
		s.max = max(min(s.max, rate(s.bytes, s.took)), minFrame)
		s.bytes, s.took = 0, 0
	}
}

// broke records the end of a carrier. If it has left bytes unacknowledged, no more
// than passed fits into the time that carriers live.
func (s *frameSize) broke(left uint64) {
	if left > 0 {
		s.max = max(min(s.max, int(min(s.passed/2, frame.DefaultMaxPayload))), minFrame)
	}
	s.passed, s.bytes, s.took = 0, 0, 0
}

// Frame returns the most payload bytes that a frame of bulk should have. It is
// 4 KiB at first, and up to 64 KiB on a path that carries 1.3 MB/s or more. Lock
// held.
func (l *Link) Frame() int { return l.send.frames.max }
