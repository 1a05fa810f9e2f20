package attack

import (
	"bytes"
	"math"

	"github.com/gantline-project/gantline/frame"
)

// Streams that break the rules of ids, order and credit.

// breaks sends frames that a server must answer with the end of the connection.
func breaks(send func(p *peer) []byte) func(*attacker, int) {
	return func(a *attacker, _ int) {
		p := a.dial(a.name("stream"))
		if p == nil {
			return
		}
		defer p.close()
		if !p.sequenced(send(p)) {
			return
		}
		for { // until the server hangs up
			h, _, err := p.next(false)
			if err == nil && h.Type == frame.TypeBye {
				a.ended.Add(1)
			}
			if err != nil || h.Type == frame.TypeBye {
				return
			}
		}
	}
}

// stream opens one, and returns what make adds to it.
func stream(flags frame.Flags, make func(id uint64) []byte) func(*attacker, int) {
	return breaks(func(p *peer) []byte {
		b, id := p.open(frame.Open{}, flags)
		return append(b, make(id)...)
	})
}

func frames(bs ...[]byte) []byte { return bytes.Join(bs, nil) }

var streams = []attack{
	{name: "an id of the server's", conns: 8, ends: true, run: breaks(func(p *peer) []byte { return raw(frame.TypeOpen, 0, 2, frame.AppendOpen(nil, &frame.Open{})) })},
	{name: "an id again", conns: 8, ends: true, run: stream(0, func(id uint64) []byte { return raw(frame.TypeOpen, 0, id, frame.AppendOpen(nil, &frame.Open{})) })},
	{name: "a lower id", conns: 8, ends: true, run: breaks(func(p *peer) []byte {
		p.id = 101
		b, _ := p.open(frame.Open{}, 0)
		return append(b, raw(frame.TypeOpen, 0, 99, frame.AppendOpen(nil, &frame.Open{}))...)
	})},
	{name: "data of a stream never opened", conns: 8, ends: true, run: breaks(func(*peer) []byte { return data(77) })},
	{name: "data of the server's streams", conns: 8, ends: true, run: breaks(func(*peer) []byte { return data(78) })},
	{name: "a parent never opened", conns: 8, ends: true, run: breaks(func(p *peer) []byte {
		b, _ := p.open(frame.Open{Kind: frame.KindCall, Parent: 999, Name: []byte("echo")}, frame.FlagFin)
		return b
	})},
	{name: "a byte beyond the window", conns: 8, ends: true, run: stream(0, func(id uint64) []byte {
		return frames(raw(frame.TypeData, frame.FlagEarly, id, make([]byte, 64<<10)), raw(frame.TypeData, frame.FlagEarly, id, []byte("x")))
	})},
	{name: "credit without end", conns: 4, ends: true, run: opened(frame.Open{}, 0, func(id uint64) []byte { return credit(id, math.MaxUint32) })},
	{name: "data after the end", conns: 8, ends: true, run: stream(frame.FlagFin, data)},
	{name: "two ends", conns: 8, ends: true, run: stream(frame.FlagFin, func(id uint64) []byte { return raw(frame.TypeData, frame.FlagFin, id, nil) })},
	{name: "a depth of 17", conns: 8, ends: true, run: breaks(func(p *peer) []byte {
		b, _ := p.open(frame.Open{Kind: frame.KindCall, Depth: 17, Name: []byte("echo")}, frame.FlagFin)
		return b
	})},
	{name: "an ack from the future", conns: 8, ends: true, run: breaks(func(*peer) []byte {
		return raw(frame.TypeAck, 0, 0, frame.AppendAck(nil, frame.Ack{Position: 1 << 40}))
	})},
	{name: "bytes released that were not sent", conns: 8, ends: true, run: breaks(func(*peer) []byte {
		return raw(frame.TypeAck, 0, 0, frame.AppendAck(nil, frame.Ack{Released: [frame.Groups]uint64{1 << 40, 0, 0}}))
	})},
	{name: "a second HELLO", conns: 8, ends: true, run: breaks(func(*peer) []byte {
		h := hello("again")
		return raw(frame.TypeHello, 0, 0, frame.AppendHello(nil, &h))
	})},
	{name: "early data of many streams", conns: 4, run: opener("opener", 4<<20/(60<<10), frame.Open{Name: []byte("unread"), Body: make([]byte, 60<<10)})},
	{name: "streams nobody accepts", conns: 4, run: opener("lazy", 256, frame.Open{Metadata: frame.AppendMetadata(nil, "k", make([]byte, 8000))})},
	{name: "a reader that gives no credit", conns: 4, honestly: true, run: opener("stingy", 1000, frame.Open{Name: []byte("endless")})},
	{name: "a reader that reads nothing", conns: 4, honestly: true, run: func(a *attacker, _ int) {
		p := a.dial(a.name("unread"))
		if p == nil {
			return
		}
		defer p.close()
		for range 100 {
			b, id := p.open(frame.Open{Name: []byte("endless")}, 0)
			if !p.sequenced(append(b, credit(id, 1<<30)...)) {
				return
			}
		}
		a.rest(attackTime)
	}},
}

// opener opens n streams, and lets them be.
func opener(id string, n int, o frame.Open) func(*attacker, int) {
	return deaf(id, func(p *peer) {
		for range n {
			b, _ := p.open(o, 0)
			if !p.sequenced(b) {
				return
			}
		}
		p.a.rest(attackTime)
	})
}
