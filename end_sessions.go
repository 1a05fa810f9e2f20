package gantline

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/internal/throttle"
	"github.com/gantline-project/gantline/mux"
)

// maxSuspendedBytes bounds the send logs of all suspended Ends of one Sessions.
const maxSuspendedBytes = 64 << 20

// Sessions keeps the Ends of a server while their clients are away. An End whose carrier broke stays, suspended, until
// its client comes back with proof of the session, or until its SessionExpiry (60 s) is over. Package server has one in
// each Listener; use Attach with an accept loop of your own.
//
// The zero value is ready. All methods may be called from any goroutine.
//
// A few hundred bytes of an ended session are kept for its expiry time (4096 sessions at most), to tell a returning
// client how much the server had received. Beyond that, the address with most of them loses its oldest.
//
// The send logs of suspended Ends hold at most 64 MiB together. Beyond that, the peer id that holds most loses its
// suspended sessions.
type Sessions struct {
	evicting sync.Mutex  // held by suspended: two at a time would drop more than they must
	due      atomic.Bool // somebody waits for evicting and has not looked yet

	mu   sync.Mutex // guards what follows
	ends map[[16]byte]*End

	graves sessions.Graves
	logs   throttle.Group // bounds the lines of all Ends together
}

// Attach shakes hands over nc, which a listener accepted. A new client gets a new End, as from Server, except that it
// outlives its carrier. A client that comes back for its session gets the End that it had: resumed is true then, and end
// goes on where it was, or is over already.
//
// Errors are those of Server. A resume that is refused (unknown or expired session, wrong or replayed proof, a
// position out of range) changes nothing of the session it named.
//
// With Config.Yamux a client may speak yamux instead. Its End is never resumed, and s does not keep it.
func (s *Sessions) Attach(ctx context.Context, nc net.Conn, cfg *Config) (end *End, resumed bool, err error) {
	var own Config
	if cfg != nil {
		own = *cfg
	}
	own.Logger = s.logs.Logger(own.Logger)
	e, err := newEnd(&own)
	if err != nil {
		_ = nc.Close()
		return nil, false, err
	}
	var head []byte
	if e.cfg.Yamux {
		limited, cancel := context.WithTimeout(ctx, conn.DefaultHandshakeTimeout)
		defer cancel()
		ctx = limited
		if head, err = sessions.FirstByte(ctx, nc); err != nil {
			e.abandon(err)
			return nil, false, err
		}
		if mux.YamuxPreface(head) {
			if err := e.runYamux(ctx, nc, false, head); err != nil {
				return nil, false, err
			}
			return e, false, nil
		}
	}
	lc := e.linkConfig()
	lc.Head = head
	lc.OnBroken = func(*conn.Link, error) { s.suspended() }
	lc.Find = func(session [16]byte) (l *conn.Link, err error) {
		l, end = s.find(session)
		return l, nil
	}
	lc.Accept = func(l *conn.Link) error {
		if err := e.attach(e.line.NewSession(l)); err != nil {
			return err
		}
		s.add(e)
		return nil
	}
	_, resumed, err = conn.Accept(ctx, nc, lc)
	if err != nil {
		s.remove(e)
		e.abandon(err)
		return nil, false, err
	}
	if resumed {
		e.abandon(errEndClosed)
		return end, true, nil
	}
	e.start() // attach has set the link
	return e, false, nil
}

// Drop ends a suspended End at once, as if its SessionExpiry were over. why is the reason, for instance what took its
// place. An End that is up, or whose client is coming back right now, is left alone: Drop returns false.
func (s *Sessions) Drop(end *End, why error) bool {
	l := end.session().Native
	return l != nil && l.Lose(why)
}

func (s *Sessions) add(e *End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = make(map[[16]byte]*End)
	}
	s.ends[e.session().Native.Peer().Session] = e
	context.AfterFunc(e.ctx, func() { s.remove(e) })
}

// remove forgets e, which is over; its session leaves a tombstone.
func (s *Sessions) remove(e *End) {
	if e.session() == nil || e.plain {
		return
	}
	l := e.session().Native
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := l.Peer().Session; s.ends[id] == e {
		delete(s.ends, id)
		s.graves.Bury(l)
	}
}

// find gives the link a client wants to resume and its End, or what stands for one that has ended.
func (s *Sessions) find(session [16]byte) (*conn.Link, *End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.ends[session]; e != nil {
		return e.session().Native, e
	}
	return s.graves.Find(session), nil
}

// suspended is called when an End has lost its carrier, and makes room when all that wait hold too much. When many
// connections break together, scanning all sessions for each would delay their resumes.
func (s *Sessions) suspended() {
	if !s.due.CompareAndSwap(false, true) {
		return // somebody is about to look, and sees this one too
	}
	s.evicting.Lock()
	defer s.evicting.Unlock()
	s.due.Store(false)
	s.mu.Lock()
	total := 0
	byPeer := make(map[string]int)
	var waiting []*End
	for _, e := range s.ends {
		if e.session().Native.State() != StateBroken {
			continue
		}
		n := e.session().Native.Stats().LogMemory
		total += n
		byPeer[e.PeerID()] += n
		waiting = append(waiting, e)
	}
	s.mu.Unlock()
	for total > maxSuspendedBytes {
		most := ""
		for id, n := range byPeer {
			if n > byPeer[most] {
				most = id
			}
		}
		total -= byPeer[most]
		delete(byPeer, most)
		for _, e := range waiting {
			if e.PeerID() == most {
				s.Drop(e, errorf(ResourceExhausted, "the suspended sessions hold more than %d bytes, and this peer's the most", maxSuspendedBytes))
			}
		}
	}
}
