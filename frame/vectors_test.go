package frame

import (
	"bytes"
	"strings"
)

// A vector is one frame in both forms. Its bytes live in testdata/<type>.hex.
type vector struct {
	name  string
	h     Header // Length is filled in from the payload
	value any
	enc   func(b []byte) []byte
	dec   func(p []byte) (any, error)
}

// data is the payload of a DATA frame.
type data struct {
	Head *Head
	Body []byte
}

func appendData(b []byte, x *data) []byte {
	if x.Head != nil && (!x.Head.empty() || len(x.Body) > 0) {
		b = AppendHead(b, x.Head)
	}
	return append(b, x.Body...)
}

func parseHeadData(p []byte) (data, error) {
	h, body, err := ParseHead(p)
	return data{&h, body}, err
}

func parseData(p []byte) (data, error) { return data{nil, p}, nil }

func vec[T any](name string, h Header, x T, enc func([]byte, *T) []byte, dec func([]byte) (T, error)) vector {
	return vector{name, h, x,
		func(b []byte) []byte { return enc(b, &x) },
		func(p []byte) (any, error) { return dec(p) },
	}
}

// byPtr turns an AppendX that takes a value into one that takes a pointer.
func byPtr[T any](f func([]byte, T) []byte) func([]byte, *T) []byte {
	return func(b []byte, x *T) []byte { return f(b, *x) }
}

func seq[A [16]byte | [32]byte](first byte) (a A) {
	for i := range len(a) {
		a[i] = first + byte(i)
	}
	return a
}

var testLimits = Limits{
	MaxPayload: 64 << 10, Streams: 1024, Calls: 1024, Messages: 1024, Backlog: 256,
	EarlyStream: 64 << 10, EarlyPool: [Groups]uint32{4 << 20, 4 << 20, 4 << 20}, Log: 512 << 10, Body: 4 << 20,
}

var testHello = Hello{
	MinVersion: 1, MaxVersion: 1, Limits: testLimits, Heartbeat: 15000, Expiry: 60000,
	Share: seq[[32]byte](0x20), Nonce: seq[[16]byte](0x10),
}

var testWelcome = Welcome{
	Version: 1, Limits: testLimits, Heartbeat: 15000, Expiry: 60000,
	Session: seq[[16]byte](0xA0), Share: seq[[32]byte](0x40), Nonce: seq[[16]byte](0x30),
	ServerID: "hub", ClientID: "c1",
}

func with[T any](x T, change func(*T)) T {
	change(&x)
	return x
}

var methodsBody = AppendMethods(AppendMethods(nil, true, "echo", "news"), false, "old")

var messageMeta = AppendMetadata(AppendMetadata(nil, MetaID, bytes.Repeat([]byte{0xD1}, 16)), "lang", []byte("en"))

// vectors are the examples of docs/PROTOCOL.md, grouped by frame type.
var vectors = []vector{
	vec("least", Header{Type: TypeHello}, testHello, AppendHello, ParseHello),
	vec("id, codecs, meta, auth and a field of a later version", Header{Type: TypeHello}, with(testHello, func(x *Hello) {
		x.Features, x.Codecs, x.ID = 1<<31, []byte{0, 1, 2, 128}, "worker-7"
		x.Meta, x.Auth, x.Extra = []byte("eu-west"), []byte("token"), []byte{0xEE}
	}), AppendHello, ParseHello),
	vec("resume", Header{Type: TypeHello}, with(testHello, func(x *Hello) {
		x.ID = "c1"
		x.Resume = &ResumeHello{Session: seq[[16]byte](0xA0), Epoch: 2, Position: 70000, Released: [Groups]uint64{65536, 300, 0}, MAC: seq[[32]byte](0x60)}
	}), AppendHello, ParseHello),

	vec("new session", Header{Type: TypeWelcome}, testWelcome, AppendWelcome, ParseWelcome),
	vec("meta and a field of a later version", Header{Type: TypeWelcome}, with(testWelcome, func(x *Welcome) {
		x.Features, x.Meta, x.Extra = 1<<31, []byte("v2"), []byte{0xEE}
	}), AppendWelcome, ParseWelcome),
	vec("resumed", Header{Type: TypeWelcome}, with(testWelcome, func(x *Welcome) {
		x.Resumed = &ResumeWelcome{Position: 81920, Released: [Groups]uint64{0, 4096, 16}, MAC: seq[[32]byte](0x80)}
	}), AppendWelcome, ParseWelcome),

	vec("bytes of the server's choice", Header{Type: TypeChallenge}, Challenge{[]byte("salt-0001")}, AppendChallenge, ParseChallenge),
	vec("answer", Header{Type: TypeProof}, Proof{[]byte{0xC0, 0xFF, 0xEE}}, AppendProof, ParseProof),
	vec("bad token", Header{Type: TypeRefuse}, Refuse{Code: Unauthenticated, Text: "token expired"}, AppendRefuse, ParseRefuse),
	vec("busy, go elsewhere", Header{Type: TypeRefuse},
		Refuse{Code: Unavailable, Text: "full", RetryAfter: 2000, Addr: "hub2:7000"}, AppendRefuse, ParseRefuse),
	vec("stale epoch", Header{Type: TypeRefuse}, Refuse{Code: Aborted, Epoch: 7}, AppendRefuse, ParseRefuse),
	vec("proved session, gone", Header{Type: TypeRefuse},
		Refuse{Code: NotFound, HasPosition: true, Position: 4096}, AppendRefuse, ParseRefuse),
	vec("proved session, closed", Header{Type: TypeRefuse},
		Refuse{Code: Unavailable, HasPosition: true, Position: 4096, Closed: true, Text: "bye"}, AppendRefuse, ParseRefuse),

	vec("ping", Header{Type: TypePing}, Ping{0x0102030405060708, Ack{1000, [Groups]uint64{1, 2, 3}}}, AppendPing, ParsePing),
	vec("its answer", Header{Type: TypePong}, Ping{0x0102030405060708, Ack{2000, [Groups]uint64{}}}, AppendPing, ParsePing),
	vec("nothing received", Header{Type: TypeAck}, Ack{}, byPtr(AppendAck), ParseAck),
	vec("position and released bytes", Header{Type: TypeAck},
		Ack{1<<40 + 24, [Groups]uint64{65536, 1 << 33, 640}}, byPtr(AppendAck), ParseAck),
	vec("regular", Header{Type: TypeBye}, Bye{Position: 123456}, AppendBye, ParseBye),
	vec("with a reason", Header{Type: TypeBye}, Bye{Code: Unavailable, Text: "restarting", Position: 12}, AppendBye, ParseBye),

	vec("stream without a name", Header{Type: TypeOpen, ID: 1}, Open{Kind: KindStream}, AppendOpen, ParseOpen),
	vec("small call, complete", Header{Type: TypeOpen, Flags: FlagFin, ID: 3},
		Open{Kind: KindCall, Timeout: 30000, Size: 5, Name: []byte("echo"), Body: []byte("hello")}, AppendOpen, ParseOpen),
	vec("message with an id and a pair of the user", Header{Type: TypeOpen, Flags: FlagFin, ID: 5},
		Open{Kind: KindMessage, Codec: 2, Size: 2, Name: []byte("news"), Metadata: messageMeta, Body: []byte("{}")}, AppendOpen, ParseOpen),
	vec("streaming call inside a handler, on a stream", Header{Type: TypeOpen, ID: MaxID},
		Open{Kind: KindStreamingCall, Depth: 1, Codec: 1, Parent: MaxID - 2, Name: []byte("tail")}, AppendOpen, ParseOpen),
	vec("void", Header{Type: TypeOpen, Flags: FlagFin, ID: 7},
		Open{Kind: KindVoid, Size: 2, Name: []byte("echo"), Body: []byte("hi")}, AppendOpen, ParseOpen),

	vec("body on credit", Header{Type: TypeData, ID: 1}, data{nil, []byte("abc")}, appendData, parseData),
	vec("early body", Header{Type: TypeData, Flags: FlagEarly, ID: 1}, data{nil, []byte("abc")}, appendData, parseData),
	vec("last body bytes", Header{Type: TypeData, Flags: FlagFin, ID: 1}, data{nil, []byte("z")}, appendData, parseData),
	vec("bare FIN", Header{Type: TypeData, Flags: FlagFin, ID: 1}, data{nil, []byte{}}, appendData, parseData),
	vec("out of credit", Header{Type: TypeData, Flags: FlagBlocked}, data{nil, []byte{}}, appendData, parseData),
	vec("OK and nothing else: a message's ack", Header{Type: TypeData, Flags: FlagFin | FlagHead, ID: 5},
		data{&Head{}, nil}, appendData, parseHeadData),
	vec("OK and a body: a small answer", Header{Type: TypeData, Flags: FlagFin | FlagHead | FlagEarly, ID: 3},
		data{&Head{}, []byte("hello")}, appendData, parseHeadData),
	vec("first part of a large answer", Header{Type: TypeData, Flags: FlagHead | FlagEarly, ID: 3},
		data{&Head{Size: 1 << 20}, []byte{1, 2, 3, 4}}, appendData, parseHeadData),
	vec("error with text, detail and metadata", Header{Type: TypeData, Flags: FlagFin | FlagHead, ID: 3},
		data{&Head{Code: NotFound, Text: "no such key", Detail: []byte{1, 2}, Metadata: AppendMetadata(nil, "k", []byte("v"))}, []byte{}},
		appendData, parseHeadData),

	vec("64 KiB more", Header{Type: TypeCredit, ID: 1}, uint32(65536), byPtr(AppendCredit), ParseCredit),
	vec("accepted, nothing granted", Header{Type: TypeCredit, ID: 1}, uint32(0), byPtr(AppendCredit), ParseCredit),
	vec("canceled", Header{Type: TypeReset, ID: 3}, Reset{Code: Canceled}, AppendReset, ParseReset),
	vec("with text", Header{Type: TypeReset, ID: 3}, Reset{ResourceExhausted, strings.Repeat("too many calls ", 2)}, AppendReset, ParseReset),
	vec("reader is gone", Header{Type: TypeStop, ID: 1}, Stop{Code: Canceled, Text: "closed"}, AppendStop, ParseStop),
	vec("restart", Header{Type: TypeDrain}, Drain{LastID: 41, Code: Unavailable, RetryAfter: 250, Text: "restart", Addr: "hub2:7000"}, AppendDrain, ParseDrain),
	vec("new maxima", Header{Type: TypeSettings}, Settings{Streams: 10, Calls: 2000, Messages: 0}, AppendSettings, ParseSettings),

	// Last, as the numbers of those above are in the names of seeds.
	vec("asks for the names of methods", Header{Type: TypeOpen, Flags: FlagFin, ID: 9},
		Open{Kind: KindNotify, Name: []byte(NameWatch)}, AppendOpen, ParseOpen),
	vec("two methods added, one removed", Header{Type: TypeOpen, Flags: FlagFin, ID: 10},
		Open{Kind: KindNotify, Size: uint32(len(methodsBody)), Name: []byte(NameMethods), Body: methodsBody}, AppendOpen, ParseOpen),
	vec("resume over TLS, with the exporter's hash", Header{Type: TypeHello}, with(testHello, func(x *Hello) {
		x.Features, x.ID, x.Exporter = FeatureBound, "c1", seq[[32]byte](0xC0)
		x.Resume = &ResumeHello{Session: seq[[16]byte](0xA0), Epoch: 2, Position: 70000, Released: [Groups]uint64{65536, 300, 0}, MAC: seq[[32]byte](0x60)}
	}), AppendHello, ParseHello),
}

// bytes returns the whole frame.
func (v *vector) bytes() []byte {
	p := v.enc(nil)
	h := v.h
	h.Length = uint32(len(p))
	return append(AppendHeader(nil, h), p...)
}
