package mux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
	"github.com/gantline-project/gantline/internal/throttle"
)

// Defaults of a YamuxConfig.
const (
	DefaultYamuxHeartbeat    = 15 * time.Second
	DefaultYamuxFlushTimeout = 15 * time.Second
	DefaultYamuxCloseTimeout = 5 * time.Second
	DefaultYamuxStreams      = 1024      // each way
	DefaultYamuxBacklog      = 256       // as hashicorp's and libp2p's
	DefaultYamuxLog          = 512 << 10 // bytes
)

// YamuxConfig sets up a yamux session. Fields left zero have the defaults named above, or those of Config.
type YamuxConfig struct {
	// Acceptor is called with streams (AcceptStream, EndStream) and with the peer's go away (HandleDrain). Its other
	// methods are not called. Required. It may be called before YamuxClient or YamuxServer has returned. A hashicorp
	// peer closes the whole session when a stream of its own is not accepted or reset within 75 s.
	Acceptor Acceptor
	// Limits has three limits that count here: Streams, Backlog and Log. The rest is ignored.
	//
	//   - Streams is how many streams either side may have open. More of the peer's are reset at once, more of
	//     ours wait.
	//   - Backlog is how many of the peer's may wait to be accepted. One that it resets meanwhile counts until
	//     Accept, Close or Reset.
	//   - Log is how many bytes may wait to be written, at least 16 KiB.
	Limits frame.Limits
	// Heartbeat is the silence after which the peer is pinged; 2/3 of it later the session is lost. 15 s.
	Heartbeat time.Duration
	// FlushTimeout is how long the connection may take no byte while there is something to write. It is noticed
	// at the latest after twice as long. 15 s.
	FlushTimeout time.Duration
	// CloseTimeout bounds Close, beside its context. 5 s.
	CloseTimeout time.Duration
	OpenTimeout  time.Duration // as in Config
	MaxWindow    int           // as in Config; windows grow while the path is what limits the stream
	// StreamBudget is as in Config: growth beyond 256 KiB per stream is taken from it. yamux lets a peer send
	// 256 KiB into a stream that nobody reads. All streams together may hold StreamBudget or Streams x 64 KiB of what
	// nobody has read, whichever is more (64 MiB by default: 256 full windows). Beyond that, the stream that holds
	// most is reset with ResourceExhausted.
	StreamBudget int
	Logger       *slog.Logger // gets why the session ended; slog.Default()
	// Held leaves the connection alone until Start. Nothing is read, written or timed before. What is opened and
	// written meanwhile waits. Close waits for Start.
	Held bool
	// Head is what was already read from the connection, to find out what the peer speaks.
	Head []byte
	// OnEnd, when not nil, is called once, before streams and opens learn why the session ended. err is what Err
	// returns. Streams and opens fail with what OnEnd returns for it. It must not wait for Close.
	OnEnd func(err error) error
	// OnClose is called once, when the session has ended, with what Err returns. It must not wait for Close.
	OnClose func(err error)
}

func (c *YamuxConfig) withDefaults() (YamuxConfig, error) {
	if c == nil || c.Acceptor == nil {
		return YamuxConfig{}, errors.New("gantline: yamux: YamuxConfig.Acceptor is nil: set what takes the peer's streams")
	}
	r := *c
	for _, d := range [...]struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{
		{"Heartbeat", &r.Heartbeat, DefaultYamuxHeartbeat},
		{"FlushTimeout", &r.FlushTimeout, DefaultYamuxFlushTimeout},
		{"CloseTimeout", &r.CloseTimeout, DefaultYamuxCloseTimeout},
	} {
		if *d.v < 0 {
			return r, fmt.Errorf("gantline: yamux: YamuxConfig.%s is %v, must not be negative (0 = %v)", d.name, *d.v, d.def)
		}
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	for _, d := range [...]struct {
		v   *uint32
		def uint32
	}{{&r.Limits.Streams, DefaultYamuxStreams}, {&r.Limits.Backlog, DefaultYamuxBacklog}, {&r.Limits.Log, DefaultYamuxLog}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	r.Limits.Log = max(r.Limits.Log, frame.MinMaxPayload)
	if r.MaxWindow <= 0 {
		r.MaxWindow = DefaultMaxWindow
	}
	if r.StreamBudget <= 0 {
		r.StreamBudget = DefaultStreamBudget
	}
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	return r, nil
}

// A Yamux runs the streams of a Session on a connection to a peer that speaks plain yamux. That is version 0:
// hashicorp/yamux, libp2p and others. Make one with YamuxClient or YamuxServer.
//
// What yamux cannot say is done like this:
//
//   - CloseRead and Close do not ask the peer to stop. What it still sends is dropped and its window given back,
//     so that its writers do not hang. A stream closed both ways here is reset when the peer has not ended its
//     direction after 5 minutes, or sends 4 MiB more.
//   - A reset carries no code: the peer's arrives as frame.Aborted.
//   - Names, metadata, calls and messages are refused with errors.ErrUnsupported.
//   - Session.Drain is a go away; libp2p's peers end the whole session on it.
//
// All methods may be called from any goroutine.
type Yamux struct {
	cfg       YamuxConfig
	log       *throttle.Log // of cfg.Logger
	nc        net.Conn
	client    bool
	maxFrame  uint32 // no window is larger
	maxUnread int64  // that all streams may hold
	s         *Session
	l         *yamuxLink
	base      time.Time
	lastRead  atomic.Int64 // now() when bytes last came
	bytesIn   atomic.Uint64
	bytesOut  atomic.Uint64
	framesIn  atomic.Uint64

	// Owned by the reader goroutine.
	in   yamuxInput
	feed yamuxFeed
	fr   *frame.Reader
	ids  yamuxIDs

	budget oddity.Budget // of what the peer sends without a use

	// Owned by the writer goroutine.
	resets []uint64 // streams whose reset is in what is being written
	away   bool     // a go away was said
	spent  bool     // the last of our ids are being used

	mu      sync.Mutex // guards what follows; inside it only the session's table and receive locks are taken
	streams map[uint32]*yamuxStream

	dying      chan struct{} // closed when it is known why the session ends
	writerDone chan struct{}
	done       chan struct{}
}

// YamuxClient runs a session on nc as the side that dialled. Its ids are odd. The session owns nc. The error is
// about cfg, and leaves nc open.
func YamuxClient(nc net.Conn, cfg *YamuxConfig) (*Yamux, error) { return startYamux(nc, cfg, true) }

// YamuxServer is YamuxClient for the side that accepted the connection. Its ids are even.
func YamuxServer(nc net.Conn, cfg *YamuxConfig) (*Yamux, error) { return startYamux(nc, cfg, false) }

func startYamux(nc net.Conn, cfg *YamuxConfig, client bool) (*Yamux, error) {
	y, err := newYamux(nc, cfg, client)
	if err != nil {
		return nil, err
	}
	if !y.cfg.Held {
		y.Start()
	}
	return y, nil
}

// Start begins a session made with YamuxConfig.Held. It is called once.
func (y *Yamux) Start() {
	y.nc.SetDeadline(time.Time{})
	y.lastRead.Store(y.now())
	y.l.Lock()
	y.askLocked() // an early round trip, while nothing queues
	y.l.ping.beat = time.AfterFunc(y.cfg.Heartbeat, y.beat)
	y.l.Unlock()
	go y.write() // stopped by the end of the session
	go y.read()  // stopped by the end of nc; cleans up
}

// newYamux makes a session without goroutines.
func newYamux(nc net.Conn, cfg *YamuxConfig, client bool) (*Yamux, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	y := &Yamux{
		cfg: c, log: throttle.New(c.Logger), nc: nc, client: client, maxFrame: uint32(min(max(c.MaxWindow, yamuxWindow), math.MaxInt32)), base: time.Now(),
		streams: make(map[uint32]*yamuxStream),
		dying:   make(chan struct{}), writerDone: make(chan struct{}), done: make(chan struct{}),
	}
	y.maxUnread = max(int64(y.cfg.StreamBudget), int64(c.Limits.Streams)*yamuxUnreadEach)
	y.l = newYamuxLink(y)
	limits := frame.Limits{MaxPayload: frame.DefaultMaxPayload, Streams: c.Limits.Streams, Backlog: c.Limits.Backlog, Log: c.Limits.Log}
	y.s = New(y.l, &Config{
		Client: client, Local: limits, Peer: limits, Acceptor: &yamuxAcceptor{Acceptor: c.Acceptor, y: y}, NoFirst: true, yamux: true,
		OpenTimeout: c.OpenTimeout, MaxWindow: c.MaxWindow, StreamBudget: c.StreamBudget, InitialCredit: yamuxWindow,
	})
	y.in = yamuxInput{src: nc, onRead: func(n int) {
		y.lastRead.Store(y.now())
		y.bytesIn.Add(uint64(n))
	}}
	y.in.unread(c.Head)
	y.feed.in = &y.in
	y.fr = frame.NewReader(&y.feed, frame.DefaultMaxPayload)
	return y, nil
}

// now is the time since the session was made, never 0.
func (y *Yamux) now() int64 { return int64(time.Since(y.base)) + 1 }

// Session returns what opens and lists the streams. Its First is nil, and it takes streams only.
func (y *Yamux) Session() *Session { return y.s }

// LocalAddr returns the connection's local address.
func (y *Yamux) LocalAddr() net.Addr { return y.nc.LocalAddr() }

// RemoteAddr returns the connection's remote address.
func (y *Yamux) RemoteAddr() net.Addr { return y.nc.RemoteAddr() }

// Done is closed when the session has ended and its goroutines are gone.
func (y *Yamux) Done() <-chan struct{} { return y.done }

// Err returns why the session ended or is ending, a *YamuxError, or nil while it goes on.
func (y *Yamux) Err() error {
	y.l.Lock()
	defer y.l.Unlock()
	if y.l.life.cause == nil {
		return nil
	}
	return y.l.life.cause
}

// Ping asks the peer for a sign of life and returns the round trip. Pings under way at the same time are one.
//
// Errors: ctx's, or why the session ended.
func (y *Yamux) Ping(ctx context.Context) (time.Duration, error) {
	y.l.Lock()
	p := y.askLocked()
	y.l.Unlock()
	select {
	case <-p.done:
		return p.rtt, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-y.dying:
		return 0, y.Err()
	}
}

// Close ends the session in order. Every stream's sending direction ends after what was written to it; writers that
// still wait fail with net.ErrClosed. All of it goes out, then a go away and the end of the connection's write side.
// What the peer sends can be read meanwhile.
//
// Close returns when the peer has hung up, too. It returns an error after the close timeout, and aborts when ctx ends.
// It may be repeated. An Acceptor's methods must not call it: it waits for the goroutine that runs them.
func (y *Yamux) Close(ctx context.Context) error {
	l := y.l
	l.Lock()
	closing := l.life.cause == nil
	if closing {
		y.causeLocked(&YamuxError{Kind: net.ErrClosed})
		l.life.leaving = true
		y.s.life.shut = l.life.cause
		y.s.life.drainAt.Store(y.s.peer.lastID.Load())
		y.s.life.draining.Store(true)
	}
	l.Unlock()
	if closing {
		y.s.CloseStreams(false)
		l.Lock()
		y.goodbyeLocked(yamuxNormal, y.cfg.CloseTimeout)
		l.Unlock()
	}
	select {
	case <-y.done:
	case <-ctx.Done():
		y.Abort(context.Cause(ctx))
		<-y.done
	}
	l.Lock()
	defer l.Unlock()
	if l.life.fault == nil {
		return nil
	}
	return l.life.fault
}

// Abort ends the session at once. Nothing more is sent. err says why, and may be nil; the session's error wraps it
// and net.ErrClosed. Abort does not wait for Done.
func (y *Yamux) Abort(err error) { y.fail(&YamuxError{Kind: net.ErrClosed, Err: err}) }
