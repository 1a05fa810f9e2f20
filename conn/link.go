package conn

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// Handler takes what a Link receives and says what it is to send.
type Handler interface {
	// HandleFrame takes one sequenced frame; the frames come in order, each once,
	// on the reader goroutine. It must not block. A payload that was not read is
	// skipped. An error of r is returned as it is and breaks only the carrier; any
	// other error is a protocol error of the peer and closes the link.
	HandleFrame(h frame.Header, r *frame.Reader) error
	// HandleReleased tells what the peer has released of the early bytes sent to
	// it, per kind group and since the session began. Reader goroutine; an error is
	// a protocol error.
	HandleReleased(total [frame.Groups]uint64) error
	// Fill appends what is owed and, as Room permits, bulk that waits. It is called
	// with the send lock held before every flush. It reports whether something is
	// left for want of room: then it is called again when the peer has acknowledged
	// something. If not, and less than 64 KiB are unsent, everything is in the log.
	Fill() (waiting bool)
	// HandleClose is called exactly once, with no lock held: nothing will be
	// received or sent any more. All frames received before have been handed over.
	// It must not block.
	HandleClose(err error)
}

// A Replayer is a Handler that wants to see what a new carrier carries again.
type Replayer interface {
	// HandleReplay is called with the send lock held for each OPEN frame that is
	// sent again: its payload may be changed in place, but not in length. It must not
	// append.
	HandleReplay(h frame.Header, payload []byte)
}

// A Link is an ordered, exactly-once stream of frames over a net.Conn. Make one
// with Client or Server.
type Link struct {
	cfg     Config // with defaults
	client  bool
	localID string
	peer    Peer
	secret  [32]byte   // of the session; proves it when it is resumed
	owner   *principal // of the session: the client with its certificate; nil = it had none, or this is the client
	bound   bool       // proofs cover the TLS exporter of their carrier
	base    time.Time
	handler Handler                 // set by Start
	c       atomic.Pointer[carrier] // the newest; replaced by attachLocked when the older one is joined

	state     atomic.Uint32 // a State; changed by eventLocked
	received  atomic.Uint64 // our position; advanced by the reader
	released  [frame.Groups]atomic.Uint64
	relTotal  atomic.Uint64 // sum of released
	relSent   atomic.Uint64 // relTotal when it was last announced
	ackSent   atomic.Uint64 // received when it was last announced
	ackAsked  atomic.Bool   // an ACK was asked for and not sent yet
	ackArmed  atomic.Bool   // ackTimer runs
	ackTimer  *time.Timer
	ackAlone  uint64        // unacknowledged bytes that are worth an ACK of their own
	rtt       atomic.Int64  // least round trip of the carrier, ns; 0 = unknown
	userCalls atomic.Uint64 // odd while the reader is inside user code
	goodbye   atomic.Bool   // BYE is due: sequenced frames are not taken any more

	started   chan struct{} // closed by Start, or when there will be none
	confirmed chan struct{} // closed by the first frame of the peer
	confirm   func()        // closes it, once
	done      chan struct{} // closed when the goroutines are gone

	mu   sync.Mutex // the send lock: guards everything below
	cond sync.Cond  // the writer waits on it
	log  sendLog
	room logLimit

	wake    bool // Fill has work, or something was appended
	waiting bool // Fill said so
	ackDue  bool
	pongDue bool
	pong    uint64 // what the next PONG returns
	pinger  pinger
	beat    *time.Timer  // set by Start; nil when the link has ended
	beatDue atomic.Int64 // when it fires; it is armed by Start and armBeatLocked
	ackAt   int64        // when the log began to wait for an ACK, or the last one came
	frames  frameSize

	epoch    uint64      // of the newest carrier; the first has 0
	broken   bool        // there is no carrier, and no goroutine of ours
	brokenBy error       // what broke it
	attempt  *carrier    // of a resume between its first and last step
	overrun  bool        // no carrier can bring the link back any more
	resuming sync.Mutex  // held by a resume as a whole; taken before mu
	moving   bool        // Migrate takes the carrier away: nobody is told
	expiry   *time.Timer // ends a broken link
	closing  bool        // Close was called: flush, then BYE
	sealed   bool        // Close takes nothing more into the log
	byeDue   bool
	byeSent  bool // no frame follows any more
	bye      frame.Bye
	peerBye  bool
	stopped  bool        // the writer must return
	ended    bool        // the log is closed
	left     uint64      // bytes that stayed unconfirmed, when it has ended
	running  bool        // Start was called
	endTimer *time.Timer // cuts the carrier at endAt
	endAt    int64
	cause    error // why the link ends: what HandleClose and Err say
	fault    error // what went wrong when the cause is our own Close

	news    []State
	telling bool // somebody is in deliver
	stats   counters
}

// newLink makes a link that has not shaken hands.
func newLink(nc net.Conn, cfg Config, client bool) *Link {
	l := &Link{
		cfg:       cfg,
		client:    client,
		base:      time.Now(),
		frames:    frameSize{max: minFrame},
		room:      logLimit{base: int(cfg.Limits.Log), limit: int(cfg.Limits.Log)},
		started:   make(chan struct{}),
		confirmed: make(chan struct{}),
		done:      make(chan struct{}),
	}
	l.cond.L = &l.mu
	l.confirm = sync.OnceFunc(func() { close(l.confirmed) })
	l.state.Store(uint32(StateConnecting))
	l.ackTimer = time.AfterFunc(time.Hour, l.ackTimeout)
	l.ackTimer.Stop()
	l.c.Store(newCarrier(l, nc))
	return l
}

// Start gives the link its handler and starts its reader and writer. It is
// called once, last: nothing is received before.
func (l *Link) Start(h Handler) {
	l.mu.Lock()
	if l.running {
		l.mu.Unlock()
		return
	}
	l.running = true
	l.handler = h
	if l.ended {
		cause := l.cause
		l.mu.Unlock()
		h.HandleClose(cause)
		return
	}
	l.pinger.startup = startupPings
	l.pinger.due = true
	l.carrier().lastRead.Store(l.now())
	l.beatDue.Store(l.now() + int64(l.beatPeriod()))
	l.beat = time.AfterFunc(l.beatPeriod(), l.heartbeat)
	l.mu.Unlock()
	close(l.started)
	go l.write(l.carrier()) // stopped by finish
	go l.read(l.carrier())  // stopped by the end of the carrier; calls finish
}

// now is the time since the link was made, never 0.
func (l *Link) now() int64 { return int64(time.Since(l.base)) + 1 }

// Lock acquires the send lock.
func (l *Link) Lock() { l.mu.Lock() }

// Unlock releases the send lock.
func (l *Link) Unlock() { l.mu.Unlock() }

// Client reports whether this side dialled.
func (l *Link) Client() bool { return l.client }

// State returns the current state. Any goroutine, locked or not.
func (l *Link) State() State { return State(l.state.Load()) }

// LocalID returns this side's id: claimed or assigned on a client, Config.ID
// or a random one on a server.
func (l *Link) LocalID() string { return l.localID }

// Peer returns what the handshake told about the other side. It must not be
// changed.
func (l *Link) Peer() *Peer { return &l.peer }

// NetConn returns the carrier. Reading from it or writing to it breaks the link.
func (l *Link) NetConn() net.Conn { return l.carrier().nc }

// carrier returns the newest carrier. Any goroutine.
func (l *Link) carrier() *carrier { return l.c.Load() }

// LocalAddr returns the carrier's local address.
func (l *Link) LocalAddr() net.Addr { return l.carrier().nc.LocalAddr() }

// RemoteAddr returns the carrier's remote address.
func (l *Link) RemoteAddr() net.Addr { return l.carrier().nc.RemoteAddr() }

// RTT returns the least round trip measured on this carrier by PING and PONG, 0
// while it is unknown. Any goroutine, locked or not.
func (l *Link) RTT() time.Duration { return time.Duration(l.rtt.Load()) }

// Done is closed when the link is closed and its goroutines are gone.
func (l *Link) Done() <-chan struct{} { return l.done }

// Confirmed is closed when the first frame of the peer has come. Before that a
// server does not know that the client has got its WELCOME.
func (l *Link) Confirmed() <-chan struct{} { return l.confirmed }

// Err returns why the link ended, nil while it has not.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		return nil
	}
	return l.cause
}

func (l *Link) logger() *slog.Logger {
	return l.cfg.Logger.With("peer", l.peer.ID, "remote", l.RemoteAddr())
}
