package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// TestUnknownVersion speaks a version that the server does not: it answers with
// the preface of its own and hangs up, without a reset that would lose it.
func TestUnknownVersion(t *testing.T) {
	a, b := memnet.Pipe(memnet.WithReset())
	defer a.Close()
	a.Write(append(frame.AppendPreface(nil, 9), make([]byte, 500)...))
	done := make(chan error)
	go func() {
		_, err := Server(context.Background(), b, nil)
		done <- err
	}()
	_, _, err := readWelcome(a)
	var v *VersionError
	if !errors.As(err, &v) || v.Peer != frame.Version {
		t.Errorf("got %v, want the server's version", err)
	}
	a.Close()
	if err := <-done; !errors.As(err, &v) || v.Peer != 9 {
		t.Errorf("error of the server: %v", err)
	}
}

// TestStrangers speaks other protocols: no answer, and the end at once.
func TestStrangers(t *testing.T) {
	for name, first := range map[string][]byte{
		"tls":           {0x16, 3, 1, 2, 0},
		"http":          []byte("GET / HTTP/1.1\r\n\r\n"),
		"yamux":         make([]byte, 12),
		"wrong preface": []byte("\x8AGNTx"),
		"last byte":     []byte("\x8AGNTL\r\r\x01"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				a.Write(first)
				begin := time.Now()
				_, err := Server(t.Context(), b, nil)
				if !errors.Is(err, ErrNotGantline) || time.Since(begin) != 0 {
					t.Errorf("got %v after %v", err, time.Since(begin))
				}
				if got, _ := io.ReadAll(a); len(got) != 0 {
					t.Errorf("answered %x", got)
				}
				a.Close()
			})
		})
	}
}

// TestHandshakeTimeout tries peers that are slow or silent on both sides.
func TestHandshakeTimeout(t *testing.T) {
	h := validHello()
	hello := append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, &h))...)
	for _, tt := range []struct {
		name   string
		client bool
		peer   func(nc net.Conn)
	}{
		{"silent client", false, func(net.Conn) {}},
		{"client that stops in HELLO", false, func(nc net.Conn) { nc.Write(hello[:50]) }},
		{"client with a byte per second", false, func(nc net.Conn) { trickle(nc, hello) }},
		{"client of version 9 that does not hang up", false, func(nc net.Conn) { nc.Write(frame.AppendPreface(nil, 9)) }},
		{"silent server", true, func(net.Conn) {}},
		{"server with a byte per second", true, func(nc net.Conn) {
			w := validWelcome()
			trickle(nc, message(frame.TypeWelcome, frame.AppendWelcome(nil, &w)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := memnet.Pipe()
				var wg sync.WaitGroup
				wg.Go(func() { tt.peer(a) })
				begin := time.Now()
				var err error
				if tt.client {
					_, err = Client(t.Context(), b, &Config{HandshakeTimeout: 3 * time.Second})
				} else {
					_, err = Server(t.Context(), b, &Config{HandshakeTimeout: 3 * time.Second})
				}
				var v *VersionError
				if !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &v) {
					t.Errorf("got %v", err)
				}
				if d := time.Since(begin); d > 3*time.Second {
					t.Errorf("took %v", d)
				}
				if _, err := b.Write(nil); !errors.Is(err, net.ErrClosed) {
					t.Error("the carrier is open")
				}
				a.Close()
				wg.Wait()
			})
		})
	}
}

// trickle writes one byte of b per second.
func trickle(nc net.Conn, b []byte) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range b {
		if _, err := nc.Write(b[i : i+1]); err != nil {
			return
		}
		<-tick.C
	}
}

func TestHandshakeContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("changed my mind")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		a, b := memnet.Pipe()
		if _, err := Client(ctx, a, nil); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		b.Close()
	})
}
