package vectors

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestExporter resumes a session over TLS 1.3 by hand: proofs made by the tests' own derivation are taken by conn, and
// conn's are what that derivation says.
func TestExporter(t *testing.T) {
	cert := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		r := newReal(t, server, defaultLimits)
		secure := func() *tls.Conn {
			near, far := memnet.Pipe()
			r.carrier(tls.Server(far, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}))
			nc := tls.Client(near, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
			if err := nc.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			return nc
		}
		nc := secure()
		h := firstHello(defaultLimits, func(h *frame.Hello) { h.Features, h.Exporter = 1, sha256.Sum256(exports(t, nc)) })
		hp := frame.AppendHello(nil, &h)
		wp := shake(t, nc, hp)
		w, err := frame.ParseWelcome(wp)
		if err != nil || w.Features != 1 {
			t.Fatal(w.Features, err)
		}
		k := newSchedule(hp, wp)
		k.bySide(t, w.Share)
		k.secret = hkdf32(k.shared, k.salt[:], "gantline 1 session secret")
		synctest.Wait()
		_ = nc.NetConn().Close()
		synctest.Wait()

		for _, bit := range []uint32{0, 1} { // nobody talks the server out of what the session agreed on
			nc := secure()
			plain := resumeOf(h, w)
			plain.Features, plain.Exporter = bit, sha256.Sum256(exports(t, nc))
			plain.Resume.MAC = [32]byte(k.proof(client, frame.AppendHello(nil, &plain), nil, nil))
			fh, p := say(t, nc, frame.AppendHello(nil, &plain))
			if x, err := frame.ParseRefuse(p); fh.Type != frame.TypeRefuse || err != nil || x.Code != frame.Unauthenticated {
				t.Errorf("a plain proof, bit 0 = %d, is answered with %v, %+v, %v", bit, fh.Type, x, err)
			}
			_ = nc.NetConn().Close()
			synctest.Wait()
		}

		nc = secure()
		exported := exports(t, nc)
		again := resumeOf(h, w)
		again.Exporter = sha256.Sum256(exported)
		bare := frame.AppendHello(nil, &again)
		again.Resume.MAC = [32]byte(k.proof(client, bare, nil, exported))
		back, err := frame.ParseWelcome(shake(t, nc, frame.AppendHello(nil, &again)))
		if err != nil || back.Resumed == nil {
			t.Fatal(back, err)
		}
		mac := back.Resumed.MAC
		back.Resumed.MAC = [32]byte{}
		if want := k.proof(server, bare, frame.AppendWelcome(nil, &back), exported); mac != [32]byte(want) {
			t.Errorf("the server's proof is %x, want %x", mac, want)
		}
		synctest.Wait()
		r.link.Abort(context.Canceled)
		<-r.link.Done()
		<-r.result
		_ = nc.NetConn().Close()
	})
}

// resumeOf is a HELLO of that session, of which nothing has been received yet, without its MAC.
func resumeOf(h frame.Hello, w frame.Welcome) frame.Hello {
	again, _ := resumes(h, w)
	again.Resume.Position, again.Resume.Released = 0, [frame.Groups]uint64{}
	return again
}

// exports is what TLS exports of nc, for the proofs of a resume.
func exports(t *testing.T, nc *tls.Conn) []byte {
	t.Helper()
	s := nc.ConnectionState()
	key, err := s.ExportKeyingMaterial("EXPORTER-gantline-resume", nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// bySide sets what is shared with a server whose key the test does not know.
func (k *schedule) bySide(t *testing.T, share [32]byte) {
	t.Helper()
	pub, err := k.client.Curve().NewPublicKey(share[:])
	if err == nil {
		k.shared, err = k.client.ECDH(pub)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shake sends a HELLO and returns the payload of the WELCOME.
func shake(t *testing.T, nc net.Conn, hello []byte) []byte {
	t.Helper()
	fh, p := say(t, nc, hello)
	if fh.Type != frame.TypeWelcome {
		t.Fatal(fh.Type)
	}
	return p
}

// say sends a HELLO and returns the answer.
func say(t *testing.T, nc net.Conn, hello []byte) (frame.Header, []byte) {
	t.Helper()
	b := append(frame.AppendPreface(nil, frame.Version), link(frame.TypeHello, hello)...)
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
	var head [frame.HeaderLen]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		t.Fatal(err)
	}
	fh, err := frame.ParseHeader(head[:])
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, fh.Length)
	if _, err := io.ReadFull(nc, p); err != nil {
		t.Fatal(err)
	}
	return fh, p
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(100 * 365 * 24 * time.Hour), DNSNames: []string{"hub"}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
