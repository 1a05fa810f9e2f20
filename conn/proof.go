package conn

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/gantline-project/gantline/frame"
)

// sessionKeys is how a session is proved when it is resumed. The handshake sets
// it; it is constant from then on.
type sessionKeys struct {
	secret [32]byte   // shared by both sides; it never travels
	owner  *principal // the client with its certificate; nil = it had none, or this is the client
	bound  bool       // proofs cover the TLS exporter of their carrier
}

// proof is the HMAC-SHA256 of a side's resume message. It is keyed with the
// session's secret, over a label with version, role and binding, the HELLO without
// its mac, the WELCOME without its mac (server only), and the carrier's exporter.
func (l *Link) proof(nc net.Conn, role string, hello, welcome []byte) (mac [32]byte, err error) {
	m := hmac.New(sha256.New, l.keys.secret[:])
	mode := "plain"
	if l.keys.bound {
		mode = "tls-exporter"
	}
	fmt.Fprintf(m, "gantline %d resume %s %s\x00", frame.Version, role, mode)
	h, w := sha256.Sum256(hello), sha256.Sum256(welcome)
	m.Write(h[:])
	m.Write(w[:])
	if l.keys.bound {
		saw := seeTLS(nc)
		if saw.exported == nil {
			return mac, errors.New("gantline: resume: the session is bound to TLS 1.3 and this carrier is not TLS 1.3")
		}
		m.Write(saw.exported)
	}
	m.Sum(mac[:0])
	return mac, nil
}

// keys is our half of the key exchange. A private key is 32 random bytes, drawn like everything else that is random in a
// handshake: a test that replaces the source then knows all of it.
func keys() (*ecdh.PrivateKey, [32]byte, error) {
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	k, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return nil, [32]byte{}, err
	}
	return k, [32]byte(k.PublicKey().Bytes()), nil
}

// secretOf derives the session's secret from both shares and everything both sides
// said. It is HKDF-SHA256 over the X25519 result, salted with the SHA-256 of both
// payloads. It never travels.
func secretOf(k *ecdh.PrivateKey, share [32]byte, hello, welcome []byte) (secret [32]byte, err error) {
	pub, err := ecdh.X25519().NewPublicKey(share[:])
	if err != nil {
		return secret, err
	}
	shared, err := k.ECDH(pub)
	if err != nil {
		return secret, err // a share that leads to zero
	}
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(hello))))
	h.Write(hello)
	h.Write(welcome)
	b, err := hkdf.Key(sha256.New, shared, h.Sum(nil), "gantline 1 session secret", len(secret))
	copy(secret[:], b)
	return secret, err
}
