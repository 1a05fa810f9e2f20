package mux

import (
	"slices"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// yamuxLinger is how long a stream closed here waits for the peer's end; as hashicorp's.
	yamuxLinger = int64(5 * time.Minute)
	// yamuxLingerBytes is how much of the peer's is dropped meanwhile. It is enough for a peer to finish what it
	// says before it reads an answer, which a reset could destroy.
	yamuxLingerBytes = 4 << 20
)

// yamuxStream is what the adapter knows of a stream beside the session. An entry lives from the SYN until both
// ends are on the wire. Guarded by Yamux.mu.
type yamuxStream struct {
	own       bool // opened here
	acked     bool // the peer's: our first frame, with ACK, is on the wire
	confirmed bool // ours: the peer has said something
	stopped   bool // reads no more: bytes are dropped and given back
	reset     bool // by the peer: nothing is sent any more
	sentEnd   bool // FIN or RST is on the wire
	recvEnd   bool
	closedAt  int64 // when it was stopped and ended here; 0 = not
	dropped   int   // bytes since
}

// yamuxAcceptor keeps the backlog in front of the user's Acceptor. The reader goroutine uses it.
type yamuxAcceptor struct {
	Acceptor
	y       *Yamux
	waiting []*Stream // announced; those that were accepted or closed since go at the next look
	look    int       // length of waiting that is worth one
}

// AcceptStream refuses streams beyond the backlog. One that the peer has reset counts until the application
// has seen it, or resets would make room for ever more of them.
func (a *yamuxAcceptor) AcceptStream(st *Stream) {
	backlog := int(a.y.cfg.Limits.Backlog)
	if len(a.waiting) >= min(a.look, backlog) {
		a.y.l.Lock()
		a.waiting = slices.DeleteFunc(a.waiting, func(st *Stream) bool { return st.accepted || st.closed != nil })
		a.y.l.Unlock()
		a.look = 2*len(a.waiting) + 16
	}
	if len(a.waiting) >= backlog {
		a.y.l.Lock()
		st.endAnnounced = true // the user does not learn of the end of a stream that it never got
		a.y.l.Unlock()
		st.Reset(frame.ResourceExhausted, "too many streams wait to be accepted")
		return
	}
	a.waiting = append(a.waiting, st)
	a.Acceptor.AcceptStream(st)
}

// dropLocked forgets a stream that has ended both ways. y.mu held.
func (y *Yamux) dropLocked(id uint32, st *yamuxStream) {
	if y.streams[id] == st {
		delete(y.streams, id)
	}
}

// admitYamux checks n bytes of one frame against the window.
func (st *Stream) admitYamux(n int) error {
	st.rmu.Lock()
	defer st.rmu.Unlock()
	return st.admitLocked(n, false)
}

// windowPassed reports whether n more bytes make a whole window since the rate was measured last. yamux peers
// do not say when they are blocked, so this is when the window is looked at; whether it grows depends on the
// rate and the round trip alone.
func (st *Stream) windowPassed(n int) bool {
	st.rmu.Lock()
	defer st.rmu.Unlock()
	return n > 0 && st.rated+n >= st.window
}

// windowBack returns the window that the peer of a stopped stream lacks, and grants it.
func (s *Session) windowBack(id uint64) uint32 {
	st, ok := s.lookup(id).(*Stream)
	if !ok {
		return 0
	}
	st.rmu.Lock()
	defer st.rmu.Unlock()
	if st.rerr != nil {
		return 0
	}
	due := max(0, st.window-st.grant)
	st.grant += due
	return uint32(due)
}

// dropped takes n bytes for a stream that reads no more. It skips them and gives the window back. It resets a closed
// stream into which the peer goes on sending. Reader goroutine.
func (y *Yamux) dropped(e *yamuxStream, id uint32, n int) error {
	st, _ := y.s.lookup(uint64(id)).(*Stream)
	if st != nil {
		if err := st.admitYamux(n); err != nil {
			return err
		}
	}
	if err := y.in.skip(n); err != nil || st == nil {
		return err
	}
	y.mu.Lock()
	tooMuch := false
	if e.closedAt != 0 {
		e.dropped += n
		tooMuch = e.dropped > yamuxLingerBytes
	}
	y.mu.Unlock()
	if tooMuch {
		y.giveUp(uint64(id))
		return nil
	}
	st.flow.grantMore(n)
	return nil
}

// giveUp resets a stream that is closed here.
func (y *Yamux) giveUp(id uint64) {
	e := y.s.lookup(id)
	if e == nil {
		return
	}
	f := e.base()
	y.l.Lock()
	defer y.l.Unlock()
	if y.s.life.gone == nil && !f.recvEnd {
		y.s.oweResetLocked(f, frame.Canceled, "")
	}
}

// sweep resets streams that were closed here long ago and that the peer does not end.
func (y *Yamux) sweep(now int64) {
	var old []uint64
	y.mu.Lock()
	for id, st := range y.streams {
		if st.closedAt != 0 && now-st.closedAt >= yamuxLinger {
			old = append(old, uint64(id))
		}
	}
	y.mu.Unlock()
	for _, id := range old {
		y.giveUp(id)
	}
}
