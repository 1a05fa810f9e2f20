package mux

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/internal/oddity"
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

// yamuxLink is the Link of a yamux session. Its lock is the session's send lock.
type yamuxLink struct {
	sync.Mutex // guards all
	y          *Yamux
	cond       sync.Cond // the writer waits on it
	wake       bool      // there is something to write, or Fill has work
	log        yamuxLog
	ping       yamuxPings
	life       yamuxLifetime
}

// yamuxLog holds frames of ours until the writer goroutine takes and translates
// them. Nothing is kept for a second sending. Guarded by the send lock.
type yamuxLog struct {
	pieces   []yamuxPiece
	last     int    // where the last frame begins in the last piece
	limit    int    // for what is not written
	appended uint64 // bytes since the beginning
	taken    uint64 // of those, by the writer
	written  uint64 // of those, out
}

// yamuxPings is how a session knows that its peer is alive. Guarded by the send
// lock unless atomic.
type yamuxPings struct {
	pongs   [maxYamuxPongs]uint32
	pongDue int // of pongs in use
	probe   *yamuxProbe
	asked   uint32       // id of the last probe
	rtt     atomic.Int64 // least round trip, ns
	beat    *time.Timer
}

// yamuxLifetime is how far a session is on its way to the end. Guarded by the send
// lock. Each of its fields is set once:
//
//	set by                                 fields            the writer
//	Close                                  cause, leaving    goes on
//	Close after CloseStreams, EOF, accuse  closing, word     says what is in the log, then word
//	accuse                                 mute              says word only
//	what fails after Close                 fault             -
//	fail, hangUp                           cut               writes nothing more
//	the writer, at its end                 writerGone        -
//	the reader, at its end                 finished          -
type yamuxLifetime struct {
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
	l := &yamuxLink{y: y, log: yamuxLog{limit: int(y.cfg.Limits.Log)}}
	l.cond.L = l
	return l
}

func (l *yamuxLink) Bulk(bool) int         { return min(l.Room(), aheadOfAll-l.Unsent()) }
func (l *yamuxLink) Room() int             { return l.log.limit - int(l.log.appended-l.log.written) }
func (l *yamuxLink) Unsent() int           { return int(l.log.appended - l.log.taken) }
func (l *yamuxLink) Frame() int            { return yamuxWritePiece }
func (l *yamuxLink) Appended() uint64      { return l.log.appended }
func (l *yamuxLink) Sent() uint64          { return l.log.taken }
func (l *yamuxLink) Acked() uint64         { return 0 } // nobody says
func (l *yamuxLink) Carried() bool         { return true }
func (l *yamuxLink) Release(int, int)      {} // yamux has no early bytes
func (l *yamuxLink) EnterUser()            {} // nothing but streams: no user code runs
func (l *yamuxLink) LeaveUser()            {}
func (l *yamuxLink) Hears() (uint64, bool) { return 0, true }
func (l *yamuxLink) RTT() time.Duration    { return time.Duration(l.ping.rtt.Load()) }

// Charge is Link's. The reader goroutine uses the budget.
func (l *yamuxLink) Charge(k oddity.Kind, what string) error {
	return l.y.budget.Spend(k, what, l.y.lastRead.Load())
}

func (l *yamuxLink) Alloc(n int) []byte {
	if l.life.writerGone {
		return make([]byte, n)
	}
	k := len(l.log.pieces)
	if k == 0 || yamuxPieceSize-l.log.pieces[k-1].n < n {
		l.log.pieces = append(l.log.pieces, yamuxPiece{buf: yamuxPieces.Get().(*[yamuxPieceSize]byte)})
		k++
	}
	p := &l.log.pieces[k-1]
	l.log.last = p.n
	p.n += n
	l.log.appended += uint64(n)
	return p.buf[l.log.last:p.n:p.n]
}

func (l *yamuxLink) Tail() (last []byte, spare int) {
	if len(l.log.pieces) == 0 {
		return nil, 0
	}
	p := &l.log.pieces[len(l.log.pieces)-1]
	return p.buf[l.log.last:p.n:p.n], yamuxPieceSize - p.n
}

func (l *yamuxLink) Extend(n int) []byte {
	p := &l.log.pieces[len(l.log.pieces)-1]
	p.n += n
	l.log.appended += uint64(n)
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
	batch = append(batch, l.log.pieces...)
	clear(l.log.pieces)
	l.log.pieces = l.log.pieces[:0]
	l.log.taken = l.log.appended
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
	for _, v := range l.ping.pongs[:l.ping.pongDue] {
		b = appendYamux(b, yamuxHeader{kind: yamuxPing, flags: yamuxACK, length: v})
	}
	l.ping.pongDue = 0
	if p := l.ping.probe; p != nil && p.due {
		p.due, p.at = false, l.y.now()
		b = appendYamux(b, yamuxHeader{kind: yamuxPing, flags: yamuxSYN, length: p.id})
	}
	return b
}

// causeLocked sets why the session ends, once.
func (y *Yamux) causeLocked(e *YamuxError) {
	if y.l.life.cause == nil {
		y.l.life.cause = e
		close(y.dying)
	} else if y.l.life.fault == nil && y.l.life.leaving && !y.l.life.finished {
		y.l.life.fault = e
	}
}

// goodbyeLocked lets the writer say the last word and hang up; after timeout the connection is closed.
func (y *Yamux) goodbyeLocked(word uint32, timeout time.Duration) {
	l := y.l
	if l.life.closing || l.life.cut {
		return
	}
	l.life.closing, l.life.word = true, word
	l.life.killer = time.AfterFunc(timeout, func() {
		y.fail(&YamuxError{Kind: ErrYamuxLost, Err: errYamuxGoodbye})
	})
	l.Wake()
}

// accuse sends the peer a go away with a protocol error, and ends the session.
func (y *Yamux) accuse(err error) {
	l := y.l
	l.Lock()
	y.causeLocked(&YamuxError{Kind: ErrYamuxProtocol, Err: err})
	if l.life.closing {
		l.Unlock()
		y.fail(&YamuxError{Kind: ErrYamuxProtocol, Err: err})
		return
	}
	l.life.mute = true
	y.goodbyeLocked(yamuxProtocolError, yamuxLastWord)
	l.Unlock()
}

// fail ends the session now.
func (y *Yamux) fail(e *YamuxError) {
	l := y.l
	l.Lock()
	y.causeLocked(e)
	l.life.cut = true
	l.cond.Signal()
	l.Unlock()
	if t, ok := y.nc.(interface{ NetConn() net.Conn }); ok { // TLS does not say its own goodbye, which may block
		t.NetConn().Close()
	}
	y.nc.Close()
}
