package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// certificate returns the one that httptest has, for 127.0.0.1 and example.com, and the pool that trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
})

func withCert() server.Option {
	cert, _ := certificate()
	return server.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}})
}

// TestDialTLS: which configuration gets through, and what was negotiated.
func TestDialTLS(t *testing.T) {
	ln := listen(t, withCert())
	_, pool := certificate()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	old := &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}
	local := func(ctx context.Context, nw, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, nw, ln.Addr().String())
	}
	tests := []struct {
		name    string
		network string
		addr    string
		opts    []client.Option
		want    string // in the error; "" = connects
	}{
		{"name from the address", "tls", "127.0.0.1:" + port, []client.Option{client.WithTLS(&tls.Config{RootCAs: pool})}, ""},
		{"tcp with TLS", "tcp", "127.0.0.1:" + port, []client.Option{client.WithTLS(&tls.Config{RootCAs: pool})}, ""},
		{"name of its own", "tls", "127.0.0.1:" + port, []client.Option{client.WithTLS(&tls.Config{RootCAs: pool, ServerName: "example.com"})}, ""},
		{"wrong name", "tls", "127.0.0.1:" + port, []client.Option{client.WithTLS(&tls.Config{RootCAs: pool, ServerName: "example.net"})}, "example.net"},
		{"other protocols", "tls", "127.0.0.1:" + port, []client.Option{client.WithTLS(&tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})}, ""},
		{"unknown authority", "tls", "127.0.0.1:" + port, nil, "TLS: "},
		{"too old", "tls", "127.0.0.1:" + port, []client.Option{client.WithTLS(old)}, "MaxVersion"},
		{"DialFunc", "tls", "example.com:1", []client.Option{client.WithTLS(&tls.Config{RootCAs: pool}), client.WithDialFunc(local)}, ""},
		{"DialFunc, no port", "tls", "example.com", []client.Option{client.WithTLS(&tls.Config{RootCAs: pool}), client.WithDialFunc(local)}, ""},
		{"plain", "tcp", "127.0.0.1:" + port, nil, "gantline: dial tcp 127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end, err := client.Dial(t.Context(), tt.network, tt.addr, tt.opts...)
			if err == nil {
				defer end.Close()
			}
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "gantline: ") != 1) {
				t.Fatalf("dial = %v, want %q", err, tt.want)
			}
		})
	}
	_, err = client.Dial(t.Context(), "tls", ln.Addr().String())
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) {
		t.Errorf("unknown authority: %v", err)
	}
}

// TestNegotiated: TLS 1.3 and our protocol are used whatever the configuration says, and the configuration is
// not changed.
func TestNegotiated(t *testing.T) {
	cert, pool := certificate()
	states := make(chan tls.ConnectionState, 1)
	ln := listen(t, server.WithTLS(&tls.Config{
		Certificates:     []tls.Certificate{cert},
		VerifyConnection: func(cs tls.ConnectionState) error { states <- cs; return nil },
	}))
	cfg := &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	end, err := client.Dial(t.Context(), "tls", ln.Addr().String(), client.WithTLS(cfg))
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if cs := <-states; cs.Version != tls.VersionTLS13 || cs.NegotiatedProtocol != client.ALPN {
		t.Errorf("%s, %q", tls.VersionName(cs.Version), cs.NegotiatedProtocol)
	}
	if cfg.MinVersion != tls.VersionTLS12 || cfg.ServerName != "" || len(cfg.NextProtos) != 1 || cfg.NextProtos[0] != "h2" {
		t.Error("the configuration was changed")
	}
}

// TestTLSOverUnix: it works, with a name to verify.
func TestTLSOverUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := server.Listen("unix", path, withCert())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, pool := certificate()
	if _, err := client.Dial(t.Context(), "unix", path, client.WithTLS(&tls.Config{RootCAs: pool})); err == nil || !strings.Contains(err.Error(), "ServerName") {
		t.Errorf("without a name: %v", err)
	}
	end, err := client.Dial(t.Context(), "unix", path, client.WithTLS(&tls.Config{RootCAs: pool, ServerName: "example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	end.Close()
}

// TestSilentTLS: a server that never answers is given up, and its connection is closed.
func TestSilentTLS(t *testing.T) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nl.Close()
	gone := make(chan error, 1)
	go func() {
		nc, err := nl.Accept()
		for err == nil {
			_, err = nc.Read(make([]byte, 4096))
		}
		nc.Close()
		gone <- err
	}()
	d := client.Dialer{TLS: &tls.Config{InsecureSkipVerify: true}, Timeout: 50 * time.Millisecond, Config: gantline.Config{ID: "x"}}
	_, err = d.Dial(t.Context(), "tcp", nl.Addr().String())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "50ms") {
		t.Errorf("dial = %v", err)
	}
	if err := <-gone; err == nil {
		t.Error("the connection is still there")
	}
}
