package conn

import (
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// lifetime is how far a Link is from its start and its end. Guarded by the send
// lock, but for state, which is atomic, and the channels, which are constant.
//
// Its state moves like this (docs/PROTOCOL.md, section 5.6; the code has it as
// transitions, and a test compares the three):
//
//	              carrier      up  up draining  drain        lost    end
//	connecting    handshaking                   connecting           closed
//	handshaking                up  draining     handshaking  broken  closed
//	up                                          draining     broken  closed
//	broken        handshaking                   broken               closed
//	draining                                    draining     broken  closed
//	closed
//
// The flags say more than the state, and each is set once: running by Start;
// closing by Close, then sealed when all there was is in the log; cause by
// whatever ends the link first; final when no carrier may follow; ended and
// stopped by finish, which closes done last.
type lifetime struct {
	state     atomic.Uint32 // a State; changed by eventLocked
	running   bool          // Start was called
	closing   bool          // Close was called: flush, then BYE
	sealed    bool          // Close takes nothing more into the log
	final     bool          // no carrier can bring the link back any more
	stopped   bool          // the writer must return
	ended     bool          // the log is closed
	started   chan struct{} // closed by Start, or when there will be none
	confirmed chan struct{} // closed by the first frame of the peer
	confirm   func()        // closes it, once
	done      chan struct{} // closed when the goroutines are gone

	cause   error       // why the link ends: what HandleClose and Err say
	fault   error       // what went wrong when the cause is our own Close
	left    uint64      // bytes that stayed unconfirmed, when it has ended
	timer   *time.Timer // cuts the carrier at timerAt
	timerAt int64
}

// byeState is the goodbye, ours and the peer's. Guarded by the send lock unless
// atomic.
type byeState struct {
	deaf  atomic.Bool // BYE is due, or came: sequenced frames are not taken any more
	due   bool        // the next flush is our BYE
	sent  bool        // no frame follows any more
	heard bool        // the peer has said BYE
	frame frame.Bye   // ours
}
