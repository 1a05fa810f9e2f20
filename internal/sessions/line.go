package sessions

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// Host is the End as its Line knows it.
type Host interface {
	// MuxConfig is what a session over l is made with.
	MuxConfig(s *Session, l *conn.Link) *mux.Config
	// LinkConfig is what a link is made with.
	LinkConfig() *conn.Config
	// Fresh is told of a new session before its peer is heard.
	Fresh(s *Session)
	// Lost is told that the newest session is lost and that another one is to come.
	Lost()
	// Over is told once, and last, that there will be no more sessions.
	Finished(err error)
}

// Config sets up a Line.
type Config struct {
	Redial func(ctx context.Context) (net.Conn, error) // nil = the End ends with its session
	Logger *slog.Logger
	Closed error // what the End is over with when it was closed
}

// Line keeps one session after the other.
type Line struct {
	host   Host
	cfg    Config
	redial *redialer               // nil = the End ends with its session
	cur    atomic.Pointer[Session] // the newest

	ctx    context.Context
	cancel context.CancelCauseFunc // the cause says why the End is over

	closing, draining atomic.Bool
	finished          sync.Once
	redials           sync.WaitGroup // redialling goroutines; ctx ends them

	Notifies, Publications Queue        // what waits for a new session
	waiting                atomic.Int64 // calls and opens that do

	sessionMu sync.Mutex // held by whoever changes what the newest session is, or that there will be none
}

// New returns a Line without a session.
func New(host Host, cfg Config) *Line {
	k := &Line{host: host, cfg: cfg}
	k.ctx, k.cancel = context.WithCancelCause(context.Background())
	return k
}

// Renew lets k outlive its sessions. It is called before the first one is there.
func (k *Line) Renew() { k.redial = newRedialer(k) }

// Renews reports whether k outlives its sessions.
func (k *Line) Renews() bool { return k.redial != nil }

// Context is done when the End is over; its cause says why.
func (k *Line) Context() context.Context { return k.ctx }

// Cancel ends the context.
func (k *Line) Cancel(why error) { k.cancel(why) }

// Close says that the End is being closed, and returns the newest session: no newer one comes.
func (k *Line) Close() *Session {
	k.closing.Store(true)
	k.sessionMu.Lock()
	defer k.sessionMu.Unlock()
	return k.cur.Load()
}

// Closing reports whether Close was called.
func (k *Line) Closing() bool { return k.closing.Load() }

// Drain reports whether k did not drain before; from now on it does.
func (k *Line) Drain() (first bool) { return !k.draining.Swap(true) }

// Draining reports whether Drain was called.
func (k *Line) Draining() bool { return k.draining.Load() }

// Busy reports whether something waits for a new session.
func (k *Line) Busy() bool {
	return k.waiting.Load() > 0 || !k.Notifies.Empty() || !k.Publications.Empty()
}

// Wait waits for the goroutines. The End is over.
func (k *Line) Wait() { k.redial.wait() }

// Redialled waits until nobody redials.
func (k *Line) Redialled() { k.redials.Wait() }

// Kick has the carrier dialled again.
func (k *Line) Kick() { k.redial.kick() }

// Session returns the newest session, which may be lost. It is nil only while the End shakes hands for the first time.
func (k *Line) Session() *Session { return k.cur.Load() }

// Put makes s the newest session.
func (k *Line) Put(s *Session) { k.cur.Store(s) }

// Blank returns a session without a link.
func (k *Line) Blank() *Session {
	s := &Session{Seq: 1, over: make(chan struct{}), replaced: make(chan struct{})}
	if old := k.cur.Load(); old != nil {
		s.Seq = old.Seq + 1
	}
	s.Notifies.ch, s.Publications.ch = make(chan struct{}), make(chan struct{})
	s.Ctx, s.cancel = context.WithCancelCause(k.ctx)
	return s
}

// New returns a session over l. The peer is not heard before Begin.
func (k *Line) NewSession(l *conn.Link) *Session {
	s := k.Blank()
	s.Link, s.Native = l, l
	s.Mux = mux.New(l, k.host.MuxConfig(s, l))
	s.Begin = func() { l.Start(handler{s.Mux, k, s}) }
	return s
}

// outlives decides whether the End goes on without s, which has ended with err.
func (k *Line) outlives(s *Session, err error) bool {
	if k.redial == nil || !errors.Is(err, conn.ErrSessionLost) || errors.Is(err, net.ErrClosed) {
		return false
	}
	k.sessionMu.Lock()
	defer k.sessionMu.Unlock()
	if k.closing.Load() || k.ctx.Err() != nil {
		return false
	}
	s.lost.Store(true)
	return true
}

// Finish ends the End, once.
func (k *Line) Finish(err error) {
	k.finished.Do(func() {
		k.cancel(err)
		k.Notifies.end(err)
		k.Publications.end(err)
		k.host.Finished(err)
	})
}

// renew puts a new session over l in the place of old, which is lost. It reports false, and ends l, when the End
// is closed meanwhile. It is called by the redialler only.
func (k *Line) renew(old *Session, l *conn.Link) bool {
	old.Resending.Wait()
	k.Notifies.collect()
	k.Publications.collect()
	k.sessionMu.Lock()
	if k.closing.Load() || k.ctx.Err() != nil {
		k.sessionMu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l.Start(Refusing{})
		_ = l.Close(ctx, frame.OK, "") // the server need not wait for us
		return false
	}
	s := k.NewSession(l)
	k.cur.Store(s)
	k.sessionMu.Unlock()
	if k.draining.Load() {
		s.Mux.Drain(frame.Unavailable, "shutdown", "")
	}
	// The bytes of the first stream ended with the first session: the peer must not wait for them.
	_ = s.Mux.First().Reset(frame.Unavailable, "the client's first stream ended with an earlier session")
	k.host.Fresh(s)
	s.Begin()
	close(old.replaced)
	k.resend(s)
	return true
}

// Refusing takes what a server sends that this side is about to hang up on.
type Refusing struct{}

func (Refusing) HandleFrame(frame.Header, *frame.Reader) error   { return nil }
func (Refusing) HandleReleased(total [frame.Groups]uint64) error { return nil }
func (Refusing) Fill() bool                                      { return false }
func (Refusing) HandleClose(error)                               {}

// LostOn reports whether err says that something could not be done, or finished, because s was lost, and that
// the End goes on.
func (k *Line) LostOn(s *Session, err error) bool {
	return k.redial != nil && s.lost.Load() && errors.Is(err, conn.ErrSessionLost)
}

// A Wait is how a wait for a session ended.
type Wait uint8

// The ends of a wait.
const (
	Renewed  Wait = iota // there is the session
	GaveUp               // the context has ended
	Finished             // there will be none
)

// Next waits for the session behind s, which is lost.
func (k *Line) Next(ctx context.Context, s *Session) (*Session, Wait) {
	k.waiting.Add(1)
	defer k.waiting.Add(-1)
	select {
	case <-s.replaced:
		return k.Session(), Renewed
	case <-ctx.Done():
		return nil, GaveUp
	case <-k.ctx.Done():
		return nil, Finished
	}
}

// CaughtUp returns the newest session once what has to go before was sent again on it: which is its Notifies or Publications.
func (k *Line) CaughtUp(ctx context.Context, s *Session, which func(*Session) *Latch) (*Session, Wait) {
	for {
		l := which(s)
		if l.open.Load() {
			return s, Renewed
		}
		select {
		case <-l.ch:
		case <-s.replaced:
			s = k.Session()
		case <-ctx.Done():
			return nil, GaveUp
		case <-k.ctx.Done():
			return nil, Finished
		}
	}
}
