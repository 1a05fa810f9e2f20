package attack

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// attacker is what the hostile side of one attack has.
type attacker struct {
	ctx   context.Context // ends with the attack
	addr  string
	sent  atomic.Int64 // bytes
	conns atomic.Int64 // connections
	ended atomic.Int64 // of them, with a BYE of the server's
	names atomic.Int64
	wrong atomic.Bool // the server has ended what it should not

	failed atomic.Pointer[error] // why a connection could not be made; the first
}

// on reports whether the attack goes on.
func (a *attacker) on() bool { return a.ctx.Err() == nil }

// name returns a new client id.
func (a *attacker) name(prefix string) string { return fmt.Sprintf("%s-%d", prefix, a.names.Add(1)) }

// rest waits, or until the attack is over.
func (a *attacker) rest(d time.Duration) {
	select {
	case <-a.ctx.Done():
	case <-time.After(d):
	}
}

// peer is one hostile connection.
type peer struct {
	a  *attacker
	nc net.Conn
	r  *frame.Reader

	welcome frame.Welcome
	id      uint64 // the next to open
	took    uint64 // position of what the server has sent
	said    uint64 // position of what was sent
}

// connect makes a connection without a word on it.
func (a *attacker) connect() *peer {
	nc, err := (&net.Dialer{}).DialContext(a.ctx, "tcp", a.addr)
	if err != nil {
		if a.on() {
			a.failed.CompareAndSwap(nil, &err)
		}
		a.rest(10 * time.Millisecond)
		return nil
	}
	a.conns.Add(1)
	end, _ := a.ctx.Deadline()
	_ = nc.SetDeadline(end.Add(time.Second)) // for a server that takes nothing more, or says nothing
	return &peer{a: a, nc: nc, r: frame.NewReader(nc, frame.DefaultMaxPayload), id: 1}
}

// hello is how a client called id begins.
func hello(id string) frame.Hello {
	h := frame.Hello{
		MinVersion: frame.Version, MaxVersion: frame.Version, ID: id, Share: [32]byte{9}, Codecs: []byte{0, 1, 2},
		Limits: frame.Limits{MaxPayload: 64 << 10, Streams: 1 << 20, Calls: 1 << 20, Messages: 1 << 20, Backlog: 1 << 20,
			EarlyStream: 1 << 20, EarlyPool: [frame.Groups]uint32{1 << 30, 1 << 30, 1 << 30}, Log: 512 << 10, Body: 1 << 30},
	}
	_, _ = rand.Read(h.Nonce[:])
	return h
}

// greet sends a HELLO.
func (p *peer) greet(h frame.Hello) bool {
	b := frame.AppendPreface(nil, frame.Version)
	return p.send(append(b, raw(frame.TypeHello, 0, 0, frame.AppendHello(nil, &h))...))
}

// dial connects and shakes hands. It returns nil when the server does not want to, or the attack is over.
func (a *attacker) dial(id string) *peer {
	p := a.connect()
	if p == nil {
		return nil
	}
	if p.greet(hello(id)) {
		if h, err := p.r.Next(); err == nil && h.Type == frame.TypeWelcome {
			b, err := p.r.Payload()
			if err == nil {
				p.welcome, err = frame.ParseWelcome(b)
			}
			if err == nil && p.ping() {
				return p
			}
		}
	}
	p.close()
	return nil
}

func (p *peer) close() {
	if p != nil {
		p.nc.Close()
	}
}

// send writes bytes. It returns false when the server has hung up, or the attack is over.
func (p *peer) send(b []byte) bool {
	n, err := p.nc.Write(b)
	p.a.sent.Add(int64(n))
	return err == nil && p.a.on()
}

// sequenced writes sequenced frames, which count.
func (p *peer) sequenced(b []byte) bool {
	p.said += uint64(len(b))
	return p.send(b)
}

func (p *peer) ping() bool {
	return p.send(raw(frame.TypePing, 0, 0, frame.AppendPing(nil, &frame.Ping{Ack: frame.Ack{Position: p.took}})))
}

// next reads a frame. With acks it acknowledges what came.
func (p *peer) next(acks bool) (frame.Header, []byte, error) {
	h, err := p.r.Next()
	if err != nil {
		return h, nil, err
	}
	b, err := p.r.Payload()
	if err == nil && h.Type.Sequenced() {
		if p.took += uint64(frame.HeaderLen + len(b)); acks {
			p.send(raw(frame.TypeAck, 0, 0, frame.AppendAck(nil, frame.Ack{Position: p.took})))
		}
	}
	return h, b, err
}

// drain reads what comes, so that the server is not held up, and acknowledges it. It ends with the connection.
func (p *peer) drain() {
	for {
		if _, _, err := p.next(true); err != nil {
			return
		}
	}
}

// sink reads what comes and acknowledges nothing. It ends with the connection.
func (p *peer) sink() {
	for {
		h, err := p.r.Next()
		if err != nil {
			return
		}
		if h.Type == frame.TypeBye {
			p.a.ended.Add(1)
		}
	}
}

// deaf is an attack in a session of its own, whose frames are read and not acknowledged.
func deaf(name string, act func(p *peer)) func(*attacker, int) {
	return func(a *attacker, _ int) {
		p := a.dial(a.name(name))
		if p == nil {
			return
		}
		defer p.close()
		go p.sink()
		act(p)
	}
}

// answered reports whether the server answers a PING. When the attack is over it says yes.
func (p *peer) answered() bool {
	for p.ping() {
		for {
			h, _, err := p.next(true)
			if err != nil {
				return !p.a.on()
			}
			if h.Type == frame.TypePong {
				return true
			}
		}
	}
	return !p.a.on()
}

// open returns an OPEN with the next id, and that id.
func (p *peer) open(o frame.Open, flags frame.Flags) ([]byte, uint64) {
	id := p.id
	p.id += 2
	return raw(frame.TypeOpen, flags, id, frame.AppendOpen(nil, &o)), id
}

// raw is one frame.
func raw(t frame.Type, flags frame.Flags, id uint64, payload []byte) []byte {
	return append(frame.AppendHeader(nil, frame.Header{Type: t, Flags: flags, Length: uint32(len(payload)), ID: id}), payload...)
}

func reset(id uint64) []byte {
	return raw(frame.TypeReset, 0, id, frame.AppendReset(nil, &frame.Reset{Code: frame.Canceled}))
}
