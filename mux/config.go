package mux

import (
	"time"

	"github.com/gantline-project/gantline/frame"
)

// Defaults of a Config, in bytes unless said otherwise. Where they come from: docs/PERFORMANCE.md.
const (
	DefaultOpenTimeout  = 10 * time.Second
	DefaultWindow       = 256 << 10
	DefaultMaxWindow    = 16 << 20
	DefaultStreamBudget = 16 << 20
	DefaultBodyBudget   = 12 << 20
	DefaultBody         = 4 << 20
	MaxDepth            = 16 // nested calls; protocol.md, section Calls
	maxUnconfirmed      = 256
)

const (
	// minWindow is granted to a stream that is read even when the budget is spent. So no stream starves;
	// 1024 streams hold at most 16 MiB this way.
	minWindow = 16 << 10
	// creditStep is the most that a reader holds back before it grants it. It holds back half of a small window, but
	// of 16 MiB only this much; else at most half of them would ever be on the way.
	creditStep = 256 << 10
	// sparseWrite is the length up to which a write may go past the ring.
	sparseWrite = 1 << 10
	// sparseAhead is how much may lie unsent when such a write passes the others.
	sparseAhead = 64 << 10
	// minBulkRoom avoids slicing bulk into tiny frames while the log is nearly full.
	minBulkRoom = 4 << 10
	// controlReserve is what frames that free memory or end streams may take beyond a full log.
	controlReserve = 256 << 10
)

// Config sets up a Session. Fields left zero have the defaults named above.
type Config struct {
	Client   bool         // this side dialled: its ids are odd
	Local    frame.Limits // what this side announced and enforces
	Peer     frame.Limits // what the peer announced; obeyed by Open and Start
	Acceptor Acceptor     // called with what the peer opens; required
	NoFirst  bool         // no implicit stream 0 (yamux dialect)
	process  *process     // that it grants with; shared unless a test has its own
	yamux    bool         // plain streams only, no FIN beside bytes; the peer's OPENs may overtake each other, the link has checked their ids

	// AwaitCarrier says that there are other sessions after this one. What OpenStream opens in the End's own scope waits
	// then while the link has no carrier, so that it is not lost with the session. The end of that ends the wait.
	AwaitCarrier bool

	OpenTimeout   time.Duration // how long OpenStream waits for a stream's slot and for the peer to accept others; 10 s
	Window        int           // first grant to a stream that is read; 256 KiB
	MaxWindow     int           // to which a window may grow; 16 MiB
	StreamBudget  int           // grants to streams beyond their early windows, all together; 16 MiB
	BodyBudget    int           // grants to bodies of calls and messages being assembled; 12 MiB
	InitialCredit int           // credit of every stream from the start, both ways; 0 (256 KiB in the yamux dialect)
}

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.Window, DefaultWindow)
	def(&c.MaxWindow, DefaultMaxWindow)
	def(&c.StreamBudget, DefaultStreamBudget)
	def(&c.BodyBudget, DefaultBodyBudget)
	c.Window = min(c.Window, c.MaxWindow)
	if c.process == nil {
		c.process = shared
	}
	for _, l := range []*frame.Limits{&c.Local, &c.Peer} {
		if l.Body == 0 { // never so on the wire
			l.Body = DefaultBody
		}
	}
	if c.OpenTimeout <= 0 {
		c.OpenTimeout = DefaultOpenTimeout
	}
	return c
}

// Acceptor is called with what the peer opens, and with the ends of it. The link's reader goroutine calls its
// methods, in the order of the peer's OPEN frames. They must not block.
type Acceptor interface {
	// AcceptStream announces a stream or streaming call. Call st.Accept once the application has it, or
	// st.Reset to refuse it. A streaming call must be ended with CloseWrite, Close or Reset, even if the peer has
	// given it up: that frees its slot on both sides.
	AcceptStream(st *Stream)
	// NewExchange returns a zero Incoming for an exchange of this kind. It may be part of something larger, so that
	// there is one allocation for all of it. Only Value may be set. If the exchange is refused, AcceptExchange does
	// not follow.
	NewExchange(kind frame.Kind) *Incoming
	// AcceptExchange announces a call, message or notify. x.Complete says whether its body is all there.
	AcceptExchange(x *Incoming)
	// ReadyExchange says that the body of an exchange announced before is now complete.
	ReadyExchange(x *Incoming)
	// CancelExchange says that nobody waits for the answer of x any more. x.Reply is still due: it frees
	// the slot.
	CancelExchange(x *Incoming, err error)
	// EndStream says that a stream or streaming call of either side has ended. Either the peer reset it, or
	// both directions have ended, or the session is gone. It is called once for each, the first stream included,
	// and never before AcceptStream. Any goroutine calls it, with the send lock held, so it must not use the
	// session. err is nil when both directions ended in order, a *StreamError after a reset, else why the
	// session is gone.
	EndStream(st *Stream, err error)
	// HandleDrain says that the peer serves no new opens of the End's own scope, before any fails because of that. What
	// it returns, unless it is nil, is called when all have completed that were open and are not served.
	HandleDrain(d frame.Drain) (settled func())
}

// Open is what an opener says about a stream, call or message.
type Open struct {
	Kind     frame.Kind
	Depth    uint8         // how many calls this call is nested in
	Codec    uint8         // of the body
	Parent   uint64        // stream whose handlers or inbox are addressed, 0 = the End's
	Timeout  time.Duration // that remains for the call, 0 = none; sent in milliseconds, rounded up
	Name     string        // stream name, method or topic
	Metadata []byte        // encoded by frame.AppendMetadata
	NoWait   bool          // fail with ErrWouldWait rather than wait for the peer
}
