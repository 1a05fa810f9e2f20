package conn

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// couple is a client and a server link that know how to find each other again, with frames that went each way.
type couple struct {
	t              *testing.T
	client, server *Link
	ct, st         *tap
	breaks         atomic.Int32
	wg             sync.WaitGroup // accepts
}

func newCouple(t *testing.T) *couple {
	x := &couple{t: t, ct: newTap(), st: newTap()}
	nc := x.dial()
	var err error
	if x.client, err = Client(t.Context(), nc, &Config{Logger: quiet, OnBroken: x.broken}); err != nil {
		t.Fatal(err)
	}
	x.wg.Wait()
	x.client.Start(x.ct)
	x.server.Start(x.st)
	x.talk(1)
	return x
}

func (x *couple) broken(*Link, error) { x.breaks.Add(1) }

// dial gives the client's end of a carrier that the server accepts.
func (x *couple) dial() net.Conn {
	a, b := memnet.Pipe()
	cfg := &Config{Logger: quiet, OnBroken: x.broken, Find: func(id [16]byte) (*Link, error) {
		if x.server != nil && id == x.server.Peer().Session {
			return x.server, nil
		}
		return nil, nil
	}}
	x.wg.Go(func() {
		if l, resumed, err := Accept(context.Background(), b, cfg); err == nil && !resumed {
			x.server = l
		}
	})
	return a
}

// talk sends a frame each way and waits until n have arrived and are acknowledged.
func (x *couple) talk(n int) {
	x.t.Helper()
	send(x.client, 1, []byte("to the server"))
	send(x.server, 1, []byte("to the client"))
	x.ct.wantFrames(x.t, n)
	x.st.wantFrames(x.t, n)
	<-time.After(time.Second) // for the acks
}

// log returns what the server's client has acknowledged and what it was sent.
func (x *couple) log() (acked, sent uint64) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	return x.server.send.log.acked, x.server.send.log.sent
}

// hello is one that resumes the client's session, with a valid proof by l's secret.
func (x *couple) hello(nc net.Conn, l *Link, edit func(*frame.Hello, *frame.ResumeHello)) []byte {
	x.client.mu.Lock()
	h := frame.Hello{MinVersion: frame.Version, MaxVersion: frame.Version, Limits: x.client.cfg.Limits, ID: x.client.localID,
		Resume: &frame.ResumeHello{Session: x.client.peer.Session, Epoch: x.client.carriers.epoch + 1, Position: x.client.recv.position.Load()}}
	x.client.mu.Unlock()
	edit(&h, h.Resume)
	mac, err := l.proof(nc, "client", frame.AppendHello(nil, &h), nil)
	if err != nil {
		x.t.Error(err)
	}
	h.Resume.MAC = mac
	return append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &h))...)
}

// TestResumeWrongWithProof: resumes with a valid proof and something else that is wrong, and those without one. The
// refusal says what it may, and the session goes on over the carrier it has.
func TestResumeWrongWithProof(t *testing.T) {
	type hello = frame.ResumeHello
	tests := []struct {
		name     string
		edit     func(x *couple, r *hello)
		code     frame.Code
		epoch    uint64 // told
		position bool   // told
	}{
		{"the epoch it has", func(_ *couple, r *hello) { r.Epoch = 5 }, frame.Aborted, 5, false},
		{"an epoch below", func(_ *couple, r *hello) { r.Epoch = 4 }, frame.Aborted, 5, false},
		{"epoch 0", func(_ *couple, r *hello) { r.Epoch = 0 }, frame.Aborted, 5, false},
		{"a position that was acked", func(x *couple, r *hello) { acked, _ := x.log(); r.Position = acked - 1 }, frame.OutOfRange, 0, false},
		{"position 0", func(_ *couple, r *hello) { r.Position = 0 }, frame.OutOfRange, 0, false},
		{"a position not sent yet", func(x *couple, r *hello) { _, sent := x.log(); r.Position = sent + 1 }, frame.OutOfRange, 0, false},
		{"the last position there is", func(_ *couple, r *hello) { r.Position = 1<<64 - 1 }, frame.OutOfRange, 0, false},
		{"a session nobody has", func(_ *couple, r *hello) { r.Session[3] ^= 1 }, frame.NotFound, 0, false},
		{"another secret", func(x *couple, _ *hello) { x.client.keys.secret[0] ^= 1 }, frame.Unauthenticated, 0, false},
		{"a session bound to TLS, without TLS", func(x *couple, _ *hello) { x.server.keys.bound = true }, frame.Unauthenticated, 0, false},
		{"a session that said goodbye", func(x *couple, _ *hello) {
			finish(x.t, x.client)
			synctest.Wait()
		}, frame.OK, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newCouple(t)
				for _, l := range []*Link{x.client, x.server} {
					l.mu.Lock()
					l.carriers.epoch = 5 // as after five resumes
					l.mu.Unlock()
				}
				carrier := x.server.carrier()
				nc := x.dial()
				defer nc.Close()
				go func(b []byte) { _, _ = nc.Write(b) }(x.hello(nc, x.client, func(_ *frame.Hello, r *hello) { tt.edit(x, r) }))
				_, _, err := readWelcome(nc)
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Code != tt.code || refused.Epoch != tt.epoch || refused.HasPosition != tt.position || refused.Closed != tt.position {
					t.Errorf("answer %v (%+v), want %v", err, refused, tt.code)
				}
				x.wg.Wait()
				if !tt.position { // else it was at its end before
					x.talk(2)
					if x.server.carrier() != carrier || x.server.Epoch() != 5 || x.breaks.Load() != 0 || x.server.Stats().Resumes != 0 {
						t.Errorf("the live session noticed: epoch %d, %d breaks", x.server.Epoch(), x.breaks.Load())
					}
				}
				abort(x.client, x.server)
			})
		})
	}
}

// TestResumeParallel: of 100 resumes of one session at once, each with a valid proof, one wins. The client, which
// made none of them, comes back with the next epoch, and nothing is lost.
func TestResumeParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newCouple(t)
		const many = 100
		var welcomed, stale, other atomic.Int32
		var held sync.Map // what the winner has
		var tries sync.WaitGroup
		for i := range many {
			nc := x.dial()
			b := x.hello(nc, x.client, func(h *frame.Hello, _ *frame.ResumeHello) { h.Nonce[0] = byte(i) })
			tries.Go(func() {
				_, _ = nc.Write(b) // the answer tells
				_, w, err := readWelcome(nc)
				var refused *RefusedError
				switch {
				case err == nil && w.Resumed != nil:
					welcomed.Add(1)
					held.Store(i, nc)
					return
				case errors.As(err, &refused) && refused.Code == frame.Aborted && refused.Epoch == 1:
					stale.Add(1)
				default:
					other.Add(1)
					t.Errorf("answer %v", err)
				}
				nc.Close()
			})
		}
		tries.Wait()
		x.wg.Wait()
		if welcomed.Load() != 1 || stale.Load() != many-1 {
			t.Errorf("%d won, %d learned that they are late, %d got something else", welcomed.Load(), stale.Load(), other.Load())
		}
		synctest.Wait()
		if x.breaks.Load() == 0 {
			t.Error("the client still has a carrier")
		}
		send(x.client, 1, []byte("to the server"))
		send(x.server, 1, []byte("to the client"))
		if err := x.client.Resume(t.Context(), x.dial()); !errors.Is(err, ErrStaleEpoch) {
			t.Errorf("the client's first try: %v", err)
		}
		if err := x.client.Resume(t.Context(), x.dial()); err != nil {
			t.Errorf("the client's second try: %v", err)
		}
		x.wg.Wait()
		synctest.Wait()
		if c, s := len(x.ct.got()), len(x.st.got()); c != 2 || s != 2 {
			t.Errorf("%d and %d frames arrived, want 2 and 2", c, s)
		}
		held.Range(func(_, nc any) bool { nc.(net.Conn).Close(); return true })
		finish(t, x.client, x.server)
	})
}
