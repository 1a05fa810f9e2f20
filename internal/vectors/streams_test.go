package vectors

import (
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// TestStreams plays the transcripts of streams of bytes.
func TestStreams(t *testing.T) {
	check(t, "streams.json", "Streams of bytes: how they are opened, accepted, written and ended.", []*script{
		halfClose(t), smallWindows(t), openerGrants(t), byeWithoutFin(t),
	})
}

func shell(id uint64, flags frame.Flags) []byte {
	return open(id, flags, frame.Open{Kind: frame.KindStream, Name: []byte("shell")})
}

func halfClose(t *testing.T) *script {
	x := newScript(t, "stream with half-close", "The client opens a stream, writes and ends its direction; the server still answers. Then bytes on stream 0.", "6.1", "6.3", "6.4", "6.6")
	x.begin()
	x.app(client, `opens the stream "shell"`, func(r *real) { r.openStream(mux.Open{Kind: frame.KindStream, Name: "shell"}) })
	x.send(client, shell(1, 0), "")
	x.app(server, "accepts it", func(r *real) { r.stream(1).Accept() })
	x.send(server, credit(1, 0), "accepted, and nothing is granted: nobody reads yet")
	x.app(client, "writes 3 bytes", func(r *real) { r.write(1, []byte("ls\n")) })
	x.send(client, data(1, early, []byte("ls\n")), "")
	x.app(server, "reads them", func(r *real) { r.read(1, []byte("ls\n")) })
	x.send(server, credit(1, 256<<10), "the first window")
	x.app(client, "ends its direction", func(r *real) { r.closeWrite(1) })
	x.send(client, data(1, fin, nil), "")
	x.app(server, "reads the end, writes 4 bytes", func(r *real) {
		r.wantEOF(1)
		r.write(1, []byte("a b\n"))
	})
	x.send(server, data(1, early, []byte("a b\n")), "")
	x.app(client, "reads them", func(r *real) { r.read(1, []byte("a b\n")) })
	x.send(client, credit(1, 256<<10), "after FIN too: the other direction goes on")
	x.app(server, "writes 1 byte, and closes", func(r *real) {
		r.write(1, []byte("$"))
		r.run(func() { _ = r.stream(1).Close() })
	})
	x.send(server, data(1, 0, []byte("$")), "")
	x.send(server, data(1, fin, nil), "the stream has ended on both sides")
	x.app(client, "reads to the end", func(r *real) {
		r.read(1, []byte("$"))
		r.wantEOF(1)
	})
	x.app(client, "writes on the first stream", func(r *real) { r.write(0, []byte("hi")) })
	x.send(client, data(0, early, []byte("hi")), "stream 0 needs no OPEN")
	x.app(server, "reads it", func(r *real) { r.read(0, []byte("hi")) })
	x.send(server, credit(0, 256<<10), "")
	x.end()
	return x
}

func smallWindows(t *testing.T) *script {
	x := newScript(t, "stream out of credit", "3000 bytes on a stream whose early window is 1024 bytes.", "6.4").limit(smallWindow)
	b := body(3000)
	x.begin()
	x.app(client, "opens a stream without a name", func(r *real) { r.openStream(mux.Open{Kind: frame.KindStream}) })
	x.send(client, open(1, 0, frame.Open{}), "")
	x.app(server, "accepts it", func(r *real) { r.stream(1).Accept() })
	x.send(server, credit(1, 0), "")
	x.app(client, "writes 3000 bytes", func(r *real) { r.write(1, b) })
	x.send(client, data(1, early|blocked, b[:1024]), "BLOCKED on the frame that used up the window")
	x.app(server, "reads 3000 bytes", func(r *real) { r.read(1, b) })
	x.send(server, credit(1, 256<<10), "")
	x.send(client, data(1, 0, b[1024:]), "")
	x.app(client, "closes the stream", func(r *real) { r.run(func() { _ = r.stream(1).Close() }) })
	x.send(client, stop(1), "it reads no more")
	x.send(client, data(1, fin, nil), "")
	x.send(server, data(1, fin, nil), "the answer to STOP")
	x.app(server, "reads the end", func(r *real) { r.wantEOF(1) })
	x.end()
	return x
}

func openerGrants(t *testing.T) *script {
	x := newScript(t, "the opener grants first", "The opener reads at once, and says so before the stream is accepted.", "6.3", "6.4").limit(smallWindow).only(server)
	b := body(2000)
	x.begin()
	x.send(client, shell(1, 0), "")
	x.send(client, credit(1, 4096), "before the acceptor has said anything")
	x.app(server, "accepts it", func(r *real) { r.stream(1).Accept() })
	x.send(server, credit(1, 0), "")
	x.app(server, "writes 2000 bytes", func(r *real) { r.write(1, b) })
	x.send(server, data(1, 0, b), "on the grant; the early window is untouched")
	x.end2(1)
	return x
}

func byeWithoutFin(t *testing.T) *script {
	x := newScript(t, "BYE without FIN", "A session may end with streams that have no FIN: their readers learn that the session is gone, not that the stream has ended.", "5.5").only(server)
	x.begin()
	x.send(client, shell(1, 0), "")
	x.app(server, "accepts it", func(r *real) { r.stream(1).Accept() })
	x.send(server, credit(1, 0), "")
	x.app(server, "reads", func(r *real) {
		r.wantRead(1, remoteClosed)
		r.wantRead(0, remoteClosed)
	})
	x.send(server, credit(1, 256<<10), "")
	x.send(server, credit(0, 256<<10), "")
	x.send(client, x.bye(client, frame.OK, ""), "no FIN for stream 1, nor for stream 0")
	x.send(server, x.bye(server, frame.OK, ""), "")
	return x
}
