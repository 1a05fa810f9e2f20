package server_test

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

func certConfig() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// TestTLSClients: which clients get through the TLS handshake.
func TestTLSClients(t *testing.T) {
	_, pool := certificate()
	tests := []struct {
		name   string
		client *tls.Config
		want   string // in the error; "" = gets through
	}{
		{"ours", &tls.Config{NextProtos: []string{server.ALPN}}, ""},
		{"ours among others", &tls.Config{NextProtos: []string{"h2", server.ALPN}}, ""},
		{"no ALPN", &tls.Config{}, ""},
		{"HTTP", &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, "no application protocol"},
		{"TLS 1.2", &tls.Config{NextProtos: []string{server.ALPN}, MaxVersion: tls.VersionTLS12}, "protocol version"},
	}
	inner := certConfig()
	inner.NextProtos = []string{"h2"}
	servers := map[string]*tls.Config{
		"certificate":        certConfig(),
		"others' protocols":  inner,
		"GetConfigForClient": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return inner, nil }},
	}
	for name, cfg := range servers {
		ln, err := server.Listen("tls", "127.0.0.1:0", server.WithTLS(cfg))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				cfg := tt.client.Clone()
				cfg.RootCAs = pool
				nc, err := tls.Dial("tcp", ln.Addr().String(), cfg)
				if err == nil {
					defer nc.Close()
				}
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("dial = %v, want %q", err, tt.want)
				}
			})
		}
	}
}

// TestTLSErrors: a configuration that cannot work is refused at once.
func TestTLSErrors(t *testing.T) {
	old := certConfig()
	old.MaxVersion = tls.VersionTLS12
	for want, cfg := range map[string]*tls.Config{"no certificate": {}, "TLS 1.2": old} {
		for _, network := range []string{"tls", "tcp"} {
			ln, err := server.Listen(network, "127.0.0.1:0", server.WithTLS(cfg))
			if err == nil {
				ln.Close()
			}
			if !errors.Is(err, gantline.InvalidArgument) || !strings.Contains(err.Error(), want) {
				t.Errorf("Listen = %v, want %q", err, want)
			}
		}
		ln := server.NewListener(memnet.Listen("server"), server.WithTLS(cfg))
		defer ln.Close()
		if _, err := ln.AcceptEnd(t.Context()); !errors.Is(err, gantline.InvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("AcceptEnd = %v, want %q", err, want)
		}
		srv := &server.Server{TLS: cfg}
		if err := srv.Serve(memnet.Listen("server")); !errors.Is(err, gantline.InvalidArgument) {
			t.Errorf("Serve = %v", err)
		}
	}
}

// TestConfigErrors: so is a gantline.Config that no handshake would survive.
func TestConfigErrors(t *testing.T) {
	for want, cfg := range map[string]gantline.Config{
		"Config.ID":    {ID: strings.Repeat("x", 129)},
		"ASCII":        {ID: "k\u00fchl"},
		"Config.Meta":  {Meta: make([]byte, 4097), Yamux: true},
		"Limits.Frame": {Limits: gantline.Limits{Frame: 100}},
	} {
		ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(cfg))
		if err == nil {
			ln.Close()
		}
		if !errors.Is(err, gantline.InvalidArgument) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "gantline: ") != 1 {
			t.Errorf("Listen = %v, want %q", err, want)
		}
		ln = server.NewListener(memnet.Listen("server"), server.WithConfig(cfg))
		defer ln.Close()
		if _, err := ln.AcceptEnd(t.Context()); !errors.Is(err, gantline.InvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("AcceptEnd = %v, want %q", err, want)
		}
		srv := &server.Server{Config: cfg}
		if err := srv.Serve(memnet.Listen("server")); !errors.Is(err, gantline.InvalidArgument) {
			t.Errorf("Serve = %v", err)
		}
	}
}

// TestTLSPanic: a panic in the user's part of the TLS handshake costs one connection.
func TestTLSPanic(t *testing.T) {
	cert, pool := certificate()
	bad := true
	ln, dial := listenNet(t, "tls", "127.0.0.1:0", []server.Option{server.WithTLS(&tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if bad {
				panic("by design")
			}
			return &cert, nil
		},
	})}, client.WithTLS(&tls.Config{RootCAs: pool}))
	if _, err := dial(t.Context()); err == nil {
		t.Error("dialled")
	}
	eventually(t, "the handshake is over", func() bool { return ln.Stats().Handshakes == 0 })
	bad = false
	mustDial(t, dial)
}

// TestTLSListener: a listener that does TLS itself works as well.
func TestTLSListener(t *testing.T) {
	cfg := certConfig()
	cfg.NextProtos = []string{server.ALPN}
	tl, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln := server.NewListener(tl)
	defer ln.Close()
	_, pool := certificate()
	c, err := client.Dial(t.Context(), "tls", ln.Addr().String(), client.WithTLS(&tls.Config{RootCAs: pool}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := mustAccept(t, ln).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPlainWarning: listening to the world without TLS logs a warning, once.
func TestPlainWarning(t *testing.T) {
	tests := []struct {
		name string
		addr string
		tls  *tls.Config
		want int
	}{
		{"loopback", "127.0.0.1:0", nil, 0},
		{"everywhere", "0.0.0.0:0", nil, 1},
		{"everywhere with TLS", "0.0.0.0:0", certConfig(), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log lockedBuffer
			ln, err := server.Listen("tcp", tt.addr, server.WithTLS(tt.tls),
				server.WithConfig(gantline.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				nc, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				nc.Close()
			}
			ln.Close()
			if n := strings.Count(log.String(), "PLAIN TCP"); n != tt.want {
				t.Errorf("warned %d times, want %d: %s", n, tt.want, log.String())
			}
		})
	}
}
