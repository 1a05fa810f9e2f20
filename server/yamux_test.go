package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
	"github.com/hashicorp/yamux"
)

func quietYamux() *yamux.Config {
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	return cfg
}

// dialYamux dials ln as a client of hashicorp's.
func dialYamux(t *testing.T, ln *server.Listener) *yamux.Session {
	t.Helper()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	y, err := yamux.Client(nc, quietYamux())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { y.Close() })
	return y
}

// wantRefused fails the test if a new client of hashicorp's is accepted.
func wantRefused(t *testing.T, ln *server.Listener) {
	t.Helper()
	st, err := dialYamux(t, ln).Open()
	if err == nil { // it is its first word
		_, err = st.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("it was let in")
	}
}

// TestYamuxListener: one listener serves both dialects; yamux peers are on its list and count.
func TestYamuxListener(t *testing.T) {
	ln, dial := listenNet(t, "tcp", "127.0.0.1:0", []server.Option{
		server.WithConfig(gantline.Config{Yamux: true}), server.WithLimits(server.Limits{Peers: 2}),
	})
	st, err := dialYamux(t, ln).Open()
	if err != nil {
		t.Fatal(err)
	}
	end := mustAccept(t, ln)
	mustDial(t, dial, named("native"))
	mustAccept(t, ln)
	if end.PeerID() == "" || ln.End(end.PeerID()) != end || ln.End("native") == nil {
		t.Errorf("the list lacks %q", end.PeerID())
	}
	go io.Copy(st, st)
	own, err := end.AcceptStream(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(own, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	wantRefused(t, ln) // a third one
	if err := end.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the closed End leaves the list", func() bool { return ln.End(end.PeerID()) == nil })
}

// TestYamuxOff: without the flag the connection of a yamux peer is closed.
func TestYamuxOff(t *testing.T) {
	ln, _ := listenNet(t, "tcp", "127.0.0.1:0", nil)
	wantRefused(t, ln)
}

// TestYamuxDial: client.WithYamux talks to a server of hashicorp's.
func TestYamuxDial(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	sessions := make(chan *yamux.Session, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		y, _ := yamux.Server(nc, quietYamux())
		sessions <- y
	}()
	end, err := client.Dial(context.Background(), "tcp", ln.Addr().String(), client.WithYamux())
	if err != nil {
		t.Fatal(err)
	}
	y := <-sessions
	defer y.Close()
	theirs, err := y.Open()
	if err != nil {
		t.Fatal(err)
	}
	theirs.Write([]byte("from the server"))
	theirs.Close()
	st, err := end.AcceptStream(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(st); string(got) != "from the server" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := end.Call(context.Background(), "m", nil); !errors.Is(err, gantline.ErrUnsupported) {
		t.Error(err)
	}
	st.Close()
	if err := end.Close(); err != nil {
		t.Error(err)
	}
}
