package vectors

import (
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestDrain plays the transcript of DRAIN.
func TestDrain(t *testing.T) {
	check(t, "drain.json", "A server that takes no new work.", []*script{drained(t)})
}

func drained(t *testing.T) *script {
	x := newScript(t, "drain", "The server drains while a call is on its way. What is open goes on, and so do calls to the handlers of an open stream.", "6.8", "6.2")
	x.begin()
	x.opened(1)
	x.app(server, "drains", func(r *real) { r.mux.Drain(frame.Drain{Code: frame.Unavailable, Text: "restart"}) })
	x.app(client, "calls before that has arrived", func(r *real) { r.start(mux.Open{Kind: frame.KindCall, Name: "echo"}, []byte("x")) })
	x.cross(server, drain(1, frame.Unavailable, "restart"), "ids above 1 are not served",
		open(3, fin, frame.Open{Kind: frame.KindCall, Name: []byte("echo"), Size: 1, Body: []byte("x")}), "")
	x.send(server, reset(3, frame.Unavailable, "draining: not executed"), "nothing was run")
	x.app(client, "knows it; calls a handler of stream 1", func(r *real) {
		r.wantDrained(3)
		r.start(mux.Open{Kind: frame.KindCall, Parent: 1, Name: "size"}, nil)
	})
	x.send(client, open(5, fin, frame.Open{Kind: frame.KindCall, Parent: 1, Name: []byte("size")}), "")
	x.app(server, "answers", func(r *real) { r.got(5, nil); r.reply(5, nil, []byte("24")) })
	x.send(server, answer(5, fin|early, frame.Head{}, []byte("24")), "")
	x.app(client, "writes on stream 1 and closes it", func(r *real) {
		r.wantAnswer(5, frame.OK, []byte("24"))
		r.write(1, []byte("bye"))
	})
	x.send(client, data(1, early, []byte("bye")), "")
	x.app(server, "reads", func(r *real) { r.read(1, []byte("bye")) })
	x.send(server, credit(1, 256<<10), "")
	x.app(client, "closes the stream", func(r *real) { _ = r.stream(1).Close() })
	x.send(client, stop(1), "")
	x.send(client, data(1, fin, nil), "")
	x.send(server, data(1, fin, nil), "")
	x.end()
	return x
}
