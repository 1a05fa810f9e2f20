package gantline

import (
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// Limits bounds what one End accepts from its peer and holds for it. A field that is zero or negative has its
// default. The peer learns the limits in the handshake and waits when it reaches one; a peer that does not is
// refused.
type Limits struct {
	// Streams is how many streams the peer may have open here. Default 1024.
	Streams int
	// Calls is how many calls and notifies the peer may have open here. A call counts until its handler has returned. Nested
	// ones are a quarter of it more, and one of each depth. Default 1024.
	Calls int
	// Running is how many handlers of the peer's calls run at a time; further calls wait. Beside them run one of each depth
	// of nesting, one notify of each stream, and handlers that are Inline or have MaxConcurrent. Default 256.
	Running int
	// Messages is how many messages of the peer may be unacked by the application here, for each stream and depth of
	// nesting. All together may be at most four times as many, and one more of each depth. Default 1024.
	Messages int
	// AcceptBacklog is how many streams of the peer may wait for AcceptStream. The peer's OpenStream waits
	// at the limit. Default 256, and at most 256 are used.
	AcceptBacklog int
	// Body is the largest body, in bytes, of a call, answer, message, or message of a streaming call
	// accepted here. A sender fails at once with ResourceExhausted. Default 4 MiB.
	Body int
	// Frame is the largest frame payload, in bytes, accepted here: 16 KiB to 16 MiB. Default 64 KiB.
	Frame int
	// Log is how many bytes may be sent and not yet acknowledged before writers wait. Default 512 KiB.
	Log int
	// Window is what a stream that is being read may have in flight at first, in bytes. Rate and round trip may make it
	// grow to MaxWindow. Defaults 256 KiB and 16 MiB. Streams that are too many for StreamMemory share it evenly, down to
	// 16 KiB each.
	Window, MaxWindow int
	// StreamMemory bounds the windows of all streams that are read together, in bytes. Streams that are too many share it
	// evenly, with 16 KiB at least for each. BodyMemory bounds bodies being received: when it is used up, bodies of one
	// kind (answers, calls or messages of one depth) arrive one at a time. Beside that, each stream and body may have its
	// first 64 KiB: 4 MiB together for streams, for calls and for messages. Defaults 16 MiB and 12 MiB. All Ends of the
	// process together are bounded too: see SetMemoryLimit.
	StreamMemory, BodyMemory int
	// OpenTimeout is how long OpenStream waits while the peer is connected and has Streams open or AcceptBacklog of
	// them unaccepted. Default 10 s.
	OpenTimeout time.Duration
}

// Defaults of the limits that mux does not have a default for.
const (
	defaultCount   = 1024
	defaultRunning = 256
	defaultBacklog = 256
	defaultBody    = 4 << 20
	defaultLog     = 512 << 10
	earlyStream    = 64 << 10
	earlyPool      = 4 << 20
)

// withDefaults fills in what is zero or negative.
func (l Limits) withDefaults() Limits {
	def := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	def(&l.Streams, defaultCount)
	def(&l.Calls, defaultCount)
	def(&l.Running, defaultRunning)
	def(&l.Messages, defaultCount)
	def(&l.AcceptBacklog, defaultBacklog)
	def(&l.Body, defaultBody)
	def(&l.Frame, frame.DefaultMaxPayload)
	def(&l.Log, max(defaultLog, l.Frame))
	def(&l.Window, mux.DefaultWindow)
	def(&l.MaxWindow, max(mux.DefaultMaxWindow, l.Window))
	def(&l.StreamMemory, mux.DefaultStreamBudget)
	def(&l.BodyMemory, max(mux.DefaultBodyBudget, l.Body))
	if l.OpenTimeout <= 0 {
		l.OpenTimeout = mux.DefaultOpenTimeout
	}
	return l
}

// maxWire is the largest number of a limit that fits into the handshake.
const maxWire = 1<<31 - 1

// wire is l as the handshake announces it; l has its defaults.
func (l Limits) wire() frame.Limits {
	u := func(v int) uint32 { return uint32(min(v, maxWire)) }
	return frame.Limits{
		MaxPayload:  u(l.Frame),
		Streams:     u(l.Streams),
		Calls:       u(l.Calls),
		Messages:    u(l.Messages),
		Backlog:     u(l.AcceptBacklog),
		EarlyStream: earlyStream,
		EarlyPool:   [frame.Groups]uint32{earlyPool, earlyPool, earlyPool},
		Log:         u(l.Log),
		Body:        u(l.Body),
	}
}
