package mux

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// rawLink is a link whose other end is the test: nothing moves unless the test moves it.
type rawLink struct {
	sync.Mutex
	log         []byte
	tail        int
	limit       int
	keep        int  // of the limit, from bulk
	ahead       int  // how much bulk may lie unsent, 128 KiB at least
	alone       bool // what Bulk heard last
	end         uint64
	sent, acked uint64
	away        bool // there is no carrier
	noAck       bool // take leaves what it takes unacknowledged
	freed       [frame.Groups]int
	rtt         time.Duration
	failed      error
	busy        bool
	carrier     uint64
	budget      oddity.Budget
	now         int64
	users       int // 1 for each EnterUser, 100 for each LeaveUser
}

func (l *rawLink) Room() int          { return l.limit - int(l.end-l.acked) }
func (l *rawLink) Unsent() int        { return len(l.log) }
func (l *rawLink) Frame() int         { return frame.DefaultMaxPayload }
func (l *rawLink) Appended() uint64   { return l.end }
func (l *rawLink) Sent() uint64       { return l.sent }
func (l *rawLink) Acked() uint64      { return l.acked }
func (l *rawLink) Carried() bool      { return !l.away }
func (l *rawLink) RTT() time.Duration { return l.rtt }
func (l *rawLink) Wake()              {}
func (l *rawLink) Fail(err error)     { l.failed = err }
func (l *rawLink) Charge(k oddity.Kind, what string) error {
	return l.budget.Spend(k, what, l.now)
}
func (l *rawLink) EnterUser()            { l.users++ }
func (l *rawLink) LeaveUser()            { l.users += 100 }
func (l *rawLink) Hears() (uint64, bool) { return l.carrier, !l.away && !l.busy }
func (l *rawLink) Bulk(alone bool) int {
	l.alone = alone
	return min(l.Room()-l.keep, max(aheadOfAll, l.ahead)-l.Unsent())
}
func (l *rawLink) Alloc(n int) []byte {
	l.tail = len(l.log)
	l.log = slices.Grow(l.log, n)[:l.tail+n]
	for i := range n {
		l.log[l.tail+i] = 0xA5 // what an earlier frame left there
	}
	l.end += uint64(n)
	return l.log[l.tail : l.tail+n : l.tail+n]
}
func (l *rawLink) Tail() ([]byte, int) {
	if len(l.log) == 0 {
		return nil, 0
	}
	return l.log[l.tail:], cap(l.log) - len(l.log)
}
func (l *rawLink) Extend(n int) []byte {
	old := len(l.log)
	l.log = l.log[:old+n]
	l.end += uint64(n)
	return l.log[old:]
}
func (l *rawLink) Release(g, n int) {
	l.Lock()
	l.freed[g] += n
	l.Unlock()
}

// rawAcceptor records what it is called with and answers nothing.
type rawAcceptor struct {
	t         testing.TB
	streams   []*Stream
	incoming  []*Incoming
	ready     []*Incoming
	cancelled []*Incoming
	drains    []frame.Drain
	onAccept  func(x *Incoming)
	ended     []error // what EndStream said; send lock
}

func (a *rawAcceptor) AcceptStream(st *Stream)          { a.streams = append(a.streams, st) }
func (a *rawAcceptor) NewExchange(frame.Kind) *Incoming { return &Incoming{} }
func (a *rawAcceptor) AcceptExchange(x *Incoming) {
	a.incoming = append(a.incoming, x)
	if a.onAccept != nil {
		a.onAccept(x)
	}
}
func (a *rawAcceptor) ReadyExchange(x *Incoming)           { a.ready = append(a.ready, x) }
func (a *rawAcceptor) CancelExchange(x *Incoming, _ error) { a.cancelled = append(a.cancelled, x) }
func (a *rawAcceptor) EndStream(_ *Stream, err error)      { a.ended = append(a.ended, err) }
func (a *rawAcceptor) HandleDrain(d frame.Drain) func()    { a.drains = append(a.drains, d); return nil }

// raw is a session whose peer is a script.
type raw struct {
	*Session
	t   testing.TB
	l   *rawLink
	acc *rawAcceptor
}

// newRaw returns a session on the accepting side: the script opens odd ids.
func newRaw(t testing.TB, change func(*Config)) *raw {
	t.Helper()
	l := &rawLink{limit: 512 << 10, log: make([]byte, 0, 1<<20)}
	acc := &rawAcceptor{t: t}
	cfg := &Config{Local: testLimits(), Peer: testLimits(), Acceptor: acc, process: testProcess()}
	if change != nil {
		change(cfg)
	}
	return &raw{New(l, cfg), t, l, acc}
}

// rawFrame is one frame of the script.
type rawFrame struct {
	h frame.Header
	p []byte
}

func (f rawFrame) bytes() []byte { return append(frame.AppendHeader(nil, f.h), f.p...) }

func mk(t frame.Type, id uint64, flags frame.Flags, p []byte) rawFrame {
	return rawFrame{frame.Header{Type: t, Flags: flags, Length: uint32(len(p)), ID: id}, p}
}

const (
	flFin   = frame.FlagFin
	flHead  = frame.FlagHead
	flEarly = frame.FlagEarly
	flBlock = frame.FlagBlocked
)

func fOpen(id uint64, flags frame.Flags, o frame.Open) rawFrame {
	if o.Name == nil {
		o.Name = []byte("n")
	}
	return mk(frame.TypeOpen, id, flags, frame.AppendOpen(nil, &o))
}
func fData(id uint64, flags frame.Flags, n int) rawFrame {
	return mk(frame.TypeData, id, flags, bytes.Repeat([]byte{'d'}, n))
}
func fHead(id uint64, flags frame.Flags, h frame.Head, n int) rawFrame {
	return mk(frame.TypeData, id, flags|flHead, append(frame.AppendHead(nil, &h), bytes.Repeat([]byte{'d'}, n)...))
}
func fCredit(id uint64, n uint32) rawFrame {
	return mk(frame.TypeCredit, id, 0, frame.AppendCredit(nil, n))
}
func fReset(id uint64, c frame.Code) rawFrame {
	return mk(frame.TypeReset, id, 0, frame.AppendReset(nil, &frame.Reset{Code: c, Text: "r"}))
}
func fStop(id uint64, c frame.Code) rawFrame {
	return mk(frame.TypeStop, id, 0, frame.AppendStop(nil, &frame.Stop{Code: c}))
}

// feed hands frames to the session, as the link's reader does, and returns the first error.
func (r *raw) feed(fs ...rawFrame) error {
	var b []byte
	for _, f := range fs {
		b = append(b, f.bytes()...)
	}
	return r.feedBytes(b)
}

func (r *raw) feedBytes(b []byte) error {
	fr := frame.NewReader(bytes.NewReader(b), frame.DefaultMaxPayload)
	for {
		h, err := fr.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = r.HandleFrame(h, fr)
		}
		if err != nil {
			return err
		}
	}
}

// ok feeds frames that are legal.
func (r *raw) ok(fs ...rawFrame) {
	r.t.Helper()
	if err := r.feed(fs...); err != nil {
		r.t.Fatalf("legal frames refused: %v", err)
	}
}

// bad feeds frames the last of which no correct peer sends; the error must contain text.
func (r *raw) bad(text string, fs ...rawFrame) {
	r.t.Helper()
	last := len(fs) - 1
	r.ok(fs[:last]...)
	if err := r.feed(fs[last]); err == nil || !strings.Contains(err.Error(), text) {
		r.t.Fatalf("%v: error is %v, want one with %q", fs[last].h, err, text)
	}
}

// take flushes until nothing more comes and returns the frames.
func (r *raw) take() (out []rawFrame) {
	r.t.Helper()
	for {
		b, _ := r.flush()
		if len(b) == 0 {
			return out
		}
		fr := frame.NewReader(bytes.NewReader(b), frame.DefaultMaxPayload)
		for {
			h, err := fr.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				r.t.Fatalf("the session appended a bad frame: %v", err)
			}
			p, _ := fr.Payload()
			out = append(out, rawFrame{h, bytes.Clone(p)})
		}
	}
}

// flush is one round of the link's writer.
func (r *raw) flush() (b []byte, waiting bool) {
	l := r.l
	l.Lock()
	defer l.Unlock()
	waiting = r.Fill()
	b = bytes.Clone(l.log)
	l.log, l.sent = l.log[:0], l.end
	if !l.noAck {
		l.acked = l.end
	}
	return b, waiting
}

// want checks that exactly these frames are sent, each as String describes it.
func (r *raw) want(frames ...string) {
	r.t.Helper()
	var got []string
	for _, f := range r.take() {
		got = append(got, f.String())
	}
	if strings.Join(got, "; ") != strings.Join(frames, "; ") {
		r.t.Fatalf("sent %q, want %q", got, frames)
	}
}

// wantIdle checks that nothing is sent.
func (r *raw) wantIdle() { r.t.Helper(); r.want() }

func (f rawFrame) String() string {
	s := fmt.Sprintf("%v %d", f.h.Type, f.h.ID)
	if f.h.Flags != 0 {
		s += " " + f.h.Flags.String()
	}
	switch f.h.Type {
	case frame.TypeOpen:
		o, err := frame.ParseOpen(f.p)
		if err != nil {
			return err.Error()
		}
		return s + fmt.Sprintf(" %v body %d of %d", o.Kind, len(o.Body), o.Size)
	case frame.TypeData:
		if f.h.Flags&flHead != 0 {
			h, body, err := frame.ParseHead(f.p)
			if err != nil {
				return err.Error()
			}
			return s + fmt.Sprintf(" %v %d", h.Code.Name(), len(body))
		}
		return s + fmt.Sprintf(" %d", len(f.p))
	case frame.TypeCredit:
		n, _ := frame.ParseCredit(f.p)
		return s + fmt.Sprintf(" %d", n)
	case frame.TypeReset, frame.TypeStop:
		m, _ := frame.ParseReset(f.p)
		return s + " " + m.Code.Name()
	}
	return s
}
