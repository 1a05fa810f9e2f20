package conn

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// carriers are the kinds of net.Conn that a link is tried over.
var carriers = []struct {
	name string
	pipe func(tb testing.TB) (client, server net.Conn)
}{
	{"memnet", func(testing.TB) (net.Conn, net.Conn) { return memPipe() }},
	{"pipe", func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }},
	{"tcp", func(tb testing.TB) (net.Conn, net.Conn) { return socketPipe(tb, "tcp", "127.0.0.1:0") }},
	{"unix", func(tb testing.TB) (net.Conn, net.Conn) {
		return socketPipe(tb, "unix", filepath.Join(tb.TempDir(), "s"))
	}},
	{"tls", func(tb testing.TB) (net.Conn, net.Conn) {
		a, b := socketPipe(tb, "tcp", "127.0.0.1:0")
		return tlsPipe(tb, a, b)
	}},
}

func memPipe() (net.Conn, net.Conn) {
	a, b := memnet.Pipe(memnet.WithReset())
	return a, b
}

func socketPipe(tb testing.TB, network, addr string) (client, server net.Conn) {
	tb.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial(network, ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	return client, server
}

// tlsPipe wraps both ends; the TLS handshake comes with the first bytes.
func tlsPipe(tb testing.TB, a, b net.Conn) (client, server net.Conn) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	return tls.Client(a, &tls.Config{RootCAs: roots, ServerName: "test"}), server
}

// TestCarriers moves frames of all sizes both ways over every kind of carrier,
// and closes at once: nothing may be missing.
func TestCarriers(t *testing.T) {
	sizes := []int{1, 100, 4 << 10, 8 << 10, 17 << 10, 64 << 10}
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			a, b := c.pipe(t)
			cl, sl := shake(t, a, b, &Config{ID: "me", CloseTimeout: time.Minute}, &Config{ID: "you", CloseTimeout: time.Minute})
			ct, st := newTap(), newTap()
			cl.Start(ct)
			sl.Start(st)
			want := make([][]byte, 0, 50)
			for i := range cap(want) {
				want = append(want, bytes.Repeat([]byte{byte(i)}, sizes[i%len(sizes)]))
			}
			for i, body := range want {
				for cl.Stats().LogUnacked > 256<<10 {
					ct.wantFrames(t, i/2)
					cl.Ping(context.Background())
				}
				send(cl, 1, body)
				if i%2 == 0 {
					send(sl, 2, body)
				}
			}
			ct.wantFrames(t, len(want)/2)
			if err := cl.Close(context.Background(), frame.OK, "done"); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := sl.Close(context.Background(), frame.OK, ""); err != nil {
				t.Errorf("close of the other side: %v", err)
			}
			for i, g := range st.wantFrames(t, len(want)) {
				if !bytes.Equal(g.body, want[i]) || g.h.ID != 1 {
					t.Fatalf("frame %d differs", i)
				}
			}
			for i, g := range ct.got() {
				if !bytes.Equal(g.body, want[2*i]) {
					t.Fatalf("frame %d of the server differs", i)
				}
			}
			if s := cl.Stats(); s.LogMemory != 0 || s.LogUnacked != 0 {
				t.Errorf("left behind: %+v", s)
			}
		})
	}
}
