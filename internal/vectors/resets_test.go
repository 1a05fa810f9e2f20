package vectors

import (
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestResets plays the transcripts of RESET and STOP.
func TestResets(t *testing.T) {
	check(t, "resets.json", "RESET and STOP in each state of a stream.", []*script{resets(t), lateFrames(t), refusedOpens(t)})
}

// opened is a stream of the client's that the server has accepted.
func (x *script) opened(id uint64) {
	x.t.Helper()
	x.app(client, "opens a stream", func(r *real) { r.openStream(mux.Open{Kind: frame.KindStream, Name: "shell"}) })
	x.send(client, shell(id, 0), "")
	x.app(server, "accepts it", func(r *real) { r.stream(id).Accept() })
	x.send(server, credit(id, 0), "")
}

func resets(t *testing.T) *script {
	x := newScript(t, "reset in each state", "Five streams of the client's, reset in the states open, half-sent, half-received and resetting, and one stopped.", "6.6", "6.7")
	abort := func(id uint64) func(*real) {
		return func(r *real) { _ = r.stream(id).Reset(frame.Aborted, "") }
	}
	wantAborted := func(id uint64) func(*real) { return func(r *real) { r.wantReset(id, frame.Aborted) } }
	x.begin()

	x.opened(1)
	x.app(client, "resets it: open", abort(1))
	x.send(client, reset(1, frame.Aborted, ""), "")
	x.send(server, data(1, fin, nil), "every RESET is answered")
	x.app(server, "reads the reset", wantAborted(1))

	x.opened(3)
	x.app(client, "ends its direction", func(r *real) { r.closeWrite(3) })
	x.send(client, data(3, fin, nil), "")
	x.app(client, "resets it: half-sent", abort(3))
	x.send(client, reset(3, frame.Aborted, ""), "after FIN: for the other direction")
	x.send(server, data(3, fin, nil), "")

	x.opened(5)
	x.app(server, "ends its direction", func(r *real) { r.closeWrite(5) })
	x.send(server, data(5, fin, nil), "")
	x.app(client, "resets it: half-received", abort(5))
	x.send(client, reset(5, frame.Aborted, ""), "no answer: the server's direction has ended already")

	x.opened(7)
	x.app(server, "resets it", abort(7))
	x.app(client, "resets it too, before that has arrived", abort(7))
	x.cross(client, reset(7, frame.Aborted, ""), "the two pass each other", reset(7, frame.Aborted, ""), "each is the answer to the other")

	x.opened(9)
	x.app(server, "reads no more", func(r *real) { _ = r.stream(9).CloseRead() })
	x.send(server, stop(9), "")
	x.send(client, data(9, fin, nil), "the answer to STOP")
	x.app(server, "ends its direction", func(r *real) { r.closeWrite(9) })
	x.send(server, data(9, fin, nil), "")
	x.end()
	return x
}

func lateFrames(t *testing.T) *script {
	x := newScript(t, "frames for an id that has ended", "CREDIT, STOP and RESET may be on their way when a stream ends. DATA cannot, but is dropped as well, and none of it counts as early.", "6.1", "6.7").only(server)
	x.begin()
	for i, late := range []struct {
		frame func(id uint64) []byte
		note  string
	}{
		{func(id uint64) []byte { return credit(id, 100) }, "CREDIT was on its way: dropped"},
		{stop, "STOP was on its way: dropped"},
		{func(id uint64) []byte { return reset(id, frame.Canceled, "") }, "RESET was on its way: dropped, and not answered"},
		{func(id uint64) []byte { return data(id, early, []byte("abc")) }, "DATA after FIN, which no correct peer sends: the position counts it, the counters of early bytes do not"},
	} {
		id := uint64(2*i + 1)
		x.send(client, shell(id, fin), "OPEN with FIN")
		x.app(server, "refuses the stream", func(r *real) { _ = r.stream(id).Reset(frame.NotFound, "") })
		x.cross(server, reset(id, frame.NotFound, ""), "", late.frame(id), late.note)
	}
	x.end()
	return x
}

func refusedOpens(t *testing.T) *script {
	x := newScript(t, "opens beyond the limit", "The server takes one stream and one call at a time.", "6.3").only(server).limit(func(l *frame.Limits) { l.Streams, l.Calls = 1, 1 })
	x.begin()
	x.send(client, shell(1, 0), "")
	x.send(client, shell(3, 0), "one too many")
	x.send(server, reset(3, frame.ResourceExhausted, "too many open streams"), "")
	x.send(client, data(3, early, []byte("abc")), "was on its way: dropped, but it counts as early, and is released")
	x.send(client, data(3, fin, nil), "now 3 has ended")
	x.send(client, open(5, 0, frame.Open{Kind: frame.KindMessage, Parent: 3, Name: []byte("news"), Size: 5, Body: []byte("hel")}), "under a stream that has ended")
	x.send(server, reset(5, frame.NotFound, "the stream it is addressed to has ended"), "")
	x.send(client, data(5, early|fin, []byte("lo")), "")
	x.app(server, "accepts 1 and closes it", func(r *real) { r.stream(1).Accept() })
	x.send(server, credit(1, 0), "")
	x.end2(1)
	return x
}
