package conn

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/inside"
	"github.com/gantline-project/gantline/internal/oddity"
	"github.com/gantline-project/gantline/internal/throttle"
)

// Handler takes what a Link receives, and gives it what to send.
type Handler interface {
	// HandleFrame takes one sequenced frame. The frames come in order, each once, on
	// the reader goroutine. It must not block. A payload that was not read is
	// skipped. An error of r must be returned as it is; it breaks only the carrier.
	// Any other error is a protocol error of the peer and closes the link.
	HandleFrame(h frame.Header, r *frame.Reader) error
	// HandleReleased takes how many early bytes the peer has released. total counts
	// them by kind group, since the session began. Reader goroutine; an error is a
	// protocol error.
	HandleReleased(total [frame.Groups]uint64) error
	// Fill appends what is owed and, as Room permits, bulk that waits. It is called
	// with the send lock held before every flush. It reports whether something had
	// no room. Then it is called again when the peer has acknowledged something. If
	// it returns false and less than 64 KiB are unsent, everything is in the log.
	Fill() (waiting bool)
	// HandleClose is called exactly once, when nothing will be received or sent any
	// more. All frames received before have been handed over. No lock is held. It
	// must not block.
	HandleClose(err error)
}

// A Replayer is a Handler that wants to see what a new carrier sends again.
type Replayer interface {
	// HandleReplay is called for each OPEN frame that is sent again. The payload may
	// be changed in place, but not in length. The send lock is held. HandleReplay must
	// not append.
	HandleReplay(h frame.Header, payload []byte)
}

// A Link is an ordered, exactly-once stream of frames over a net.Conn. Make one
// with Client or Server.
//
// Its fields are grouped by concern; each group says who owns it. "The send
// lock" is mu. The fields before it are constant from Start on.
type Link struct {
	cfg     Config        // with defaults
	log     *throttle.Log // of cfg.Logger
	client  bool
	localID string
	peer    Peer
	keys    sessionKeys
	base    time.Time
	handler Handler // set by Start
	user    userState

	recv     recvState
	budget   oddity.Budget // owned by the reader goroutine, of one carrier after the other
	carriers carrierState
	mu       sync.Mutex // the send lock
	send     sendState
	beat     beatState
	life     lifetime
	bye      byeState
	changes  stateChanges
	stats    counters
}

// userState says whether user code runs that the link waits for. It is far from what the
// reader changes all the time, since every call asks for it.
type userState struct {
	calls atomic.Uint64    // odd while there is some
	on    inside.Goroutine // where: the reader; in the end whoever calls HandleClose
}

// newLink makes a link that has not shaken hands.
func newLink(nc net.Conn, cfg Config, client bool) *Link {
	l := &Link{
		cfg:    cfg,
		log:    throttle.New(cfg.Logger),
		client: client,
		base:   time.Now(),
		send: sendState{
			frames: frameSize{max: minFrame},
			room:   logLimit{base: int(cfg.Limits.Log), limit: int(cfg.Limits.Log)},
		},
		life: lifetime{
			started:   make(chan struct{}),
			confirmed: make(chan struct{}),
			done:      make(chan struct{}),
		},
	}
	l.send.cond.L = &l.mu
	l.life.confirm = sync.OnceFunc(func() { close(l.life.confirmed) })
	l.life.state.Store(uint32(StateConnecting))
	l.recv.ackTimer = time.AfterFunc(time.Hour, l.ackTimeout)
	l.recv.ackTimer.Stop()
	l.carriers.newest.Store(newCarrier(l, nc))
	return l
}

// Start gives the link its handler and starts its reader and writer. It is called
// once, as the last step: nothing is received before.
func (l *Link) Start(h Handler) {
	l.mu.Lock()
	departing := l.life.departed
	if l.life.running && !departing {
		l.mu.Unlock()
		return
	}
	l.life.running, l.life.departed = true, false
	l.handler = h
	if l.life.ended {
		cause := l.life.cause
		l.mu.Unlock()
		l.inUser(func() { h.HandleClose(cause) })
		return
	}
	if departing { // finish calls HandleClose
		l.mu.Unlock()
		return
	}
	l.beat.pinger.startup = startupPings
	l.beat.pinger.due = true
	c := l.carrier()
	c.lastRead.Store(l.now())
	l.beat.due.Store(l.now() + int64(l.beatPeriod()))
	l.beat.timer = time.AfterFunc(l.beatPeriod(), l.heartbeat)
	l.mu.Unlock()
	close(l.life.started)
	go l.write(c)                          // stopped by finish
	go l.user.on.Run(func() { l.read(c) }) // stopped by the end of the carrier; calls finish
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
func (l *Link) State() State { return State(l.life.state.Load()) }

// LocalID returns this side's id. On a client it is claimed or assigned, on a server
// Config.ID or a random one.
func (l *Link) LocalID() string { return l.localID }

// Peer returns what the handshake said about the other side. Do not change it.
func (l *Link) Peer() *Peer { return &l.peer }

// NetConn returns the carrier. To read from it or to write to it breaks the link. While
// there is none it returns a closed net.Conn with the addresses of the last one.
func (l *Link) NetConn() net.Conn { return l.carrier().nc }

// carrier returns the newest carrier. Any goroutine.
func (l *Link) carrier() *carrier { return l.carriers.newest.Load() }

// LocalAddr returns the carrier's local address.
func (l *Link) LocalAddr() net.Addr { return l.carrier().nc.LocalAddr() }

// RemoteAddr returns the carrier's remote address.
func (l *Link) RemoteAddr() net.Addr { return l.carrier().nc.RemoteAddr() }

// RTT returns the least round trip measured on this carrier, 0 while it is unknown.
// PING and PONG measure it. Any goroutine, locked or not.
func (l *Link) RTT() time.Duration { return time.Duration(l.beat.rtt.Load()) }

// Done is closed when the link is closed and its goroutines are gone.
func (l *Link) Done() <-chan struct{} { return l.life.done }

// Confirmed is closed when the peer's first frame has come. Before that a server does
// not know whether the client has got its WELCOME.
func (l *Link) Confirmed() <-chan struct{} { return l.life.confirmed }

// Err returns why the link ended, nil while it has not.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.life.ended {
		return nil
	}
	return l.life.cause
}

// say logs a line about the link.
func (l *Link) say(line throttle.Line, key string, value any) {
	l.log.Say(line, "peer", l.peer.ID, "remote", l.RemoteAddr(), key, value)
}
