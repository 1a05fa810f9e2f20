package mux

import (
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// yamuxLinger is how long a stream closed here waits for the peer's end; as hashicorp's.
	yamuxLinger = int64(5 * time.Minute)
	// yamuxLingerBytes is how much of the peer's is dropped meanwhile: enough for a peer to finish what it
	// says before it reads an answer, which a reset could destroy.
	yamuxLingerBytes = 4 << 20
)

// yamuxStream is what the adapter knows of a stream beside the session. An entry lives from the SYN until both
// ends are on the wire. Guarded by Yamux.mu.
type yamuxStream struct {
	own       bool // opened here
	acked     bool // the peer's: our first frame, with ACK, is on the wire
	waits     bool // the peer's: counted in Yamux.pending
	confirmed bool // ours: the peer has said something
	stopped   bool // reads no more: bytes are dropped and given back
	reset     bool // by the peer: nothing is sent any more
	sentEnd   bool // FIN or RST is on the wire
	recvEnd   bool
	closedAt  int64 // when it was stopped and ended here; 0 = not
	dropped   int   // bytes since
}

// yamuxAcceptor keeps the backlog in front of the user's Acceptor.
type yamuxAcceptor struct {
	Acceptor
	y *Yamux
}

// AcceptStream refuses streams beyond the backlog. Reader goroutine.
func (a yamuxAcceptor) AcceptStream(st *Stream) {
	y := a.y
	y.mu.Lock()
	full := y.pending >= int(y.cfg.Limits.Backlog)
	if e := y.streams[uint32(st.id)]; e != nil && !full {
		e.waits = true
		y.pending++
	}
	y.mu.Unlock()
	if full {
		st.Reset(frame.ResourceExhausted, "too many streams wait to be accepted")
		return
	}
	a.Acceptor.AcceptStream(st)
}

// acceptedLocked takes a stream out of the backlog. y.mu held.
func (y *Yamux) acceptedLocked(st *yamuxStream) {
	if st.waits {
		st.waits = false
		y.pending--
	}
}

// dropLocked forgets a stream that has ended both ways. y.mu held.
func (y *Yamux) dropLocked(id uint32, st *yamuxStream) {
	y.acceptedLocked(st)
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
	due := st.window - st.grant
	st.grant += due
	return uint32(due)
}

// dropped takes n bytes for a stream that reads no more: skips them and gives the window back, or resets the
// stream when the peer sends on and on into one that is closed. Reader goroutine.
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
	if y.s.gone == nil && !f.recvEnd {
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
