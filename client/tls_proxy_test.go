package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// wire is what is between a client and a server: nothing, or a proxy that decrypts.
type wire struct {
	addr string // of the server
	mu   sync.Mutex
	kind string // "direct", "again" or "ends"
	open []net.Conn
}

// dial is the client's, below its TLS.
func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", w.addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = append(w.open, nc)
	if w.kind == "direct" {
		return nc, nil
	}
	near, far := net.Pipe()
	w.open = append(w.open, near, far)
	cert, pool := certificate()
	in, out := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{client.ALPN}}), nc
	if w.kind == "again" {
		out = tls.Client(nc, &tls.Config{RootCAs: pool, ServerName: "example.com", NextProtos: []string{client.ALPN}})
	}
	for _, d := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() { // ends with either connection
			_, _ = io.Copy(d[0], d[1])
			far.Close()
			nc.Close()
		}()
	}
	return near, nil
}

// cut breaks what there is; what is dialled from then on is of another kind.
func (w *wire) cut(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind = kind
	for _, nc := range w.open {
		nc.Close()
	}
	w.open = nil
}

// lines keeps what a logger writes.
type lines struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) with(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// TestTLSProxies: a session goes on over a proxy that decrypts TLS if it began there; and one that began without it does
// not, since the server cannot tell such a proxy from a thief. The End lives on with a fresh one.
func TestTLSProxies(t *testing.T) {
	for _, tt := range []struct {
		first, then string
		fresh       bool
		lines       int // that say that the session is not bound
	}{
		{"direct", "direct", false, 0},
		{"again", "again", false, 1},
		{"ends", "ends", false, 1},
		{"again", "direct", false, 1},
		{"direct", "again", true, 1},
	} {
		t.Run(tt.first+", "+tt.then, func(t *testing.T) {
			var opts []server.Option
			var log, own lines // of the server, of the client
			if tt.first != "ends" {
				opts = append(opts, withCert())
			}
			ln := listen(t, append(opts, server.WithConfig(gantline.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}))...)
			_, pool := certificate()
			w := &wire{addr: ln.Addr().String(), kind: tt.first}
			fresh := make(chan bool, 9)
			end, err := client.Dial(t.Context(), "tcp", ln.Addr().String(), client.WithDialFunc(w.dial),
				client.WithTLS(&tls.Config{RootCAs: pool, ServerName: "example.com"}),
				client.WithConfig(gantline.Config{Logger: slog.New(slog.NewTextHandler(&own, nil)), OnSession: func(_ *gantline.End, f bool) { fresh <- f }}))
			if err != nil {
				t.Fatal(err)
			}
			defer end.Close()
			<-fresh
			if got := end.Stats().Link.Bound; got != (tt.first == "direct") {
				t.Errorf("bound: %v", got)
			}
			for range 2 {
				if _, err := end.Ping(t.Context()); err != nil { // it is real for the server
					t.Fatal(err)
				}
				w.cut(tt.then)
				select {
				case got := <-fresh:
					if got != tt.fresh {
						t.Errorf("a fresh session: %v", got)
					}
				case <-time.After(20 * time.Second):
					t.Fatal("not back after 20 s")
				}
				tt.fresh = false // it has found its place
			}
			if c, s := own.with("not bound"), log.with("not bound"); c != tt.lines || s != tt.lines {
				t.Errorf("the logs say %d and %d times that the session is not bound, want %d", c, s, tt.lines)
			}
			if n := own.with("TLS does not reach"); n != 0 != (tt.first == "direct" && tt.then == "again") {
				t.Errorf("the client's log has %d times why the session was refused", n)
			}
		})
	}
}
