package sessions

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/inside"
	"github.com/gantline-project/gantline/internal/throttle"
	"github.com/gantline-project/gantline/mux"
)

// Host is the End as its Line sees it.
type Host interface {
	// MuxConfig returns what a session s over l is made with.
	MuxConfig(s *Session, l *conn.Link) *mux.Config
	// LinkConfig returns what a link is made with.
	LinkConfig() *conn.Config
	// Fresh is called with each session after the first, before its peer is heard.
	Fresh(s *Session)
	// Lost is called when the newest session is lost and another one is to come.
	Lost()
	// Finished is called once, and last: there will be no more sessions.
	Finished(err error)
}

// Config sets up a Line.
type Config struct {
	Redial func(ctx context.Context) (net.Conn, error) // used after Renew
	Logger *slog.Logger                                // gets failed redials, at debug level; nil without Redial
	Closed error                                       // why a Line ends that was closed
	// NoFresh ends the Line with its first session. Renew lets it have other carriers all the same.
	NoFresh bool
}

// Line is the sessions of one End, one after the other. Make one with New.
type Line struct {
	host   Host
	cfg    Config
	log    *throttle.Log // of cfg.Logger
	redial *redialler    // nil = the Line ends with its first session; set by Renew

	// Users is where the application's code runs that the Line calls; Inside asks it.
	Users inside.Set

	life    lifetime
	newest  atomic.Pointer[Session]
	waiting atomic.Int64 // calls of Next that wait

	Notifies, Publications Queue // what waits to be sent again in the next session

	// sessionMu is held by whoever replaces the newest session, lets it be replaced, or decides that it will not be.
	sessionMu sync.Mutex
	retired   atomic.Pointer[[]*Session] // earlier ones that have not ended; written under sessionMu, never changed
}

// New returns a Line without a session.
func New(host Host, cfg Config) *Line {
	ln := &Line{host: host, cfg: cfg}
	if cfg.Logger != nil {
		ln.cfg.Logger = throttle.Own(inside.Logger(cfg.Logger, &ln.Users))
		ln.log = throttle.New(ln.cfg.Logger)
	}
	ln.life.ctx, ln.life.cancel = context.WithCancelCause(context.Background())
	return ln
}

// Logger is the one in Config, whose handler runs among Users. All lines of the Line and its links are bounded together.
func (ln *Line) Logger() *slog.Logger { return ln.cfg.Logger }

// Renew lets the Line outlive its sessions. Call it before the first one.
func (ln *Line) Renew() { ln.redial = newRedialler(ln) }

// Renews reports whether Renew was called.
func (ln *Line) Renews() bool { return ln.redial != nil }

// Session returns the newest session, which may be lost. It is nil only before the first Put.
func (ln *Line) Session() *Session { return ln.newest.Load() }

// Put makes s, the first session, the newest.
func (ln *Line) Put(s *Session) { ln.newest.Store(s) }

// Blank returns a session without a link.
func (ln *Line) Blank() *Session {
	s := &Session{Seq: 1, ended: make(chan struct{}), replaced: make(chan struct{})}
	if old := ln.Session(); old != nil {
		s.Seq = old.Seq + 1
	}
	s.Notifies.ch, s.Publications.ch = make(chan struct{}), make(chan struct{})
	s.Ctx, s.cancel = context.WithCancelCause(ln.life.ctx)
	s.again, s.left = context.WithCancelCause(s.Ctx)
	return s
}

// NewSession returns a session over l. The peer is not heard before Begin.
func (ln *Line) NewSession(l *conn.Link) *Session {
	s := ln.Blank()
	s.Link, s.Native = l, l
	s.Mux = mux.New(l, ln.host.MuxConfig(s, l))
	s.Begin = func() { l.Start(handler{s.Mux, ln, s}) }
	return s
}

// Kick has the carrier dialled again, unless there is one. Renew was called.
func (ln *Line) Kick() { ln.redial.kick() }

// Wait waits until nobody redials. Once the Line has finished that is for good.
func (ln *Line) Wait() {
	if ln.redial != nil {
		ln.redial.wait()
	}
}

// renew replaces old, which is lost or leaving, by a new session over l. It returns false if the Line was closed
// meanwhile: then it says goodbye on l. It is called by the redialler only.
func (ln *Line) renew(old *Session, l *conn.Link) bool {
	ln.sessionMu.Lock()
	old.sealed = true
	ln.sessionMu.Unlock()
	moved := ln.collect(old)
	if ln.ending() {
		ln.sessionMu.Unlock()
		_ = l.Close(context.Background(), frame.OK, "") // it takes a second at most
		return false
	}
	s := ln.NewSession(l)
	ln.retireLocked(old)
	ln.Notifies.reserve()
	ln.Publications.reserve()
	ln.newest.Store(s)
	ln.sessionMu.Unlock()
	if moved {
		ln.host.Lost()
	}
	if ln.Draining() {
		s.Mux.Drain(frame.Drain{Code: frame.Unavailable, Text: "shutdown"})
	}
	// The bytes of the first stream ended with the first session: the peer must not wait for them.
	_ = s.Mux.First().Reset(frame.Unavailable, "the client's first stream ended with an earlier session")
	ln.host.Fresh(s)
	s.Begin()
	close(old.replaced)
	ln.Notifies.resend(ln, s, &s.Notifies)
	ln.Publications.resend(ln, s, &s.Publications)
	ln.Requeue() // what retired sessions left after the queues were collected
	for _, o := range ln.surplus() {
		o.Link.Abort(errTooMany)
	}
	return true
}

// collect prepares the queues for the session after old, and locks sessionMu. moved: old goes on. If it has ended,
// whatever it carried has learned of that, and what is to be sent again is in the queues.
func (ln *Line) collect(old *Session) (moved bool) {
	for moved = !old.Lost(); ; moved = false {
		if !moved {
			ln.settled(old)
		}
		old.Resending.Wait()
		ln.Notifies.collect(old.Seq)
		ln.Publications.collect(old.Seq)
		ln.sessionMu.Lock()
		if moved == !old.Lost() {
			return moved
		}
		ln.sessionMu.Unlock() // it has ended meanwhile
	}
}

// settled waits until whatever s carried has learned of its end. It returns false if the Line ends before.
func (ln *Line) settled(s *Session) bool {
	select {
	case <-s.ended:
		return true
	case <-ln.life.ctx.Done():
		return false
	}
}
