package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	goleak.VerifyTestMain(m)
}

// A carrier is a kind of connection that the tests run over.
type carrier struct {
	name   string
	listen func(t testing.TB, opts ...server.Option) (*server.Listener, dialFunc)
}

// dialFunc dials the listener that it came with.
type dialFunc func(ctx context.Context, opts ...client.Option) (*gantline.End, error)

var carriers = []carrier{
	{"memnet", listenMem},
	{"tcp", func(t testing.TB, opts ...server.Option) (*server.Listener, dialFunc) {
		return listenNet(t, "tcp", "127.0.0.1:0", opts)
	}},
	{"unix", func(t testing.TB, opts ...server.Option) (*server.Listener, dialFunc) {
		return listenNet(t, "unix", filepath.Join(t.TempDir(), "s"), opts)
	}},
	{"tls", func(t testing.TB, opts ...server.Option) (*server.Listener, dialFunc) {
		cert, pool := certificate()
		opts = append(opts, server.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
		return listenNet(t, "tls", "127.0.0.1:0", opts, client.WithTLS(&tls.Config{RootCAs: pool}))
	}},
}

// listenMem listens in memory, so it works inside testing/synctest.
func listenMem(t testing.TB, opts ...server.Option) (*server.Listener, dialFunc) {
	t.Helper()
	mem := memnet.Listen("server")
	ln := server.NewListener(mem, opts...)
	t.Cleanup(func() { ln.Close() })
	return ln, func(ctx context.Context, opts ...client.Option) (*gantline.End, error) {
		return client.Dial(ctx, "memnet", "server", append(opts, client.WithDialFunc(mem.DialContext))...)
	}
}

func listenNet(t testing.TB, network, addr string, opts []server.Option, also ...client.Option) (*server.Listener, dialFunc) {
	t.Helper()
	ln, err := server.Listen(network, addr, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln, func(ctx context.Context, opts ...client.Option) (*gantline.End, error) {
		return client.Dial(ctx, network, ln.Addr().String(), append(opts, also...)...)
	}
}

// certificate returns one for 127.0.0.1 and example.org, and the pool that trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"example.org"},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
})

// mustDial dials an End that lives until the test is over.
func mustDial(t testing.TB, dial dialFunc, opts ...client.Option) *gantline.End {
	t.Helper()
	end, err := dial(context.Background(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	return end
}

// mustAccept takes the next End.
func mustAccept(t testing.TB, ln *server.Listener) *gantline.End {
	t.Helper()
	end, err := ln.AcceptEnd(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// named is an option that claims an id.
func named(id string) client.Option { return client.WithConfig(gantline.Config{ID: id}) }

// eventually waits until cond holds. It is for events on goroutines that nobody can wait for.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !cond(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
