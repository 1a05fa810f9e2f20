package client_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/server"
)

var errUnreachable = errors.New("no route")

// TestDialNetworks: every plain network that Dial knows.
func TestDialNetworks(t *testing.T) {
	for _, nw := range []string{"tcp", "tcp4", "tcp6", "unix"} {
		t.Run(nw, func(t *testing.T) {
			addr := map[string]string{"tcp6": "[::1]:0", "unix": filepath.Join(t.TempDir(), "s")}[nw]
			if addr == "" {
				addr = "127.0.0.1:0"
			}
			ln, err := server.Listen(nw, addr)
			if err != nil && nw == "tcp6" {
				t.Skip("no IPv6 here:", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			end, err := client.Dial(t.Context(), nw, ln.Addr().String(), client.WithConfig(gantline.Config{ID: "x"}))
			if err != nil {
				t.Fatal(err)
			}
			defer end.Close()
			if _, err := end.Ping(t.Context()); err != nil || end.LocalID() != "x" {
				t.Errorf("ping: %v, id %q", err, end.LocalID())
			}
		})
	}
}

// TestDialInvalid: what cannot work is reported before anything is dialled.
func TestDialInvalid(t *testing.T) {
	tests := []struct {
		network, addr string
		addrs         []string
		want          string
	}{
		{"udp", "127.0.0.1:1", nil, "tcp, tcp4, tcp6, unix or tls"},
		{"", "127.0.0.1:1", nil, "tcp, tcp4, tcp6, unix or tls"},
		{"tcp", "127.0.0.1", nil, `"host:port"`},
		{"tcp", "", nil, `"host:port"`},
		{"tcp4", "127.0.0.1:", nil, `"host:port"`},
		{"tls", "example.org", nil, `"host:port"`},
		{"tcp", "127.0.0.1:1", []string{"127.0.0.2"}, `"127.0.0.2"`},
		{"unix", "", nil, "the path of a socket"},
	}
	for _, tt := range tests {
		_, err := client.Dial(t.Context(), tt.network, tt.addr, client.WithAddrs(tt.addrs...))
		if !errors.Is(err, gantline.InvalidArgument) || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "gantline: ") != 1 {
			t.Errorf("Dial(%q, %q) = %v, want one that says %s", tt.network, tt.addr, err, tt.want)
		}
	}
}

// TestDialFails: the answer of an address can be asked for, and reads well.
func TestDialFails(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	var op *net.OpError
	_, err = client.Dial(t.Context(), "tcp", closed.Addr().String())
	if !errors.As(err, &op) || !strings.HasPrefix(err.Error(), "gantline: dial tcp 127.0.0.1:") || strings.Count(err.Error(), "dial tcp") != 1 {
		t.Errorf("nobody listens: %v", err)
	}

	ln := listen(t, server.WithConfig(gantline.Config{Setup: func(*gantline.End) error { return gantline.Unauthenticated }}))
	var refused *conn.RefusedError
	_, err = client.Dial(t.Context(), "tcp", ln.Addr().String())
	if !errors.As(err, &refused) || gantline.CodeOf(err) != gantline.Unauthenticated || strings.Count(err.Error(), "gantline: ") != 1 {
		t.Errorf("refused: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = client.Dial(ctx, "tcp", ln.Addr().String()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	null := func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	if _, err = client.Dial(t.Context(), "any", "thing", client.WithDialFunc(null)); err == nil || !strings.Contains(err.Error(), "DialFunc") {
		t.Errorf("no connection and no error: %v", err)
	}
}

// TestDialFunc: it gets what Dial was given; only "tls" is not for it.
func TestDialFunc(t *testing.T) {
	n := network{}
	n.listen(t, "some where")
	for network, want := range map[string]string{"pigeon": "pigeon", "tcp": "tcp", "tls": "tcp"} {
		var got string
		end, err := client.Dial(t.Context(), network, "some where", client.WithDialFunc(
			func(ctx context.Context, nw, addr string) (net.Conn, error) {
				got = nw
				return n.dial(ctx, nw, addr)
			}))
		if got != want || (err != nil) != (network == "tls") { // nobody speaks TLS there
			t.Errorf("network %q: dialled %q, %v", network, got, err)
		}
		if err == nil {
			end.Close()
		}
	}
}

// TestDialAddrs: addresses are tried in turn, and the error lists them all.
func TestDialAddrs(t *testing.T) {
	n := network{}
	full := server.WithConfig(gantline.Config{Setup: func(*gantline.End) error { return gantline.ResourceExhausted }})
	n.listen(t, "full", full)
	n.listen(t, "good", server.WithConfig(gantline.Config{ID: "good one"}))
	end, err := client.Dial(t.Context(), "mem", "down", client.WithDialFunc(n.dial), client.WithAddrs("full", "good", "not reached"))
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if end.PeerID() != "good one" {
		t.Errorf("dialled %q", end.PeerID())
	}

	_, err = client.Dial(t.Context(), "mem", "down", client.WithDialFunc(n.dial), client.WithAddrs("full"))
	if !errors.Is(err, errUnreachable) || !errors.Is(err, gantline.ResourceExhausted) {
		t.Errorf("err = %v", err)
	}
	if text := err.Error(); strings.Count(text, "gantline: ") != 1 || !strings.Contains(text, "down") || !strings.Contains(text, "full") {
		t.Errorf("error reads %q", text)
	}
}

// TestDialTimeout: an address that never answers costs its share of the time.
func TestDialTimeout(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration // Dialer.Timeout
		ctx     time.Duration // 0 = no deadline
		addrs   []string
		want    time.Duration
		ok      bool
	}{
		{"handshake", 0, 0, nil, 5 * time.Second, false},
		{"own", time.Second, 0, nil, time.Second, false},
		{"own, then good", time.Second, 0, []string{"good"}, time.Second, true},
		{"context", 0, 3 * time.Second, nil, 3 * time.Second, false},
		{"context shared", -1, 3 * time.Second, []string{"hole", "good"}, 2 * time.Second, true},
		{"context shared, all bad", -1, 3 * time.Second, []string{"hole", "hole"}, 3 * time.Second, false},
		{"context long", time.Second, time.Hour, []string{"hole"}, 2 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network{}
				n.hole(t, "hole")
				n.listen(t, "good")
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if tt.ctx > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.ctx)
				}
				defer cancel()
				d := client.Dialer{DialFunc: n.dial, Timeout: tt.timeout, Addrs: tt.addrs}
				start := time.Now()
				end, err := d.Dial(ctx, "mem", "hole")
				if took := time.Since(start); took != tt.want || (err == nil) != tt.ok {
					t.Errorf("%v after %v, want %v", err, took, tt.want)
				}
				if err == nil {
					end.Close()
				} else if !errors.Is(err, context.DeadlineExceeded) || strings.Count(err.Error(), "gantline: ") != 1 {
					t.Errorf("error reads %q", err)
				}
			})
		})
	}
}

// TestDialContextLater: the context ends when the dial is done, not with the End.
func TestDialContextLater(t *testing.T) {
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	end, err := client.Dial(ctx, "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	cancel()
	if _, err := end.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDialerReuse: one Dialer makes many Ends, also at the same time.
func TestDialerReuse(t *testing.T) {
	ln := listen(t)
	d := client.Dialer{Config: gantline.Config{Meta: []byte("m")}}
	ends := make(chan *gantline.End, 8)
	for range cap(ends) {
		go func() {
			end, err := d.Dial(context.Background(), "tcp", ln.Addr().String())
			if err != nil {
				t.Error(err)
			}
			ends <- end
		}()
	}
	ids := map[string]bool{}
	for range cap(ends) {
		if end := <-ends; end != nil {
			ids[end.LocalID()] = true
			end.Close()
		}
	}
	if len(ids) != cap(ends) {
		t.Errorf("%d ids", len(ids))
	}
}

// TestTornConnection: the End and its streams continue over a new connection, unless redialling is off.
func TestTornConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network{}
		ln := n.listen(t, "x")
		var nc net.Conn
		dial := func(ctx context.Context, nw, addr string) (_ net.Conn, err error) {
			nc, err = n.dial(ctx, nw, addr)
			return nc, err
		}
		end, err := client.Dial(t.Context(), "mem", "x", client.WithDialFunc(dial))
		if err != nil {
			t.Fatal(err)
		}
		peer, err := ln.AcceptEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := end.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			nc.(interface{ Cut() }).Cut()
			var b [1]byte
			if _, err := peer.Read(b[:]); err != nil || b[0] != byte(i) {
				t.Fatalf("read %v, %v", b, err)
			}
		}
		end.Close()

		end, err = client.Dial(t.Context(), "mem", "x", client.WithDialFunc(dial), client.WithoutRedial())
		if err != nil {
			t.Fatal(err)
		}
		nc.(interface{ Cut() }).Cut()
		<-end.Context().Done()
		if err := context.Cause(end.Context()); !errors.Is(err, gantline.ErrSessionLost) {
			t.Errorf("cause = %v", err)
		}
		end.Close()
		ln.Close()
	})
}
