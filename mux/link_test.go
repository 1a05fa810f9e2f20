package mux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLink is a link without a carrier: a pump goroutine takes what is appended and hands it, frame by
// frame, to the peer's session, which acks at once.
type fakeLink struct {
	sync.Mutex
	cond   *sync.Cond
	limit  int
	keep   int    // of the limit, from bulk
	log    []byte // appended and not taken
	spare  []byte // what was delivered last, to be the log again
	tail   int    // offset of the last frame in log, -1 none
	end    uint64
	sent   uint64
	acked  uint64
	wake   bool
	hungry bool
	closed bool
	hold   bool // the pump delivers nothing
	away   bool // there is no carrier
	// Of what is sent, and of the acks that come back; nil means none.
	delay, ackDelay func() time.Duration
	own             *Session
	peer            *fakeLink
	freed           [frame.Groups]uint64
	rtt             time.Duration
	frame           int // what Frame says; 0 = the greatest
	failed          error
	budget          oddity.Budget
	done            chan struct{}
	trace           []frame.Header // of frames delivered to the peer
	most            int            // Unsent never was more
}

const chunkSize = 136 << 10

func (l *fakeLink) Room() int { return l.limit - int(l.end-l.acked) }
func (l *fakeLink) Charge(k oddity.Kind, what string) error {
	return l.budget.Spend(k, what, time.Now().UnixNano())
}
func (l *fakeLink) EnterUser()            {}
func (l *fakeLink) LeaveUser()            {}
func (l *fakeLink) Hears() (uint64, bool) { return 0, true }
func (l *fakeLink) Bulk(bool) int         { return l.Room() - l.keep }
func (l *fakeLink) Frame() int {
	if l.frame > 0 {
		return l.frame
	}
	return frame.DefaultMaxPayload
}
func (l *fakeLink) Unsent() int      { return len(l.log) }
func (l *fakeLink) Appended() uint64 { return l.end }
func (l *fakeLink) Sent() uint64     { return l.sent }
func (l *fakeLink) Acked() uint64    { return l.acked }
func (l *fakeLink) Carried() bool    { return !l.away }
func (l *fakeLink) RTT() time.Duration {
	return l.rtt
}
func (l *fakeLink) Alloc(n int) []byte {
	l.tail = len(l.log)
	l.log = append(l.log, make([]byte, n)...)
	l.end += uint64(n)
	l.most = max(l.most, len(l.log))
	return l.log[l.tail : l.tail+n : l.tail+n]
}
func (l *fakeLink) Tail() ([]byte, int) {
	if len(l.log) == 0 || l.tail < 0 {
		return nil, 0
	}
	return l.log[l.tail:], chunkSize - len(l.log)%chunkSize
}
func (l *fakeLink) Extend(n int) []byte {
	old := len(l.log)
	if cap(l.log) < old+n { // keep Tail's slice valid, as a chunk does
		panic("fake link: extend moved the log")
	}
	l.log = l.log[:old+n]
	l.end += uint64(n)
	l.most = max(l.most, len(l.log))
	return l.log[old:]
}
func (l *fakeLink) Wake() { l.wake = true; l.cond.Signal() }
func (l *fakeLink) Release(g, n int) {
	l.Lock()
	l.freed[g] += uint64(n)
	l.Wake()
	l.Unlock()
}
func (l *fakeLink) Fail(err error) { l.stop(err) }

// pump is stopped by stop.
func (l *fakeLink) pump() {
	defer close(l.done)
	for {
		l.Lock()
		for !l.closed && (l.hold || !l.wake) {
			l.cond.Wait()
		}
		if l.closed {
			l.Unlock()
			return
		}
		l.wake = false
		l.hungry = l.own.Fill()
		out, freed := l.log, l.freed
		l.log, l.spare, l.tail = l.spare[:0], out, -1
		l.sent = l.end
		sent := l.sent
		if len(out) > 0 {
			l.wake = true // for what waits outside the log
		}
		l.Unlock()
		if l.delay != nil {
			<-time.After(l.delay())
		}
		if err := l.peer.deliver(out, freed); err != nil {
			l.peer.stop(err)
			return
		}
		if l.ackDelay == nil {
			l.ack(sent)
		} else {
			time.AfterFunc(l.ackDelay(), func() { l.ack(sent) })
		}
	}
}

// ack is what the peer's ACK does.
func (l *fakeLink) ack(pos uint64) {
	l.Lock()
	if pos > l.acked {
		l.acked = pos
		l.wake = l.wake || l.hungry
		l.cond.Signal()
	}
	l.Unlock()
}

// deliver is what the peer's reader does.
func (l *fakeLink) deliver(out []byte, freed [frame.Groups]uint64) error {
	if err := l.own.HandleReleased(freed); err != nil {
		return err
	}
	r := frame.NewReader(bytes.NewReader(out), frame.DefaultMaxPayload)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = l.own.HandleFrame(h, r)
		}
		if err != nil {
			return err
		}
		l.Lock()
		l.peer.trace = append(l.peer.trace, h)
		l.Unlock()
	}
}

func (l *fakeLink) stop(err error) {
	l.Lock()
	was := l.closed
	l.closed = true
	if !was {
		l.failed = err
	}
	l.cond.Broadcast()
	l.Unlock()
	if !was {
		if err == nil {
			err = net.ErrClosed
		}
		l.own.HandleClose(err)
	}
}

// testAcceptor hands opens to channels and answers exchanges with fn.
type testAcceptor struct {
	streams chan *Stream
	fn      func(x *Incoming)
	accept  func(x *Incoming) // instead of fn, when the OPEN has come
	cancel  func(x *Incoming, err error)
	drained chan frame.Drain
}

func (a *testAcceptor) AcceptStream(st *Stream)          { a.streams <- st }
func (a *testAcceptor) NewExchange(frame.Kind) *Incoming { return &Incoming{} }

func (a *testAcceptor) AcceptExchange(x *Incoming) {
	if a.accept != nil {
		a.accept(x)
	} else if x.Complete() {
		go a.fn(x)
	}
}
func (a *testAcceptor) ReadyExchange(x *Incoming) { go a.fn(x) }
func (a *testAcceptor) EndStream(*Stream, error)  {}

func (a *testAcceptor) CancelExchange(x *Incoming, err error) {
	if a.cancel != nil {
		a.cancel(x, err)
	} else if !x.Complete() {
		go x.Reply(context.Background(), nil, nil)
	}
}
func (a *testAcceptor) HandleDrain(d frame.Drain) func() { a.drained <- d; return nil }

func echo(x *Incoming) { x.Reply(context.Background(), nil, x.Body) }

func testLimits() frame.Limits {
	return frame.Limits{MaxPayload: frame.DefaultMaxPayload, Streams: 1024, Calls: 1024, Messages: 1024, Backlog: 256,
		EarlyStream: 64 << 10, EarlyPool: [frame.Groups]uint32{4 << 20, 4 << 20, 4 << 20}, Log: 512 << 10, Body: 4 << 20}
}

// testProcess is one that no other test has anything of.
func testProcess() *process { return newProcess(DefaultProcessWindows, DefaultProcessBodies) }

type side struct {
	*Session
	l   *fakeLink
	acc *testAcceptor
}

// newPair returns two sessions joined by fake links; the test's end stops them.
func newPair(t testing.TB, change func(client, server *Config)) (c, s *side) {
	t.Helper()
	proc := testProcess()
	cfgs := [2]*Config{{Client: true, Local: testLimits(), Peer: testLimits(), process: proc}, {Local: testLimits(), Peer: testLimits(), process: proc}}
	if change != nil {
		change(cfgs[0], cfgs[1])
	}
	var sides [2]*side
	for i := range sides {
		l := &fakeLink{limit: 512 << 10, tail: -1, done: make(chan struct{}), log: make([]byte, 0, 2<<20), spare: make([]byte, 0, 2<<20)}
		l.cond = sync.NewCond(l)
		acc := &testAcceptor{streams: make(chan *Stream, 2048), fn: echo, drained: make(chan frame.Drain, 1)}
		cfgs[i].Acceptor = acc
		sides[i] = &side{New(l, cfgs[i]), l, acc}
		l.own = sides[i].Session
	}
	sides[0].l.peer, sides[1].l.peer = sides[1].l, sides[0].l
	for _, x := range sides {
		go x.l.pump()
	}
	t.Cleanup(func() {
		for _, x := range sides {
			x.l.stop(nil)
			<-x.l.done
		}
		for _, x := range sides {
			if x.l.failed != nil && !errors.Is(x.l.failed, net.ErrClosed) && !t.Failed() {
				t.Errorf("link failed: %v", x.l.failed)
			}
		}
	})
	return sides[0], sides[1]
}

// openPair returns both ends of a new stream.
func openPair(t testing.TB, c, s *side) (a, b *Stream) {
	t.Helper()
	a, err := c.OpenStream(t.Context(), &Open{Name: "test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b = <-s.acc.streams
	b.Accept()
	return a, b
}
