package sessions

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// Link is what a session runs over, whichever dialect the peer speaks.
type Link interface {
	Client() bool
	State() conn.State
	LocalID() string
	Peer() *conn.Peer
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	Ping(ctx context.Context) (time.Duration, error)
	Stats() conn.Stats
	Close(ctx context.Context, code frame.Code, text string) error
	Abort(err error)
}

var _ Link = (*conn.Link)(nil)

// Session is one session of an End: its link, and the mux that runs over it. An End that redials gets a new one when the
// old one is lost. Any other End has one.
type Session struct {
	Seq    uint64 // counts the Line's sessions, from 1
	Link   Link
	Mux    *mux.Session
	Native *conn.Link // is Link; nil with a yamux peer
	Begin  func()     // lets the peer be heard

	Ctx    context.Context // of what the peer has started; ends with the session, and so with the Line
	cancel context.CancelCauseFunc

	again context.Context // of what is sent again; ends as Ctx does, and when the peer has invited us to come again
	left  context.CancelCauseFunc

	lost      atomic.Bool   // it has ended and the Line has not; written under sessionMu
	leaving   atomic.Bool   // the peer serves nothing new and has invited us to come again; written under sessionMu
	notBefore time.Time     // when it wants to see us; set before leaving
	sealed    bool          // nothing more is sent again on it; guarded by sessionMu
	ended     chan struct{} // closed when whatever it carried has learned of the end
	replaced  chan struct{} // closed when there is a newer session

	// Open when the older notifies and publications were sent again: new ones wait for that.
	Notifies, Publications Latch
	Resending              sync.WaitGroup // goroutines that send again
}

// Within returns a context for sending something again on the session. It ends with ctx, with the session, and when that
// is left: the next one gets what could not be sent. Call the function when it was sent.
func (s *Session) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	within, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.again, func() { cancel(context.Cause(s.again)) })
	return within, func() { stop(); cancel(nil) }
}

// Lost reports whether the session has ended and the Line goes on, or went on at that time.
func (s *Session) Lost() bool { return s.lost.Load() }

// Ended says that whatever the session carried has learned of its end. It is called once.
func (s *Session) Ended() { close(s.ended) }

// handler makes a session its link's handler: the Line learns of the end, too.
type handler struct {
	*mux.Session
	ln *Line
	s  *Session
}

// HandleClose ends the session, and the Line as well unless that can have another session. The context goes first, so
// that whatever fails because of it finds the cause there.
func (h handler) HandleClose(err error) {
	ln, s := h.ln, h.s
	switch v, why := ln.outlives(s, err); v {
	case anotherOne:
		s.cancel(why)
		h.Session.HandleClose(why)
		ln.host.Lost()
		s.Ended()
		ln.Kick()
		return
	case goesOn:
		s.cancel(why)
		// The Line does not ask this session's link any more where the application's code runs, and this may be the
		// redialler's goroutine.
		ln.Users.Run(func() { h.Session.HandleClose(why) })
		s.Ended()
		ln.Requeue()
		return
	}
	ln.Cancel(err)
	h.Session.HandleClose(err)
	s.Ended()
	ln.Finish(err)
}
