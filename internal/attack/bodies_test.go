package attack

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/gantline-project/gantline/frame"
)

// Bodies announce more than they bring, or become more than they are.

// sized is a call that announces 4 MiB.
func sized(method string, metadata int) frame.Open {
	o := frame.Open{Kind: frame.KindCall, Size: 4 << 20, Name: []byte(method)}
	if metadata > 0 {
		o.Metadata = frame.AppendMetadata(nil, "k", make([]byte, metadata))
	}
	return o
}

// stalled opens n of them at each depth up to depths, brings nothing more, and stays.
func stalled(o frame.Open, n, depths int, first []byte) func(*attacker, int) {
	return deaf("stalled", func(p *peer) {
		o := o
		for depth := range depths {
			o.Depth = uint8(depth)
			for range n {
				b, id := p.open(o, 0)
				if first != nil {
					b = append(b, raw(frame.TypeData, frame.FlagEarly, id, first)...)
				}
				if !p.sequenced(b) {
					return
				}
			}
		}
		p.a.rest(attackTime)
	})
}

// typed calls rows with a body of a codec.
func typed(codec byte, body []byte) func(*attacker, int) {
	return func(a *attacker, _ int) {
		p := a.dial(a.name("typed"))
		if p == nil {
			return
		}
		defer p.close()
		go p.drain()
		for p.a.on() {
			b, id := p.open(frame.Open{Kind: frame.KindCall, Name: []byte("rows"), Codec: codec, Size: uint32(len(body))}, 0)
			rest := body
			for len(rest) > 0 && len(b) < 60<<10 { // what is early may come at once
				n := min(len(rest), 60<<10)
				flags := frame.FlagEarly
				if n == len(rest) {
					flags |= frame.FlagFin
				}
				b, rest = append(b, raw(frame.TypeData, flags, id, rest[:n])...), rest[n:]
			}
			if len(rest) > 0 {
				b = append(b, reset(id)...)
			}
			if !p.sequenced(b) {
				return
			}
		}
	}
}

// jsonRows is an array of as many empty objects as fit.
var jsonRows = []byte("[" + strings.Repeat("{},", 19_000) + "{}]")

// jsonDeep is an array in an array, and so on.
var jsonDeep = []byte(strings.Repeat("[", 50_000))

// packRows says that it has two thousand million elements, and brings none.
var packRows = binary.BigEndian.AppendUint32([]byte{0xDD}, 1<<31-1)

// packDeep is an array in an array, and so on.
var packDeep = bytes.Repeat([]byte{0x91}, 50_000)

// message is the length of a message of a streaming call, without the message.
var message = binary.BigEndian.AppendUint32(nil, 4<<20)

var bodies = []attack{
	{name: "announced and reset", conns: 4, run: many(sized("echo", 0), 0, reset)},
	{name: "messages announced and reset", conns: 4, run: many(frame.Open{Kind: frame.KindMessage, Size: 4 << 20, Name: []byte("t")}, 0, reset)},
	{name: "bodies that never come", conns: 20, run: stalled(sized("echo", 0), 17, 1, nil)},
	{name: "the same with metadata", conns: 4, run: stalled(sized("echo", 8000), 1024, 17, nil)},
	{name: "messages that never come", conns: 4, run: stalled(frame.Open{Kind: frame.KindMessage, Size: 4 << 20, Name: []byte("t")}, 1024, 1, nil)},
	{name: "streaming calls that announce", conns: 4, run: stalled(frame.Open{Kind: frame.KindStreamingCall, Name: []byte("chat")}, 1024, 17, message)},
	{name: "metadata of nobody", conns: 4, run: many(frame.Open{Kind: frame.KindCall, Name: []byte("none"), Metadata: pairs()}, frame.FlagFin, nothing)},
	{name: "JSON of many elements", conns: 4, honestly: true, run: typed(2, jsonRows)},
	{name: "JSON that is deep", conns: 4, honestly: true, run: typed(2, jsonDeep)},
	{name: "msgpack of many elements", conns: 4, honestly: true, run: typed(1, packRows)},
	{name: "msgpack that is deep", conns: 4, honestly: true, run: typed(1, packDeep)},
	{name: "a codec nobody knows", conns: 4, honestly: true, run: typed(200, []byte("x"))},
}

// pairs is as many pairs of metadata as may be.
func pairs() (block []byte) {
	for range frame.MaxMetadataPairs {
		block = frame.AppendMetadata(block, "key", make([]byte, 100))
	}
	return block
}
