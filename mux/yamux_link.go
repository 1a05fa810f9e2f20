package mux

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// yamuxPiece is a part of the log: whole frames of ours, n bytes in all.
type yamuxPiece struct {
	buf *[yamuxPieceSize]byte
	n   int
}

// yamuxPieceSize holds two frames of 64 KiB with their headers and some small ones.
const yamuxPieceSize = 136 << 10

var yamuxPieces = sync.Pool{New: func() any { return new([yamuxPieceSize]byte) }}

// maxYamuxPongs is how many questions of the peer wait for the writer; more are not answered.
const maxYamuxPongs = 32

// yamuxProbe is a ping of ours.
type yamuxProbe struct {
	id   uint32
	due  bool          // to be sent
	at   int64         // asked; then: sent
	rtt  time.Duration // set before done is closed
	done chan struct{}
}

// yamuxLink is the Link of a yamux session. Its log holds frames of ours until the writer goroutine takes and
// translates them; nothing is kept for a second sending. Its lock is the session's send lock.
type yamuxLink struct {
	sync.Mutex // guards all
	y          *Yamux
	cond       sync.Cond // the writer waits on it

	log      []yamuxPiece
	last     int    // where the last frame begins in the last piece
	limit    int    // for what is not written
	appended uint64 // bytes since the beginning
	taken    uint64 // of those, by the writer
	written  uint64 // of those, out

	wake  bool
	pongs [maxYamuxPongs]uint32
	pong  int // of pongs in use
	probe *yamuxProbe
	asked uint32       // id of the last probe
	rtt   atomic.Int64 // least round trip, ns
	beat  *time.Timer

	cause      *YamuxError // why the session ends
	fault      error       // what went wrong when the cause is our own Close
	leaving    bool        // Close was called; closing follows
	closing    bool        // flush, say word, hang up
	mute       bool        // say word without what is in the log
	word       uint32      // reason of the go away; noGoAway = say nothing
	cut        bool        // the connection is closed: nothing is written any more
	writerGone bool        // what is appended goes nowhere
	finished   bool        // both goroutines are
	killer     *time.Timer // ends a goodbye
}

const noGoAway = ^uint32(0)

var _ Link = (*yamuxLink)(nil)

func newYamuxLink(y *Yamux) *yamuxLink {
	l := &yamuxLink{y: y, limit: int(y.cfg.Limits.Log)}
	l.cond.L = l
	return l
}

func (l *yamuxLink) Bulk(bool) int      { return min(l.Room(), aheadOfAll-l.Unsent()) }
func (l *yamuxLink) Room() int          { return l.limit - int(l.appended-l.written) }
func (l *yamuxLink) Unsent() int        { return int(l.appended - l.taken) }
func (l *yamuxLink) Frame() int         { return yamuxWritePiece }
func (l *yamuxLink) Appended() uint64   { return l.appended }
func (l *yamuxLink) Sent() uint64       { return l.taken }
func (l *yamuxLink) Release(int, int)   {} // yamux has no early bytes
func (l *yamuxLink) RTT() time.Duration { return time.Duration(l.rtt.Load()) }

func (l *yamuxLink) Alloc(n int) []byte {
	if l.writerGone {
		return make([]byte, n)
	}
	k := len(l.log)
	if k == 0 || yamuxPieceSize-l.log[k-1].n < n {
		l.log = append(l.log, yamuxPiece{buf: yamuxPieces.Get().(*[yamuxPieceSize]byte)})
		k++
	}
	p := &l.log[k-1]
	l.last = p.n
	p.n += n
	l.appended += uint64(n)
	return p.buf[l.last:p.n:p.n]
}

func (l *yamuxLink) Tail() (last []byte, spare int) {
	if len(l.log) == 0 {
		return nil, 0
	}
	p := &l.log[len(l.log)-1]
	return p.buf[l.last:p.n:p.n], yamuxPieceSize - p.n
}

func (l *yamuxLink) Extend(n int) []byte {
	p := &l.log[len(l.log)-1]
	p.n += n
	l.appended += uint64(n)
	return p.buf[p.n-n : p.n : p.n]
}

func (l *yamuxLink) Wake() {
	if !l.wake {
		l.wake = true
		l.cond.Signal()
	}
}

// Fail ends the session because the peer broke a rule.
func (l *yamuxLink) Fail(err error) { l.y.accuse(err) }

// takeLocked moves the log's pieces to batch.
func (l *yamuxLink) takeLocked(batch []yamuxPiece) []yamuxPiece {
	batch = append(batch, l.log...)
	clear(l.log)
	l.log = l.log[:0]
	l.taken = l.appended
	return batch
}

func freeYamuxPieces(pieces []yamuxPiece) {
	for i := range pieces {
		yamuxPieces.Put(pieces[i].buf)
		pieces[i].buf = nil
	}
}

// controlLocked appends the frames that are not in the log: pongs and a ping.
func (l *yamuxLink) controlLocked(b []byte) []byte {
	for _, v := range l.pongs[:l.pong] {
		b = appendYamux(b, yamuxHeader{kind: yamuxPing, flags: yamuxACK, length: v})
	}
	l.pong = 0
	if p := l.probe; p != nil && p.due {
		p.due, p.at = false, l.y.now()
		b = appendYamux(b, yamuxHeader{kind: yamuxPing, flags: yamuxSYN, length: p.id})
	}
	return b
}

// causeLocked sets why the session ends, once.
func (y *Yamux) causeLocked(e *YamuxError) {
	if y.l.cause == nil {
		y.l.cause = e
		close(y.dying)
	} else if y.l.fault == nil && y.l.leaving && !y.l.finished {
		y.l.fault = e
	}
}

// goodbyeLocked lets the writer say the last word and hang up; after timeout the connection is closed.
func (y *Yamux) goodbyeLocked(word uint32, timeout time.Duration) {
	l := y.l
	if l.closing || l.cut {
		return
	}
	l.closing, l.word = true, word
	l.killer = time.AfterFunc(timeout, func() {
		y.fail(&YamuxError{Kind: ErrYamuxLost, Err: errYamuxGoodbye})
	})
	l.Wake()
}

// accuse tells the peer that it broke the protocol, and ends the session.
func (y *Yamux) accuse(err error) {
	l := y.l
	l.Lock()
	y.causeLocked(&YamuxError{Kind: ErrYamuxProtocol, Err: err})
	if l.closing {
		l.Unlock()
		y.fail(&YamuxError{Kind: ErrYamuxProtocol, Err: err})
		return
	}
	l.mute = true
	y.goodbyeLocked(yamuxProtocolError, yamuxLastWord)
	l.Unlock()
}

// fail ends the session now.
func (y *Yamux) fail(e *YamuxError) {
	l := y.l
	l.Lock()
	y.causeLocked(e)
	l.cut = true
	l.cond.Signal()
	l.Unlock()
	if t, ok := y.nc.(interface{ NetConn() net.Conn }); ok { // over TLS without its goodbye, which may block
		t.NetConn().Close()
	}
	y.nc.Close()
}
