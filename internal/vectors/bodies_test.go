package vectors

import (
	"bytes"
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestBodies plays the transcripts of bodies that need credit.
func TestBodies(t *testing.T) {
	check(t, "bodies.json", "Bodies that do not fit the early window. Both sides announce one of 1024 bytes for each stream.", []*script{
		largeBody(t), plainSender(t),
	})
}

func smallWindow(l *frame.Limits) { l.EarlyStream = 1024 }

// body is n bytes of text.
func body(n int) []byte { return bytes.Repeat([]byte("gantline"), n/8+1)[:n] }

func largeBody(t *testing.T) *script {
	x := newScript(t, "large body, large answer", "A body of 6000 bytes and an answer of 3000.", "6.4", "6.5", "7").limit(smallWindow)
	b, a := body(6000), body(3000)
	x.begin()
	x.app(client, `calls "store" with 6000 bytes`, func(r *real) { r.start(mux.Open{Kind: frame.KindCall, Name: "store"}, b) })
	x.send(client, open(1, 0, frame.Open{Kind: frame.KindCall, Name: []byte("store"), Size: 6000, Body: b[:1024]}), "all of the early window, in OPEN; size is the whole body")
	x.send(client, data(1, blocked, nil), "there is more, and nothing left to send it with")
	x.send(server, credit(1, 6000-1024), "somebody waits for this body: the rest of it is granted")
	x.send(client, data(1, 0, b[1024:1024+4096]), "on the grant, so without EARLY")
	x.send(client, data(1, fin, b[1024+4096:]), "FIN with the last byte")
	x.app(server, "answers with 3000 bytes", func(r *real) { r.got(1, b); r.reply(1, nil, a) })
	x.send(server, answer(1, early, frame.Head{Size: 3000}, a[:1024]), "HEAD says the size, as more frames follow; its 12 bytes are free")
	x.send(server, data(1, blocked, nil), "")
	x.send(client, credit(1, 3000-1024), "the caller grants the rest")
	x.send(server, data(1, fin, a[1024:]), "")
	x.app(client, "has the answer", func(r *real) { r.wantAnswer(1, frame.OK, a) })
	x.end()
	return x
}

func plainSender(t *testing.T) *script {
	x := newScript(t, "a sender that does the least", "BLOCKED is never said, FIN stands alone after the last byte, and the early window is used after OPEN.", "6.4").limit(smallWindow).only(server)
	b := body(2000)
	x.begin()
	x.send(client, open(1, 0, frame.Open{Kind: frame.KindCall, Name: []byte("store"), Size: 2000}), "no body yet")
	x.send(server, credit(1, 2000), "all of it is granted")
	x.send(client, data(1, 0, b[:1000]), "")
	x.send(client, data(1, 0, b[1000:]), "the last byte")
	x.send(client, data(1, fin, nil), "and a FIN of its own")
	x.app(server, "answers", func(r *real) { r.got(1, b); r.reply(1, nil, nil) })
	x.send(server, answer(1, fin, frame.Head{}, nil), "")
	x.send(client, open(3, 0, frame.Open{Kind: frame.KindCall, Name: []byte("store")}), "size 0: not known at the start")
	x.cross(server, credit(3, 256<<10), "a body of unknown size is granted in parts", data(3, early, b[:600]), "sent before the grant arrived")
	x.send(client, data(3, 0, b[600:1400]), "")
	x.send(client, data(3, fin, nil), "")
	x.app(server, "answers", func(r *real) { r.got(3, b[:1400]); r.reply(3, nil, nil) })
	x.send(server, answer(3, fin, frame.Head{}, nil), "")
	x.end()
	return x
}
