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

// Host is the End as its Keeper knows it.
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
	Over(err error)
}

// Config sets up a Keeper.
type Config struct {
	Redial func(ctx context.Context) (net.Conn, error) // nil = the End ends with its session
	Logger *slog.Logger
	Closed error // what the End is over with when it was closed
}

// Keeper keeps one session after the other.
type Keeper struct {
	host   Host
	cfg    Config
	redial *redialer               // nil = the End ends with its session
	cur    atomic.Pointer[Session] // the newest

	ctx    context.Context
	cancel context.CancelCauseFunc // the cause says why the End is over

	closing, draining atomic.Bool
	finished          sync.Once
	redials           sync.WaitGroup // redialling goroutines; ctx ends them

	Notes, Letters Queue        // what waits for a new session
	waiting        atomic.Int64 // calls and opens that do

	turn sync.Mutex // held by whoever changes what the newest session is, or that there will be none
}

// NewKeeper returns a Keeper without a session.
func NewKeeper(host Host, cfg Config) *Keeper {
	k := &Keeper{host: host, cfg: cfg}
	k.ctx, k.cancel = context.WithCancelCause(context.Background())
	return k
}

// Renew lets k outlive its sessions. It is called before the first one is there.
func (k *Keeper) Renew() { k.redial = newRedialer(k) }

// Renews reports whether k outlives its sessions.
func (k *Keeper) Renews() bool { return k.redial != nil }

// Context is done when the End is over; its cause says why.
func (k *Keeper) Context() context.Context { return k.ctx }

// Cancel ends the context.
func (k *Keeper) Cancel(why error) { k.cancel(why) }

// Close says that the End is being closed, and returns the newest session: no newer one comes.
func (k *Keeper) Close() *Session {
	k.closing.Store(true)
	k.turn.Lock()
	defer k.turn.Unlock()
	return k.cur.Load()
}

// Closing reports whether Close was called.
func (k *Keeper) Closing() bool { return k.closing.Load() }

// Drain reports whether k did not drain before; from now on it does.
func (k *Keeper) Drain() (first bool) { return !k.draining.Swap(true) }

// Draining reports whether Drain was called.
func (k *Keeper) Draining() bool { return k.draining.Load() }

// Busy reports whether something waits for a new session.
func (k *Keeper) Busy() bool { return k.waiting.Load() > 0 || !k.Notes.Empty() || !k.Letters.Empty() }

// Wait waits for the goroutines. The End is over.
func (k *Keeper) Wait() { k.redial.wait() }

// Redialled waits until nobody redials.
func (k *Keeper) Redialled() { k.redials.Wait() }

// Kick has the carrier dialled again.
func (k *Keeper) Kick() { k.redial.kick() }

// Session returns the newest session, which may be lost. It is nil only while the End shakes hands for the first time.
func (k *Keeper) Session() *Session { return k.cur.Load() }

// Put makes s the newest session.
func (k *Keeper) Put(s *Session) { k.cur.Store(s) }

// Blank returns a session without a link.
func (k *Keeper) Blank() *Session {
	s := &Session{Seq: 1, over: make(chan struct{}), replaced: make(chan struct{})}
	if old := k.cur.Load(); old != nil {
		s.Seq = old.Seq + 1
	}
	s.Notes.ch, s.Letters.ch = make(chan struct{}), make(chan struct{})
	s.Ctx, s.cancel = context.WithCancelCause(k.ctx)
	return s
}

// New returns a session over l. The peer is not heard before Begin.
func (k *Keeper) New(l *conn.Link) *Session {
	s := k.Blank()
	s.Link, s.Native = l, l
	s.Mux = mux.New(l, k.host.MuxConfig(s, l))
	s.Begin = func() { l.Start(handler{s.Mux, k, s}) }
	return s
}

// outlives decides whether the End goes on without s, which has ended with err.
func (k *Keeper) outlives(s *Session, err error) bool {
	if k.redial == nil || !errors.Is(err, conn.ErrSessionLost) || errors.Is(err, net.ErrClosed) {
		return false
	}
	k.turn.Lock()
	defer k.turn.Unlock()
	if k.closing.Load() || k.ctx.Err() != nil {
		return false
	}
	s.lost.Store(true)
	return true
}

// Finish ends the End, once.
func (k *Keeper) Finish(err error) {
	k.finished.Do(func() {
		k.cancel(err)
		k.Notes.end(err)
		k.Letters.end(err)
		k.host.Over(err)
	})
}

// renew puts a new session over l in the place of old, which is lost. It reports false, and ends l, when the End
// is closed meanwhile. It is called by the redialler only.
func (k *Keeper) renew(old *Session, l *conn.Link) bool {
	old.Resending.Wait()
	k.Notes.collect()
	k.Letters.collect()
	k.turn.Lock()
	if k.closing.Load() || k.ctx.Err() != nil {
		k.turn.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l.Start(Refusing{})
		_ = l.Close(ctx, frame.OK, "") // the server need not wait for us
		return false
	}
	s := k.New(l)
	k.cur.Store(s)
	k.turn.Unlock()
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
func (k *Keeper) LostOn(s *Session, err error) bool {
	return k.redial != nil && s.lost.Load() && errors.Is(err, conn.ErrSessionLost)
}

// A Wait is how a wait for a session ended.
type Wait uint8

// The ends of a wait.
const (
	Renewed   Wait = iota // there is the session
	GaveUp                // the context has ended
	EndIsOver             // there will be none
)

// Next waits for the session behind s, which is lost.
func (k *Keeper) Next(ctx context.Context, s *Session) (*Session, Wait) {
	k.waiting.Add(1)
	defer k.waiting.Add(-1)
	select {
	case <-s.replaced:
		return k.Session(), Renewed
	case <-ctx.Done():
		return nil, GaveUp
	case <-k.ctx.Done():
		return nil, EndIsOver
	}
}

// Behind returns the newest session once what has to go before was sent again on it: which is its Notes or Letters.
func (k *Keeper) Behind(ctx context.Context, s *Session, which func(*Session) *Latch) (*Session, Wait) {
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
			return nil, EndIsOver
		}
	}
}
