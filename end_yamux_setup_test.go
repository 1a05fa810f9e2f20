package gantline

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/hashicorp/yamux"
)

// TestYamuxSetup: nothing of the peer's is heard before Setup has returned; streams it opens go out after.
func TestYamuxSetup(t *testing.T) {
	heard := make(chan *Stream, 1)
	cfg := &Config{
		Setup: func(e *End) error {
			if _, err := e.Ping(context.Background()); !errors.Is(err, FailedPrecondition) {
				t.Errorf("Ping: %v", err)
			}
			_, err := e.OpenStream(context.Background())
			return err
		},
		OnStream: func(st *Stream) error { heard <- st; return nil },
	}
	eachRole(t, cfg, func(t *testing.T, e *End, y *yamux.Session, _ *memnet.Conn) {
		_, err := y.AcceptStream()
		must(t, err)
		_, err = y.OpenStream()
		must(t, err)
		if st := <-heard; st.Side() == e.Side() {
			t.Errorf("stream of %v", st.Side())
		}
	})
}

// TestYamuxSetupFails: the connection is closed, and nothing is left.
func TestYamuxSetupFails(t *testing.T) {
	no := errors.New("no")
	for name, setup := range map[string]func(*End) error{
		"error":  func(*End) error { return no },
		"panic":  func(*End) error { panic(no) },
		"closes": func(e *End) error { _ = e.Close(); return nil },
	} {
		for _, dials := range []bool{true, false} {
			a, b := memnet.Pipe()
			cfg := quiet(&Config{Yamux: true, Setup: setup})
			make := Client
			if !dials {
				make = Server
				_, err := b.Write([]byte{0})
				must(t, err)
			}
			e, err := make(short(t), a, cfg)
			if e != nil || err == nil {
				t.Fatalf("%s: %v, %v", name, e, err)
			}
			if name == "error" {
				want(t, err, no)
			}
			if _, err := io.ReadAll(b); err != nil && !errors.Is(err, net.ErrClosed) && dials {
				t.Errorf("%s: the peer reads %v", name, err)
			}
			_ = b.Close()
		}
	}
}

// TestYamuxDialects: with the flag the accepting side takes both dialects, without it only its own.
func TestYamuxDialects(t *testing.T) {
	c, s := pair(t, nil, &Config{Yamux: true, Setup: func(e *End) error { e.Handle("echo", echo); return nil }})
	got, err := c.Call(short(t), "echo", []byte("hi"))
	must(t, err)
	if string(got) != "hi" || s.PeerID() == "" {
		t.Errorf("%q", got)
	}
	_, err = c.Write([]byte("x"))
	must(t, err)

	a, b := memnet.Pipe()
	defer b.Close()
	_, err = b.Write(make([]byte, 12))
	must(t, err)
	if e, err := Server(short(t), a, quiet(nil)); err == nil {
		t.Errorf("a yamux peer got %v without the flag", e)
	}
}

// TestYamuxBothOurs: two Ends of ours speak it with each other.
func TestYamuxBothOurs(t *testing.T) {
	c, s := pair(t, &Config{Yamux: true}, &Config{Yamux: true})
	st, err := c.OpenStream(short(t))
	must(t, err)
	_, err = st.Write([]byte("hi"))
	must(t, err)
	must(t, st.CloseWrite())
	other, err := s.AcceptStream(short(t))
	must(t, err)
	got, err := io.ReadAll(other)
	must(t, err)
	if string(got) != "hi" {
		t.Errorf("%q", got)
	}
}

// TestYamuxSilent: a connection on which nothing comes is given up in time, or when the context ends.
func TestYamuxSilent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for limit, want := range map[time.Duration]time.Duration{time.Hour: 5 * time.Second, time.Second: time.Second} {
			a, b := memnet.Pipe()
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			start := time.Now()
			_, err := Server(ctx, a, quiet(&Config{Yamux: true}))
			if d := time.Since(start); d != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", d, err)
			}
			cancel()
			_ = b.Close()
		}
	})
}
