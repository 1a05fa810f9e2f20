package vectors

import (
	"crypto/sha256"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// boundHello is what a client over TLS 1.3 says.
func boundHello(h *frame.Hello) {
	h.Features, h.Exporter = h.Features|frame.FeatureBound, sha256.Sum256(upFrom(firstExportFrom, 32))
}

func invalid() frame.Refuse {
	return frame.Refuse{Code: frame.Unauthenticated, Text: "the proof for the session is not valid"}
}

func endsBefore(t *testing.T) *script {
	x := newScript(t, "TLS that ends before the server", "The client offers bit 0. A proxy has ended TLS, and the server does not agree: proofs are plain, also in later handshakes.", "9.2").only(server)
	x.greet(boundHello)
	x.confirm()
	x.app(client, "calls", func(r *real) { callSlow(r) })
	x.send(client, slow(1, 30000), "")
	x.app(server, "takes it", func(r *real) { r.got(1, nil) })
	x.cut()
	x.resume()
	x.cut()
	x.renew()
	x.raw(client, "preface", frame.AppendPreface(nil, frame.Version))
	h := x.resumeHello(nil)
	said, err := frame.ParseHello(h[frame.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	boundHello(&said)
	x.send(client, link(frame.TypeHello, frame.AppendHello(nil, &said)), "somebody on the way has added bit 0 and a hash")
	refuse := invalid()
	x.send(server, link(frame.TypeRefuse, frame.AppendRefuse(nil, &refuse)), "")
	x.cut()
	x.resume()
	x.send(client, reset(1, frame.Canceled, ""), "")
	x.app(server, "returns from the handler", func(r *real) { r.reply(1, nil, nil) })
	x.send(server, data(1, fin, nil), "")
	x.end()
	return x
}

func takenOut(t *testing.T) *script {
	x := newScript(t, "refused: somebody has taken the hash out of the first HELLO", "The server got a HELLO without bit 0 and hash, which the client had sent with both. Both sides have "+
		"another secret: nobody can make a session plain in this way, only keep it from being resumed.", "9.2").only(server)
	x.hello()
	x.confirm()
	x.cut()
	theirs := *x.keys
	h, w := firstHello(x.limits[client], boundHello), firstWelcome(x.limits[server], nil)
	x.keys = newSchedule(frame.AppendHello(nil, &h), frame.AppendWelcome(nil, &w))
	x.refused(nil, invalid(), "the MAC is the client's, by the secret that the client has")
	x.keys = &theirs
	return x
}
