package server_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// flakyListener fails its first Accepts and records when it is called.
type flakyListener struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	fails int
	calls []time.Time
}

// temporary is what Accept returns when a process has no file descriptor left.
type temporary struct{}

func (temporary) Error() string   { return "too many open files" }
func (temporary) Temporary() bool { return true }
func (temporary) Timeout() bool   { return false }

func (l *flakyListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	l.calls = append(l.calls, time.Now())
	fail := l.fails > 0
	l.fails--
	l.mu.Unlock()
	if fail {
		return nil, &net.OpError{Op: "accept", Net: "memnet", Err: temporary{}}
	}
	return l.Listener.Accept()
}

// TestAcceptBackoff: after a temporary error Accept is tried again, with a longer pause each time.
func TestAcceptBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.Listen("server")
		flaky := &flakyListener{Listener: mem, fails: 11}
		ln := server.NewListener(flaky)
		start := time.Now()
		end, err := client.Dial(t.Context(), "memnet", "", client.WithDialFunc(mem.DialContext))
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000}
		var got []time.Duration
		flaky.mu.Lock()
		last := start
		for _, at := range flaky.calls[:len(want)] {
			got = append(got, at.Sub(last)/time.Millisecond)
			last = at
		}
		flaky.mu.Unlock()
		if !slices.Equal(got, want) {
			t.Errorf("pauses %d ms, want %d", got, want)
		}
		end.Close()
		ln.Close()
	})
}

// TestCloseDuringBackoff: Close does not wait for the pause.
func TestCloseDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := server.NewListener(&flakyListener{Listener: memnet.Listen("server"), fails: 1000})
		<-time.After(10 * time.Second)
		<-time.After(time.Millisecond)
		start := time.Now()
		if err := ln.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("Close = %v after %v", err, time.Since(start))
		}
	})
}

// TestHandshakeLimit: beyond the limit the slowest client makes way. While it is the server that is slow, newcomers wait.
func TestHandshakeLimit(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  string        // what the first ones send
		want time.Duration // until a client gets in that comes a second later
	}{
		{"silent", "", 0},
		{"half a HELLO", string(hello("")[:20]), 0},
		{"WELCOME and no more", string(hello("")), 0},
		{"in Setup", string(hello("slow1")), 2*time.Second + 100*time.Millisecond}, // then they owe their first frame
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, mem := listenRaw(t, server.WithLimits(server.Limits{Handshakes: 4}), server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
					if strings.HasPrefix(e.PeerID(), "slow") {
						<-time.After(3 * time.Second)
					}
					return nil
				}}))
				for i := range 4 {
					mem.raw(t).Write([]byte(strings.ReplaceAll(tt.say, "slow1", fmt.Sprint("slow", i)))) // an id is in use once
				}
				<-time.After(time.Second)
				start := time.Now()
				_, end := mem.dial(t, gantline.Config{})
				if d := time.Since(start); d != tt.want {
					t.Errorf("dial returned after %v, want %v", d, tt.want)
				}
				if st := ln.Stats(); st.Hits.Handshakes == 0 {
					t.Errorf("stats %+v", st)
				}
				end.Close()
				ln.Close()
			})
		})
	}
}

// fromListener makes connections come from the addresses it is given.
type fromListener struct {
	net.Listener
	from chan net.Addr
}

type fromConn struct {
	net.Conn
	from net.Addr
}

func (c fromConn) RemoteAddr() net.Addr { return c.from }

func (l fromListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fromConn{nc, <-l.from}, nil
}

// TestSourceLimit: one address cannot take all handshakes; loopback may.
func TestSourceLimit(t *testing.T) {
	tests := []struct {
		name  string
		from  func(i int) string
		limit int
		let   int // of 10
	}{
		{"one address", func(int) string { return "192.0.2.7" }, 0, 8},
		{"its own limit", func(int) string { return "192.0.2.7" }, 3, 3},
		{"no limit", func(int) string { return "192.0.2.7" }, -1, 10},
		{"two addresses", func(i int) string { return []string{"192.0.2.7", "192.0.2.8"}[i%2] }, 4, 8},
		{"one network of IPv6", func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 0, 8},
		{"loopback", func(int) string { return "127.0.0.1" }, 0, 10},
		{"loopback of IPv6", func(int) string { return "::1" }, 0, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem := memnet.Listen("server")
				from := make(chan net.Addr, 11)
				ln := server.NewListener(fromListener{mem, from}, server.WithLimits(server.Limits{HandshakesPerSource: tt.limit}))
				defer ln.Close()
				strangers := func(n int) {
					for i := range n {
						from <- &net.TCPAddr{IP: net.ParseIP(tt.from(i)), Port: 1000 + i}
						nc, err := mem.Dial(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						t.Cleanup(func() { nc.Close() })
					}
					synctest.Wait()
				}
				strangers(10)
				if st := ln.Stats(); st.Handshakes != tt.let || int(st.TurnedAway) != 10-tt.let {
					t.Errorf("stats %+v, want %d let in", st, tt.let)
				}
				<-time.After(server.DefaultHandshakeTimeout)
				synctest.Wait()
				strangers(1)
				if st := ln.Stats(); st.Handshakes != 1 || int(st.Failed) != tt.let {
					t.Errorf("stats %+v after the timeout", st)
				}
			})
		})
	}
}
