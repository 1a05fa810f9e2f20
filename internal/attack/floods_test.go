package attack

import (
	"bytes"

	"github.com/gantline-project/gantline/frame"
)

// Floods are frames that cost nothing to send, within all limits of size and count.

// flood sends what make returns, as fast as the server takes it.
func flood(make func(p *peer) []byte) func(*attacker, int) {
	return deaf("flood", func(p *peer) {
		for p.sequenced(make(p)) {
		}
	})
}

// same floods with copies of one frame.
func same(t frame.Type, flags frame.Flags, id uint64, payload []byte) func(*attacker, int) {
	b := bytes.Repeat(raw(t, flags, id, payload), 200)
	return flood(func(*peer) []byte { return b })
}

func ping(*peer) []byte {
	return bytes.Repeat(raw(frame.TypePing, 0, 0, frame.AppendPing(nil, &frame.Ping{})), 100)
}

// opened opens a stream, and floods with what make returns for it.
func opened(o frame.Open, flags frame.Flags, make func(id uint64) []byte) func(*attacker, int) {
	return deaf("flood", func(p *peer) {
		b, id := p.open(o, flags)
		for ok := p.sequenced(b); ok; ok = p.sequenced(b) {
			b = bytes.Repeat(make(id), 200)
		}
	})
}

// ended opens a stream and resets it, and floods with what make returns for it.
func ended(make func(id uint64) []byte) func(*attacker, int) {
	return deaf("flood", func(p *peer) {
		b, id := p.open(frame.Open{}, 0)
		b = append(b, reset(id)...)
		for ok := p.sequenced(b); ok; ok = p.sequenced(b) {
			b = bytes.Repeat(make(id), 200)
		}
	})
}

// many opens and goes on with what follows returns, again and again.
func many(o frame.Open, flags frame.Flags, follows func(id uint64) []byte) func(*attacker, int) {
	return flood(func(p *peer) (all []byte) {
		for range 100 {
			b, id := p.open(o, flags)
			all = append(all, b...)
			all = append(all, follows(id)...)
		}
		return all
	})
}

func nothing(uint64) []byte { return nil }

func credit(id uint64, n uint32) []byte {
	return raw(frame.TypeCredit, 0, id, frame.AppendCredit(nil, n))
}

func stop(id uint64) []byte { return raw(frame.TypeStop, 0, id, frame.AppendStop(nil, &frame.Stop{})) }

func data(id uint64) []byte { return raw(frame.TypeData, 0, id, []byte("x")) }

func empty(id uint64) []byte { return raw(frame.TypeData, 0, id, nil) }

func blocked(id uint64) []byte { return raw(frame.TypeData, frame.FlagBlocked, id, nil) }

var call = frame.Open{Kind: frame.KindCall, Name: []byte("echo")}

var floods = []attack{
	{name: "pings", conns: 4, run: flood(ping), ends: true},
	{name: "pongs", conns: 4, run: same(frame.TypePong, 0, 0, frame.AppendPing(nil, &frame.Ping{})), ends: true},
	{name: "acks", conns: 4, run: same(frame.TypeAck, 0, 0, frame.AppendAck(nil, frame.Ack{})), ends: true},
	{name: "unknown frames", conns: 4, run: same(0x70, 0, 0, nil), ends: true},
	{name: "unknown sequenced frames", conns: 4, run: same(0xF0, 0, 0, nil), ends: true},
	{name: "settings", conns: 4, run: same(frame.TypeSettings, 0, 0, frame.AppendSettings(nil, &frame.Settings{Streams: 9, Calls: 9, Messages: 9})), ends: true},
	{name: "drains", conns: 4, run: same(frame.TypeDrain, 0, 0, frame.AppendDrain(nil, &frame.Drain{Text: "\x1b[2J\n"})), ends: true},
	{name: "empty data", conns: 4, run: opened(frame.Open{}, 0, empty), ends: true},
	{name: "data of one byte", conns: 4, run: opened(frame.Open{}, 0, data)},
	{name: "blocked", conns: 4, run: opened(frame.Open{}, 0, blocked), ends: true},
	{name: "credit of one byte", conns: 4, run: opened(frame.Open{}, 0, func(id uint64) []byte { return credit(id, 1) }), ends: true},
	{name: "stops", conns: 4, run: opened(frame.Open{}, 0, stop), ends: true},
	{name: "data after a reset", conns: 4, run: ended(data), ends: true},
	{name: "credit after a reset", conns: 4, run: ended(func(id uint64) []byte { return credit(id, 1) }), ends: true},
	{name: "stops after a reset", conns: 4, run: ended(stop), ends: true},
	{name: "resets after a reset", conns: 4, run: ended(reset), ends: true},
	{name: "open and reset", conns: 4, run: many(frame.Open{}, 0, reset), ends: true},
	{name: "call and reset", conns: 4, run: many(call, 0, reset)},
	{name: "call that hangs, and reset", conns: 4, run: many(frame.Open{Kind: frame.KindCall, Name: []byte("hang")}, frame.FlagFin, reset), ends: true},
	{name: "resets forced", conns: 4, run: many(frame.Open{}, frame.FlagFin, data), ends: true},
	{name: "calls of what is not there", conns: 4, run: many(frame.Open{Kind: frame.KindCall, Name: []byte("none")}, frame.FlagFin, nothing)},
	{name: "notifies of what is not there", conns: 4, run: many(frame.Open{Kind: frame.KindNotify, Name: []byte("none")}, frame.FlagFin, nothing)},
	{name: "messages nobody wants", conns: 4, run: many(frame.Open{Kind: frame.KindUnackedMessage, Name: []byte("none")}, frame.FlagFin, nothing)},
	{name: "void calls", conns: 4, run: many(frame.Open{Kind: frame.KindVoid}, frame.FlagFin, nothing), ends: true},
	{name: "asks for methods", conns: 4, run: many(frame.Open{Kind: frame.KindNotify, Name: []byte(frame.NameWatch)}, frame.FlagFin, nothing)},
	{name: "opens without end", conns: 4, run: many(frame.Open{}, 0, nothing), ends: true},
}
