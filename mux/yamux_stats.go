package mux

import (
	"time"

	"github.com/gantline-project/gantline/internal/oddity"
)

// YamuxStats are the numbers of a Yamux since it was made.
type YamuxStats struct {
	BytesIn, BytesOut uint64        // of the connection, YamuxConfig.Head not counted
	FramesIn          uint64        // of all types
	Waiting           int           // bytes that are still to be written
	RTT               time.Duration // least round trip, 0 = unknown
	Odd, Cheap        uint64        // frames that no correct peer sends; pings and frames without effect
}

// Stats returns the numbers as they are now.
func (y *Yamux) Stats() YamuxStats {
	y.l.Lock()
	waiting := int(y.l.log.appended - y.l.log.written)
	y.l.Unlock()
	return YamuxStats{
		BytesIn:  y.bytesIn.Load(),
		BytesOut: y.bytesOut.Load(),
		FramesIn: y.framesIn.Load(),
		Waiting:  waiting,
		RTT:      y.l.RTT(),
		Odd:      y.budget.Count(oddity.Odd),
		Cheap:    y.budget.Count(oddity.Cheap),
	}
}
