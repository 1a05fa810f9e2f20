package server_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// TestConnect: an End over every carrier, with a call each way and the names
// that both sides gave.
func TestConnect(t *testing.T) {
	for _, cr := range carriers {
		t.Run(cr.name, func(t *testing.T) {
			ctx := t.Context()
			echo := func(e *gantline.End) error {
				e.Handle("echo", gantline.HandlerFunc(func(_ context.Context, r *gantline.Request) ([]byte, error) { return r.Body, nil }))
				return nil
			}
			ln, dial := cr.listen(t, server.WithConfig(gantline.Config{ID: "mast", Meta: []byte("s"), Setup: echo}))
			c := mustDial(t, dial, client.WithConfig(gantline.Config{ID: "edge-7", Meta: []byte("c"), Setup: echo}))
			s := mustAccept(t, ln)
			for _, e := range []*gantline.End{c, s} {
				if got, err := e.Call(ctx, "echo", []byte("hello")); err != nil || string(got) != "hello" {
					t.Errorf("echo = %q, %v", got, err)
				}
			}
			if c.PeerID() != "mast" || s.PeerID() != "edge-7" || string(c.PeerMeta()) != "s" || string(s.PeerMeta()) != "c" {
				t.Errorf("ids %q and %q, metas %q and %q", c.PeerID(), s.PeerID(), c.PeerMeta(), s.PeerMeta())
			}
			if s.RemoteAddr() == nil || ln.Addr().String() != s.LocalAddr().String() {
				t.Errorf("listener at %v, End at %v from %v", ln.Addr(), s.LocalAddr(), s.RemoteAddr())
			}
		})
	}
}

// TestSetupBeforeTraffic: no first call misses a handler that Setup registers.
func TestSetupBeforeTraffic(t *testing.T) {
	var router gantline.Router
	gantline.Handle(&router, "early", func(ctx context.Context, _ int) (string, error) {
		return gantline.FromContext(ctx).PeerID(), nil
	})
	var ln *server.Listener
	lookedUp := make(chan *gantline.End, 1)
	ln, dial := listenMem(t, server.WithConfig(gantline.Config{Router: &router, Setup: func(e *gantline.End) error {
		gantline.Handle(e, "find me", func(context.Context, int) (bool, error) {
			lookedUp <- ln.End("first")
			return true, nil
		})
		return nil
	}}))
	c := mustDial(t, dial, named("first"))
	if got, err := gantline.Call[string](t.Context(), c, "early", 1); err != nil || got != "first" {
		t.Errorf("early = %q, %v", got, err)
	}
	if _, err := gantline.Call[bool](t.Context(), c, "find me", 1); err != nil {
		t.Error(err)
	}
	if e := <-lookedUp; e == nil || e != mustAccept(t, ln) {
		t.Errorf("a handler found %v under its own id", e)
	}
}

// TestSetupRefuses: the text and code of Setup's error reach the client, and the
// id is free afterwards.
func TestSetupRefuses(t *testing.T) {
	refuse := true
	ln, dial := listenMem(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
		if refuse {
			return &gantline.Error{Code: gantline.PermissionDenied, Message: "not on Sundays"}
		}
		return nil
	}}))
	_, err := dial(t.Context(), named("a"))
	if !errors.Is(err, gantline.PermissionDenied) || !strings.Contains(err.Error(), "not on Sundays") {
		t.Errorf("dial = %v", err)
	}
	eventually(t, "the handshake is over", func() bool { return ln.Stats().Handshakes == 0 })
	if st := ln.Stats(); st.Refused != 1 || st.Peers != 0 || ln.End("a") != nil {
		t.Errorf("stats %+v, End %v", st, ln.End("a"))
	}
	refuse = false
	mustDial(t, dial, named("a"))
}

// TestEnds: the list has the Ends that live, and no others.
func TestEnds(t *testing.T) {
	ln, dial := listenMem(t)
	for _, id := range []string{"a", "b", "c"} {
		mustDial(t, dial, named(id))
	}
	ids := func() []string {
		var ids []string
		for e := range ln.Ends() {
			ids = append(ids, e.PeerID())
		}
		slices.Sort(ids)
		return ids
	}
	if got := ids(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("Ends = %q", got)
	}
	for e := range ln.Ends() { // disconnect the first, whichever it is
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if ln.End(e.PeerID()) != nil || slices.Contains(ids(), e.PeerID()) {
			t.Errorf("%q is listed after Close", e.PeerID())
		}
		break
	}
	if got := ids(); len(got) != 2 {
		t.Errorf("Ends = %q after one was closed", got)
	}
	if ln.End("nobody") != nil {
		t.Error("found nobody")
	}
}

// TestClientIDs: a client without an id is given one.
func TestClientIDs(t *testing.T) {
	ln, dial := listenMem(t)
	a, b := mustDial(t, dial), mustDial(t, dial)
	if a.LocalID() == "" || a.LocalID() == b.LocalID() || ln.End(a.LocalID()) == nil {
		t.Errorf("ids %q and %q", a.LocalID(), b.LocalID())
	}
	if a.PeerID() == "" || a.PeerID() != b.PeerID() {
		t.Errorf("server ids %q and %q, want one", a.PeerID(), b.PeerID())
	}
}

// TestAcceptEndErrors: the three ways in which AcceptEnd fails.
func TestAcceptEndErrors(t *testing.T) {
	ln, _ := listenMem(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ln.AcceptEnd(ctx); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "gantline: ") {
		t.Errorf("with a cancelled context: %v", err)
	}
	waiting := make(chan error)
	go func() {
		_, err := ln.AcceptEnd(context.Background())
		waiting <- err
	}()
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "gantline: ") {
		t.Errorf("while it waits: %v", err)
	}
	if _, err := ln.AcceptEnd(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}

	mem := memnet.Listen("broken")
	ln = server.NewListener(brokenListener{mem})
	defer ln.Close()
	if _, err := ln.AcceptEnd(t.Context()); !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "gantline: ") {
		t.Errorf("over a broken listener: %v", err)
	}
}

var errBroken = errors.New("out of order")

// brokenListener fails for good.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }

// TestListenErrors: what cannot work is reported at once, with what would work.
func TestListenErrors(t *testing.T) {
	tests := []struct {
		network, addr string
		want          string
	}{
		{"udp", "127.0.0.1:0", "tcp, tcp4, tcp6, unix or tls"},
		{"", "127.0.0.1:0", "tcp, tcp4, tcp6, unix or tls"},
		{"tcp", "127.0.0.1", `"host:port"`},
		{"tcp", "", `"host:port"`},
		{"tcp4", "127.0.0.1:", `"host:port"`},
		{"tls", "127.0.0.1:0", "WithTLS"},
		{"unix", "", "the path of a socket"},
	}
	for _, tt := range tests {
		ln, err := server.Listen(tt.network, tt.addr)
		if err == nil {
			ln.Close()
		}
		if !errors.Is(err, gantline.InvalidArgument) || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "gantline: ") != 1 {
			t.Errorf("Listen(%q, %q) = %v, want one that says %s", tt.network, tt.addr, err, tt.want)
		}
	}
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var op *net.OpError
	if _, err := server.Listen("tcp", ln.Addr().String()); !errors.As(err, &op) || strings.Count(err.Error(), "gantline: ") != 1 {
		t.Errorf("on a used port: %v", err)
	}
}
