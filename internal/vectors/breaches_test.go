package vectors

import (
	"bytes"
	"slices"

	"github.com/gantline-project/gantline/frame"
)

// breaches is all of refused.json. h and w are the handshake that is valid.
func breaches(h frame.Hello, w frame.Welcome) []*breach {
	return slices.Concat(badGreetings(h), badWelcomes(w), badFrames(), badLink(), badOpens(), badData(), badAnswers())
}

// change returns the encoded payload b with other bytes from off on.
func change(b []byte, off int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[off:], with)
	return b
}

func badGreetings(valid frame.Hello) []*breach {
	preface := frame.AppendPreface(nil, frame.Version)
	greet := func(hello []byte) [][]byte {
		return [][]byte{append(bytes.Clone(preface), link(frame.TypeHello, hello)...)}
	}
	with := func(f func(*frame.Hello)) [][]byte {
		h := valid
		f(&h)
		return greet(frame.AppendHello(nil, &h))
	}
	plain := frame.AppendHello(nil, &valid)
	r := func(name, rule string, frames [][]byte, want string, code frame.Code) *breach {
		return &breach{name: name, rule: rule, to: server, raw: true, frames: frames, want: want, code: code}
	}
	return []*breach{
		r("an HTTP request", "1", [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}, closes, 0),
		r("a preface with one wrong byte", "1", [][]byte{change(preface, 5, '\n')}, closes, 0),
		r("another version", "1", [][]byte{frame.AppendPreface(nil, 2)}, version, 0),
		r("the first frame is not HELLO", "5.1", [][]byte{append(bytes.Clone(preface), link(frame.TypePing, make([]byte, 40))...)}, closes, 0),
		r("HELLO: no version", "3.2", greet(change(plain, 0, 0)), closes, 0),
		r("HELLO: greatest version below the least", "3.2", greet(change(plain, 0, 2, 1)), closes, 0),
		r("HELLO: versions that the server does not speak", "5.1", greet(change(plain, 0, 2, 3)), refuses, frame.Unimplemented),
		r("HELLO: max payload below 16384", "3.1", with(func(h *frame.Hello) { h.Limits.MaxPayload = 16383 }), closes, 0),
		r("HELLO: backlog 0", "3.1", with(func(h *frame.Hello) { h.Limits.Backlog = 0 }), closes, 0),
		r("HELLO: more than 2^24 streams", "3.1", with(func(h *frame.Hello) { h.Limits.Streams = 1<<24 + 1 }), closes, 0),
		r("HELLO: heartbeat below 1 s", "5.1", with(func(h *frame.Hello) { h.Heartbeat = 999 }), refuses, frame.InvalidArgument),
		r("HELLO: a key that leads to zero", "5.1", with(func(h *frame.Hello) { h.Share = [32]byte{} }), refuses, frame.InvalidArgument),
		r("HELLO: an id with a control character", "3.2", with(func(h *frame.Hello) { h.ID = "c\n" }), closes, 0),
		r("HELLO: an id of 129 bytes", "3.2", with(func(h *frame.Hello) { h.ID = string(bytes.Repeat([]byte("c"), 129)) }), closes, 0),
		r("HELLO: 2 in place of 0 or 1", "3.2", greet(change(plain, len(plain)-1, 2)), closes, 0),
		r("HELLO: a resume block that is cut short", "3.2", greet(append(change(plain, len(plain)-1, 1), make([]byte, 87)...)), closes, 0),
		r("HELLO: bit 0 of the features, and no hash", "3.2", greet(change(plain, 5, 1)), closes, 0),
		r("HELLO: bit 0 of the features, and half a hash", "3.2", greet(append(change(plain, 5, 1), make([]byte, 16)...)), closes, 0),
		r("HELLO: a payload over 8192 bytes", "2.1", greet(append(bytes.Clone(plain), make([]byte, 8193-len(plain))...)), closes, 0),
	}
}

func badWelcomes(valid frame.Welcome) []*breach {
	with := func(f func(*frame.Welcome)) []byte {
		w := valid
		f(&w)
		return link(frame.TypeWelcome, frame.AppendWelcome(nil, &w))
	}
	r := func(name, rule string, b []byte) *breach {
		return &breach{name: name, rule: rule, to: client, raw: true, frames: [][]byte{b}, want: closes}
	}
	return []*breach{
		r("another version", "1", frame.AppendPreface(nil, 2)),
		r("a sequenced frame before WELCOME", "5.1", data(0, early, []byte("abc"))),
		r("WELCOME: a feature that was not offered", "5.1", with(func(w *frame.Welcome) { w.Features = 1 })),
		r("WELCOME: a version that was not offered", "3.3", with(func(w *frame.Welcome) { w.Version = 2 })),
		r("WELCOME: no client id", "5.1", with(func(w *frame.Welcome) { w.ClientID = "" })),
		r("WELCOME: a resumed block where nothing is resumed", "9", with(func(w *frame.Welcome) { w.Resumed = new(frame.ResumeWelcome) })),
		r("WELCOME: a key that leads to zero", "5.1", with(func(w *frame.Welcome) { w.Share = [32]byte{} })),
		r("WELCOME: heartbeat above 300 s", "5.1", with(func(w *frame.Welcome) { w.Heartbeat = 300001 })),
		r("WELCOME: body limit 0", "3.1", with(func(w *frame.Welcome) { w.Limits.Body = 0 })),
		r("REFUSE: a third kind of end", "3.5", link(frame.TypeRefuse, change(frame.AppendRefuse(nil, &frame.Refuse{Code: frame.NotFound}), 14, 3))),
	}
}

// inSession is frames that end a session which is up, at its server.
func inSession(name, rule string, frames ...[]byte) *breach {
	return &breach{name: name, rule: rule, to: server, frames: frames, want: byes, code: frame.Internal}
}

func header(t frame.Type, flags frame.Flags, id uint64, length uint32) []byte {
	return frame.AppendHeader(nil, frame.Header{Type: t, Flags: flags, ID: id, Length: length})
}

func badFrames() []*breach {
	return []*breach{
		inSession("an unknown type without bit 6", "2", header(0x88, 0, 0, 0)),
		inSession("a payload over the limit announced", "2.1", header(frame.TypeData, early, 0, 16385)),
		inSession("a skippable frame over the limit announced", "2.1", header(0x41, 0, 0, 16385)),
		inSession("a PING that is too short", "2.1", link(frame.TypePing, make([]byte, 39))),
		inSession("an ACK that is too long", "2.1", link(frame.TypeAck, make([]byte, 33))),
		inSession("an ACK with the id of a stream", "2.1", encode(frame.Header{Type: frame.TypeAck, ID: 1}, make([]byte, 32))),
		inSession("OPEN with id 0", "2.1", open(0, 0, frame.Open{})),
		inSession("an unknown flag", "2.1", encode(frame.Header{Type: frame.TypeCredit, Flags: 16}, make([]byte, 4))),
		inSession("CREDIT with FIN", "2.1", encode(frame.Header{Type: frame.TypeCredit, Flags: fin}, make([]byte, 4))),
		inSession("FIN with BLOCKED", "2.2", data(0, fin|blocked, nil)),
		inSession("EARLY without payload", "2.2", data(0, early|fin, nil)),
		inSession("DATA that says nothing", "2.2", data(0, 0, nil)),
		inSession("a second HELLO", "5.1", link(frame.TypeHello, make([]byte, 113))),
		inSession("WELCOME to a server", "5.1", link(frame.TypeWelcome, make([]byte, 126))),
		inSession("RESET: bytes after the text", "3.11", encode(frame.Header{Type: frame.TypeReset}, []byte{0, 1, 0, 1, 'a', 'b'})),
		inSession("STOP: a text that is cut short", "3.11", encode(frame.Header{Type: frame.TypeStop}, []byte{0, 1, 0, 2, 'a'})),
		inSession("SETTINGS: more than 2^24 calls", "3.11", link(frame.TypeSettings, frame.AppendSettings(nil, &frame.Settings{Calls: 1<<24 + 1}))),
		inSession("DRAIN: bytes after the address", "3.11", link(frame.TypeDrain, append(frame.AppendDrain(nil, &frame.Drain{}), 0))),
	}
}

func badLink() []*breach {
	ack := func(a frame.Ack) []byte { return link(frame.TypeAck, frame.AppendAck(nil, a)) }
	often := func(name string, b []byte) *breach {
		x := inSession(name, "5.7", b)
		x.repeat, x.code = 1001, frame.ResourceExhausted
		return x
	}
	calls := func(name, rule string, frames ...[]byte) *breach {
		x := inSession(name, rule, frames...)
		x.to, x.calls = client, true
		return x
	}
	position := uint64(frame.HeaderLen + 22 + 4 + 1) // of the call
	return []*breach{
		inSession("ACK: more than was sent", "5.3", ack(frame.Ack{Position: 1})),
		inSession("ACK: more released than was sent early", "5.3", ack(frame.Ack{Released: [frame.Groups]uint64{0, 0, 1}})),
		calls("ACK: the position goes back", "5.3", ack(frame.Ack{Position: position}), ack(frame.Ack{})),
		calls("ACK: a counter goes back", "5.3", ack(frame.Ack{Position: position, Released: [frame.Groups]uint64{0, 1, 0}}), ack(frame.Ack{Position: position})),
		inSession("BYE: more than was sent", "5.5", link(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{Position: 1}))),
		often("1001 PINGs at once", link(frame.TypePing, make([]byte, 40))),
		often("1001 ACKs that say nothing new", ack(frame.Ack{})),
		often("1001 PONGs without a PING", link(frame.TypePong, make([]byte, 40))),
		often("1001 frames of an unknown type", header(0x41, 0, 0, 0)),
	}
}
