package vectors

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestCalls plays the transcripts of calls.
func TestCalls(t *testing.T) {
	check(t, "calls.json", "Sessions with calls, from the handshake to the regular end.", []*script{
		helloCall(t), callsBack(t), streamingCall(t), givenUp(t), foreignCodec(t), nestedCalls(t),
	})
}

func helloCall(t *testing.T) *script {
	x := newScript(t, "hello, call", "A session begins, the client calls echo, and the client ends the session.", "5.1", "5.5", "7")
	x.begin()
	x.app(client, `calls "echo" with the body "hello" and 30 s`, func(r *real) {
		r.start(mux.Open{Kind: frame.KindCall, Name: "echo", Timeout: 30 * time.Second}, []byte("hello"))
	})
	x.send(client, open(1, fin, frame.Open{Kind: frame.KindCall, Timeout: 30000, Name: []byte("echo"), Size: 5, Body: []byte("hello")}), "a small call is one frame")
	x.app(server, "answers with the body", func(r *real) {
		r.got(1, []byte("hello"))
		r.reply(1, nil, []byte("hello"))
	})
	x.send(server, answer(1, fin|early, frame.Head{}, []byte("hello")), "and so is a small answer: its id has ended on both sides")
	x.app(client, "has the answer", func(r *real) { r.wantAnswer(1, frame.OK, []byte("hello")) })
	x.end()
	return x
}

func callsBack(t *testing.T) *script {
	x := newScript(t, "calls back, notifies", "The server calls the client, which answers with an error; a notify each way; a call inside a handler.", "3.9", "6.3", "7")
	x.begin()
	x.app(server, `calls "find" without a body`, func(r *real) { r.start(mux.Open{Kind: frame.KindCall, Name: "find"}, nil) })
	x.send(server, open(2, fin, frame.Open{Kind: frame.KindCall, Name: []byte("find")}), "the server's ids are even")
	failure := frame.Head{Code: frame.NotFound, Text: "no such key", Detail: []byte{1, 2}, Metadata: frame.AppendMetadata(nil, "shard", []byte("7"))}
	x.app(client, "answers NotFound with text, detail and metadata", func(r *real) {
		r.got(2, nil)
		r.reply(2, &failure, nil)
	})
	x.send(client, answer(2, fin, failure, nil), "a failure is a HEAD block: its metadata is the rest of the block, without a length")
	x.app(server, "has the answer", func(r *real) { r.wantAnswer(2, frame.NotFound, nil) })
	x.app(client, `notifies "tick" with "1" and metadata`, func(r *real) {
		r.start(mux.Open{Kind: frame.KindNotify, Name: "tick", Metadata: frame.AppendMetadata(nil, "k", []byte("v"))}, []byte("1"))
	})
	x.send(client, open(1, fin, frame.Open{Kind: frame.KindNotify, Name: []byte("tick"), Size: 1, Metadata: frame.AppendMetadata(nil, "k", []byte("v")), Body: []byte("1")}), "in OPEN the metadata block has a length before it")
	x.app(server, "starts its handler", func(r *real) {
		r.got(1, []byte("1"))
		r.reply(1, nil, nil)
	})
	x.send(server, answer(1, fin, frame.Head{}, nil), "an end without a body")
	x.app(client, `calls "outer"`, func(r *real) { r.start(mux.Open{Kind: frame.KindCall, Name: "outer"}, nil) })
	x.send(client, open(3, fin, frame.Open{Kind: frame.KindCall, Name: []byte("outer")}), "")
	x.app(server, `calls "inner" from the handler of "outer"`, func(r *real) {
		r.got(3, nil)
		r.start(mux.Open{Kind: frame.KindCall, Name: "inner", Depth: 1}, nil)
	})
	x.send(server, open(4, fin, frame.Open{Kind: frame.KindCall, Depth: 1, Name: []byte("inner")}), "one deeper than the call that it serves")
	x.app(client, "answers", func(r *real) { r.got(4, nil); r.reply(4, nil, nil) })
	x.send(client, answer(4, fin, frame.Head{}, nil), "")
	x.app(server, `answers "outer"`, func(r *real) { r.reply(3, nil, nil) })
	x.send(server, answer(3, fin, frame.Head{}, nil), "")
	x.end()
	return x
}

// nestedCalls has more calls than the server takes, at three depths.
func nestedCalls(t *testing.T) *script {
	x := newScript(t, "nested calls", "The server takes four calls of depth 0 and one of the other depths together, where the first of each does not count.", "6.3").
		only(server).limit(func(l *frame.Limits) { l.Calls = 4 })
	x.begin()
	id := uint64(1)
	var taken []uint64
	call := func(kind frame.Kind, depth uint8, goes bool, note string) {
		x.send(client, open(id, fin, frame.Open{Kind: kind, Depth: depth, Name: []byte("sum"), Size: 1, Body: []byte("x")}), note)
		if goes {
			taken = append(taken, id)
		} else {
			x.send(server, reset(id, frame.ResourceExhausted, "too many calls or messages open"), "")
		}
		id += 2
	}
	call(frame.KindCall, 1, true, "the first of its depth: not counted")
	call(frame.KindNotify, 1, true, "the one that counts")
	call(frame.KindCall, 1, false, "one too many")
	call(frame.KindCall, 2, true, "the first of its depth")
	call(frame.KindCall, 2, false, "the second")
	for range 4 {
		call(frame.KindCall, 0, true, "")
	}
	call(frame.KindCall, 0, false, "a fifth")
	for _, id := range taken {
		x.app(server, "answers", func(r *real) { r.reply(id, nil, nil) })
		x.send(server, answer(id, fin, frame.Head{}, nil), "")
	}
	x.end()
	return x
}

// message is a message of a streaming call.
func message(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

func streamingCall(t *testing.T) *script {
	x := newScript(t, "streaming call", "Messages in both directions, the caller's FIN, and the trailer.", "6.5", "7")
	x.begin()
	x.app(client, `opens the streaming call "sum"`, func(r *real) { r.openStream(mux.Open{Kind: frame.KindStreamingCall, Name: "sum"}) })
	x.send(client, open(1, 0, frame.Open{Kind: frame.KindStreamingCall, Name: []byte("sum")}), "")
	x.app(client, `sends "10"`, func(r *real) { r.write(1, message("10")) })
	x.send(client, data(1, early, message("10")), "u32 length and bytes; borders of frames mean nothing")
	x.app(server, "receives it", func(r *real) { r.read(1, message("10")) })
	x.send(server, credit(1, 256<<10), "somebody reads: a first window")
	x.app(client, `sends "20" and ends its direction`, func(r *real) {
		r.write(1, message("20"))
		r.closeWrite(1)
	})
	x.send(client, data(1, 0, message("20")), "there is credit now, so it is used first")
	x.send(client, data(1, fin, nil), "")
	x.app(server, `receives it, sends "30" and ends with OK`, func(r *real) {
		r.read(1, message("20"))
		r.wantEOF(1)
		r.write(1, message("30"))
		st := r.stream(1)
		r.run(func() { _ = st.CloseWriteHead(&frame.Head{}) })
	})
	x.send(server, data(1, early, message("30")), "")
	x.send(server, answer(1, fin, frame.Head{}, nil), "the trailer: HEAD and FIN, no body")
	x.app(client, "receives it and the end", func(r *real) {
		r.read(1, message("30"))
		r.wantEOF(1)
	})
	x.end()
	return x
}

func givenUp(t *testing.T) *script {
	x := newScript(t, "a call given up", "The caller resets a call while its handler runs. The slot is free when the handler has returned.", "6.3", "6.6", "7")
	x.begin()
	var call *mux.Exchange
	x.app(client, `calls "slow"`, func(r *real) { call = r.start(mux.Open{Kind: frame.KindCall, Name: "slow"}, nil) })
	x.send(client, open(1, fin, frame.Open{Kind: frame.KindCall, Name: []byte("slow")}), "")
	x.app(client, "gives it up", func(*real) { call.Cancel(frame.Canceled, "not needed") })
	x.send(client, reset(1, frame.Canceled, "not needed"), "after FIN: it ends the other direction")
	x.app(server, "returns from the handler", func(r *real) { r.got(1, nil); r.reply(1, nil, []byte("late")) })
	x.send(server, data(1, fin, nil), "the answer is dropped; only the end is sent")
	x.end()
	return x
}

func foreignCodec(t *testing.T) *script {
	x := newScript(t, "a codec that no list has", "A receiver takes any codec: what it cannot read, its application refuses.", "3.2", "3.8").only(server)
	x.begin()
	x.send(client, open(1, fin, frame.Open{Kind: frame.KindCall, Codec: 77, Name: []byte("echo"), Size: 1, Body: []byte{7}}), "")
	x.app(server, "gets the bytes, and cannot read them", func(r *real) {
		if c := r.got(1, []byte{7}).Codec; c != 77 {
			r.t.Errorf("codec %d", c)
		}
		r.reply(1, &frame.Head{Code: frame.Unimplemented, Text: "codec 77"}, nil)
	})
	x.send(server, answer(1, fin, frame.Head{Code: frame.Unimplemented, Text: "codec 77"}, nil), "")
	x.end()
	return x
}
