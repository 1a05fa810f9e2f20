package attack

import (
	"math/rand/v2"
	"net"

	"github.com/gantline-project/gantline/frame"
)

// Lengths are frames that are not whole, too long, or do not hold what they should.

// each runs one way of many on a connection of its own.
func each(send func(p *peer, n int)) func(*attacker, int) {
	return func(a *attacker, _ int) {
		p := a.dial(a.name("length"))
		if p == nil {
			return
		}
		defer p.close()
		send(p, rand.IntN(1<<30))
	}
}

var types = []frame.Type{frame.TypeHello, frame.TypeWelcome, frame.TypeChallenge, frame.TypeProof, frame.TypeRefuse, frame.TypePing, frame.TypePong,
	frame.TypeAck, frame.TypeBye, frame.TypeOpen, frame.TypeData, frame.TypeCredit, frame.TypeReset, frame.TypeStop, frame.TypeDrain, frame.TypeSettings,
	0x00, 0x0A, 0x40, 0x7F, 0x80, 0x88, 0xC0, 0xFF}

var lengths = []attack{
	{name: "any type, flags and length", conns: 8, run: each(func(p *peer, n int) {
		payload := make([]byte, n>>12%65)
		for i := range payload {
			payload[i] = byte(rand.Uint32())
		}
		id := uint64(n>>24%2) * uint64(n>>25%4)
		p.send(raw(types[n%len(types)], frame.Flags(n>>8%16), id, payload))
	})},
	{name: "lengths at their limits", conns: 8, run: each(func(p *peer, n int) {
		length := []uint32{0, 64<<10 - 1, 64 << 10, 64<<10 + 1, frame.MaxLength}[n%5]
		p.send(frame.AppendHeader(nil, frame.Header{Type: types[n/5%len(types)], Length: length}))
	})},
	{name: "a header cut", conns: 8, run: each(func(p *peer, n int) {
		b, _ := p.open(call, frame.FlagFin)
		p.send(b[:n%frame.HeaderLen])
		if n>>8%2 == 0 {
			_ = p.nc.(*net.TCPConn).SetLinger(0) // RST instead of FIN
		}
	})},
	{name: "bytes at random", conns: 8, run: each(func(p *peer, n int) {
		b := make([]byte, n%512)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		p.send(b)
	})},
	{name: "one byte at a time", conns: 8, run: each(func(p *peer, _ int) {
		_ = p.nc.(*net.TCPConn).SetNoDelay(true)
		for p.a.on() {
			b, _ := p.open(call, frame.FlagFin)
			for _, c := range b {
				p.send([]byte{c})
			}
		}
	})},
}
