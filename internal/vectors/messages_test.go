package vectors

import (
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestMessages plays the transcripts of messages.
func TestMessages(t *testing.T) {
	check(t, "messages.json", "Messages: acknowledged, refused, without an answer, without an id, and nested.", []*script{publish(t), withoutID(t), nested(t)})
}

// named is the metadata of a message with an id.
func named(first byte) []byte { return frame.AppendMetadata(nil, frame.MetaID, upFrom(first, 16)) }

func publish(t *testing.T) *script {
	x := newScript(t, "publish and nack", "The first message is acknowledged, the second refused, the third asks for no settlement; the second is published again.", "3.10", "8")
	news := func(id uint64, kind frame.Kind, meta, body []byte) []byte {
		return open(id, fin, frame.Open{Kind: kind, Codec: 2, Name: []byte("news"), Metadata: meta, Size: uint32(len(body)), Body: body})
	}
	publish := func(kind frame.Kind, meta, body []byte) {
		x.app(client, "publishes", func(r *real) { r.start(mux.Open{Kind: kind, Codec: 2, Name: "news", Metadata: meta}, body) })
	}
	x.begin()
	publish(frame.KindMessage, named(0xD1), []byte("{}"))
	x.send(client, news(1, frame.KindMessage, named(0xD1), []byte("{}")), "")
	x.app(server, "acknowledges", func(r *real) { r.got(1, []byte("{}")); r.reply(1, nil, nil) })
	x.send(server, answer(1, fin, frame.Head{}, nil), "the acknowledgement")
	publish(frame.KindMessage, named(0xE1), []byte("[]"))
	x.send(client, news(3, frame.KindMessage, named(0xE1), []byte("[]")), "")
	nack := frame.Head{Code: frame.FailedPrecondition, Text: "not now"}
	x.app(server, "refuses it", func(r *real) { r.got(3, []byte("[]")); r.reply(3, &nack, nil) })
	x.send(server, answer(3, fin, nack, nil), "a refusal, with its reason")
	x.app(client, "knows it", func(r *real) { r.wantAnswer(3, frame.FailedPrecondition, nil) })
	publish(frame.KindUnackedMessage, named(0xF1), []byte("1"))
	x.send(client, news(5, frame.KindUnackedMessage, named(0xF1), []byte("1")), "")
	x.app(server, "takes it", func(r *real) { r.got(5, []byte("1")); r.reply(5, nil, nil) })
	x.send(server, answer(5, fin, frame.Head{}, nil), "says only that it was taken")
	again := frame.AppendMetadata(named(0xE1), frame.MetaRedelivered, []byte{1})
	publish(frame.KindMessage, again, []byte("[]"))
	x.send(client, news(7, frame.KindMessage, again, []byte("[]")), "the id it had, and that it may be a copy")
	x.app(server, "acknowledges", func(r *real) { r.got(7, []byte("[]")); r.reply(7, nil, nil) })
	x.send(server, answer(7, fin, frame.Head{}, nil), "")
	x.end()
	return x
}

func withoutID(t *testing.T) *script {
	x := newScript(t, "messages without an id", "A message needs no id; then it cannot be recognized as a copy. Unknown keys of the protocol are ignored, and so is an id of another length.", "3.10", "8").only(server)
	x.begin()
	for i, meta := range [][]byte{nil, nil, frame.AppendMetadata(nil, ":later", []byte("?")), frame.AppendMetadata(nil, frame.MetaID, []byte{1, 2, 3})} {
		id := uint64(2*i + 1)
		x.send(client, open(id, fin, frame.Open{Kind: frame.KindMessage, Name: []byte("news"), Metadata: meta, Size: 1, Body: []byte("x")}), "")
		x.app(server, "acknowledges", func(r *real) { r.got(id, []byte("x")); r.reply(id, nil, nil) })
		x.send(server, answer(id, fin, frame.Head{}, nil), "")
	}
	x.end()
	return x
}

// nested has more messages than the server takes, at three depths.
func nested(t *testing.T) *script {
	x := newScript(t, "nested messages", "The server takes one message of each parent and depth at a time, and four on the link, where the first of each depth above 0 does not count.", "6.3").
		only(server).limit(func(l *frame.Limits) { l.Messages = 1 })
	x.begin()
	message := func(id uint64, parent uint64, depth uint8, note string) {
		x.send(client, open(id, fin, frame.Open{Kind: frame.KindMessage, Parent: parent, Depth: depth, Name: []byte("news"), Size: 1, Body: []byte("x")}), note)
	}
	var taken []uint64
	id := uint64(7)
	goes := func(parent uint64, depth uint8, note string) {
		message(id, parent, depth, note)
		taken = append(taken, id)
		id += 2
	}
	refused := func(parent uint64, depth uint8, note string) {
		message(id, parent, depth, note)
		x.send(server, reset(id, frame.ResourceExhausted, "too many calls or messages open"), "")
		id += 2
	}
	for parent := uint64(1); parent <= 5; parent += 2 {
		x.send(client, shell(parent, 0), "")
		x.app(server, "accepts it", func(r *real) { r.stream(parent).Accept() })
		x.send(server, credit(parent, 0), "")
	}
	goes(0, 1, "not counted on the link, though there is room")
	goes(0, 0, "1 on the link")
	refused(0, 0, "a second of its parent and depth")
	goes(1, 0, "2")
	goes(3, 0, "3")
	goes(1, 1, "4: there is another one of depth 1")
	refused(5, 0, "the link has four")
	refused(3, 1, "also for another one of depth 1")
	goes(3, 2, "the first of its depth")
	refused(5, 2, "the second")
	for _, id := range taken {
		x.app(server, "acknowledges", func(r *real) { r.reply(id, nil, nil) })
		x.send(server, answer(id, fin, frame.Head{}, nil), "")
	}
	for parent := uint64(1); parent <= 3; parent += 2 {
		x.send(client, stop(parent), "")
		x.send(client, data(parent, fin, nil), "")
		x.send(server, data(parent, fin, nil), "")
	}
	x.end2(5)
	return x
}
