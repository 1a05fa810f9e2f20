package vectors

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/gantline-project/gantline/frame"
)

// What is random in a handshake is fixed here: bytes that count up from these.
const (
	clientKeyFrom   = 0x01
	serverKeyFrom   = 0x41
	clientNonceFrom = 0x81
	serverNonceFrom = 0xA1
	sessionFrom     = 0xC1
	exporterFrom    = 0xD1 // of a resume's carrier
	firstExportFrom = 0x21 // of the first one
	nonceStep       = 0x08 // later handshakes of a session
)

// upFrom returns n bytes that count up.
func upFrom(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// privateKey is a side's X25519 key.
func privateKey(first byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(upFrom(first, 32))
	if err != nil {
		panic(err)
	}
	return k
}

// schedule is every step from two private keys to the session's secret.
type schedule struct {
	client, server *ecdh.PrivateKey
	shared         []byte
	salt           [32]byte
	secret         []byte
}

// newSchedule derives the secret of the session whose first handshake had these payloads.
func newSchedule(hello, welcome []byte) *schedule {
	k := &schedule{client: privateKey(clientKeyFrom), server: privateKey(serverKeyFrom)}
	shared, err := k.client.ECDH(k.server.PublicKey())
	if err != nil {
		panic(err)
	}
	k.shared = shared
	said := binary.BigEndian.AppendUint32(nil, uint32(len(hello)))
	said = append(append(said, hello...), welcome...)
	k.salt = sha256.Sum256(said)
	k.secret = hkdf32(k.shared, k.salt[:], "gantline 1 session secret")
	return k
}

// hkdf32 is HKDF-SHA256 (RFC 5869) for 32 bytes: one block.
func hkdf32(secret, salt []byte, info string) []byte {
	prk := mac256(salt, secret)
	return mac256(prk, []byte(info), []byte{1})
}

// proof is the MAC of a resume. hello and welcome are payloads in which the MAC is 0; welcome is nil for the client's.
// exported is empty in the mode "plain".
func (k *schedule) proof(role string, hello, welcome, exported []byte) []byte {
	mode := "plain"
	if len(exported) > 0 {
		mode = "tls-exporter"
	}
	h, w := sha256.Sum256(hello), sha256.Sum256(welcome)
	return mac256(k.secret, []byte("gantline 1 resume "+role+" "+mode+"\x00"), h[:], w[:], exported)
}

func mac256(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// pub is the public key that travels.
func pub(k *ecdh.PrivateKey) [32]byte { return [32]byte(k.PublicKey().Bytes()) }

// firstHello and firstWelcome are the payloads of the first handshake.
func firstHello(l frame.Limits, change func(*frame.Hello)) frame.Hello {
	h := frame.Hello{
		MinVersion: frame.Version, MaxVersion: frame.Version, Features: frame.FeatureSums, Limits: l, Heartbeat: 15000, Expiry: 60000,
		Share: pub(privateKey(clientKeyFrom)), Nonce: [16]byte(upFrom(clientNonceFrom, 16)), ID: "c1",
	}
	if change != nil {
		change(&h)
	}
	return h
}

func firstWelcome(l frame.Limits, change func(*frame.Welcome)) frame.Welcome {
	w := frame.Welcome{
		Version: frame.Version, Limits: l, Heartbeat: 15000, Expiry: 60000, Session: [16]byte(upFrom(sessionFrom, 16)),
		Share: pub(privateKey(serverKeyFrom)), Nonce: [16]byte(upFrom(serverNonceFrom, 16)), ServerID: "hub", ClientID: "c1",
	}
	if change != nil {
		change(&w)
	}
	return w
}

// drawn is the source of random bytes of a real side: what it draws, in that order, then bytes that count up.
type drawn struct {
	b     []byte
	spare byte
}

func (d *drawn) Read(p []byte) (int, error) {
	n := copy(p, d.b)
	d.b = d.b[n:]
	for i := n; i < len(p); i++ {
		p[i] = d.spare
		d.spare++
	}
	return len(p), nil
}

var _ io.Reader = (*drawn)(nil)

// draws is what a side draws: a key and a nonce, a server's session before them, then a nonce for each resume.
func draws(role string) *drawn {
	d := &drawn{spare: 0xF0}
	nonce := byte(clientNonceFrom)
	if role == server {
		nonce = serverNonceFrom
		d.b = append(upFrom(sessionFrom, 16), upFrom(serverKeyFrom, 32)...)
	} else {
		d.b = upFrom(clientKeyFrom, 32)
	}
	for i := range 3 {
		d.b = append(d.b, upFrom(nonce+byte(i)*nonceStep, 16)...)
	}
	return d
}
