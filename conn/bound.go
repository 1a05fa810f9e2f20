package conn

import (
	"crypto/sha256"
	"crypto/tls"
	"net"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/throttle"
)

// tlsView is what one side sees of its carrier's TLS. With a proxy that decrypts in
// between both sides see TLS, but not the same.
type tlsView struct {
	version  uint16 // 0 = no TLS
	exported []byte // keying material; nil = none that is bound to the connection (RFC 9266 asks for TLS 1.3)
}

// seeTLS looks at a carrier whose TLS handshake is over.
func seeTLS(nc net.Conn) (v tlsView) {
	t, ok := nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return v
	}
	s := t.ConnectionState()
	if !s.HandshakeComplete {
		return v
	}
	v.version = s.Version
	if s.Version < tls.VersionTLS13 {
		return v
	}
	if key, err := s.ExportKeyingMaterial("EXPORTER-gantline-resume", nil, 32); err == nil {
		v.exported = key
	}
	return v
}

// offer puts what a client sees into its HELLO.
func (v tlsView) offer(hello *frame.Hello) {
	if v.exported != nil {
		hello.Features |= frame.FeatureBound
		hello.Exporter = sha256.Sum256(v.exported)
	}
}

// agree reports whether a server sees what the client says that it sees. If not, why is
// the reason for the log, "" when neither side sees any TLS.
func (v tlsView) agree(hello *frame.Hello) (same bool, why string) {
	offered := hello.Features&frame.FeatureBound != 0
	switch {
	case v.version == 0 && offered:
		return false, "TLS ends before the server"
	case v.exported == nil:
		return false, v.tooOld()
	case !offered:
		return false, "the client sees no TLS 1.3"
	case hello.Exporter != sha256.Sum256(v.exported):
		return false, "TLS is decrypted on the way and encrypted again"
	}
	return true, ""
}

// declined is why a session is not bound, as a client sees it.
func (v tlsView) declined() string {
	if v.exported == nil {
		return v.tooOld()
	}
	return "the server does not see the same TLS connection"
}

func (v tlsView) tooOld() string {
	if v.version == 0 {
		return ""
	}
	return tls.VersionName(v.version) + " cannot be bound, only TLS 1.3"
}

// bind sets whether the proofs of the session cover the exporter. The first handshake
// decides for all: nobody can talk a later one out of it.
func (l *Link) bind(bound bool) {
	if l.keys.bound = bound; bound {
		l.peer.Features |= frame.FeatureBound
	}
}

// logUnbound says that a session over TLS is not bound to it. It is called once in each
// session, by both sides.
func (l *Link) logUnbound(why string) {
	if !l.keys.bound && why != "" {
		l.say(throttle.NotBound, "why", why)
	}
}
