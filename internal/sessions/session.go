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

// Session is one session of an End: its link and what runs over it. An End that redials gets a new one when the
// old one is lost; any other has one.
type Session struct {
	Seq    uint64 // counts the End's sessions, from 1
	Link   Link
	Mux    *mux.Session
	Native *conn.Link // is Link; nil with a yamux peer
	Begin  func()     // lets the peer be heard

	Ctx    context.Context // of what the peer has started; ends with the session, and so with the End
	cancel context.CancelCauseFunc

	lost     atomic.Bool   // over, and the End is not; written under the Line's sessionMu
	over     chan struct{} // closed when everybody was told of the end
	replaced chan struct{} // closed when the End has a newer session

	// New notifies and messages wait for these, behind which older ones have been sent again.
	Notifies, Publications Latch
	Resending              sync.WaitGroup // goroutines that send again
}

// Lost reports whether the session is over and the End goes on, or will be told so.
func (s *Session) Lost() bool { return s.lost.Load() }

// Ended says that everybody was told of the end. It is called once.
func (s *Session) Ended() { close(s.over) }

// Latch is opened once. Asking whether it is costs no lock.
type Latch struct {
	open atomic.Bool
	ch   chan struct{}
}

// Open opens it.
func (l *Latch) Open() {
	l.open.Store(true)
	close(l.ch)
}

// IsOpen reports whether it was opened.
func (l *Latch) IsOpen() bool { return l.open.Load() }

// handler is a session as its link's handler: the Line hears of the end too.
type handler struct {
	*mux.Session
	k *Line
	s *Session
}

// HandleClose ends the session, and the End with it unless that can have another one. The context goes first,
// so that whatever fails because of it finds the cause there.
func (h handler) HandleClose(err error) {
	k, s := h.k, h.s
	if k.outlives(s, err) {
		s.cancel(err)
		h.Session.HandleClose(err)
		k.host.Lost()
		close(s.over)
		k.redial.kick()
		return
	}
	k.cancel(err)
	h.Session.HandleClose(err)
	close(s.over)
	k.Finish(err)
}
