package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// rawNet reaches a listener below the protocol.
type rawNet struct{ mem *memnet.Listener }

func listenRaw(t testing.TB, opts ...server.Option) (*server.Listener, rawNet) {
	t.Helper()
	mem := memnet.Listen("server")
	ln := server.NewListener(mem, opts...)
	t.Cleanup(func() { ln.Close() })
	return ln, rawNet{mem}
}

func (r rawNet) raw(t testing.TB) *memnet.Conn {
	t.Helper()
	nc, err := r.mem.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func (r rawNet) dial(t testing.TB, cfg gantline.Config) (*memnet.Conn, *gantline.End) {
	t.Helper()
	nc := r.raw(t)
	end, err := gantline.Client(t.Context(), nc, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	return nc, end
}

// hello is the first frame of a client.
func hello(id string) []byte {
	h := frame.AppendHello(nil, &frame.Hello{
		MinVersion: frame.Version, MaxVersion: frame.Version, ID: id, Share: [32]byte{9},
		Limits: frame.Limits{MaxPayload: 64 << 10, Streams: 10, Calls: 10, Messages: 10, Backlog: 10,
			EarlyStream: 64 << 10, EarlyPool: [frame.Groups]uint32{1 << 20, 1 << 20, 1 << 20}, Log: 512 << 10, Body: 1 << 20},
	})
	b := frame.AppendPreface(nil, frame.Version)
	b = frame.AppendHeader(b, frame.Header{Type: frame.TypeHello, Length: uint32(len(h))})
	return append(b, h...)
}

// hostile is what strangers do after they have connected. atOnce says that the listener closes the connection
// without waiting for the timeout.
var hostile = []struct {
	name   string
	atOnce bool
	act    func(nc net.Conn)
}{
	{"silent", false, func(net.Conn) {}},
	{"one byte", false, func(nc net.Conn) { nc.Write([]byte{0x8A}) }},
	{"half a preface", false, func(nc net.Conn) { nc.Write(hello("")[:5]) }},
	{"half a hello", false, func(nc net.Conn) { b := hello(""); nc.Write(b[:len(b)-1]) }},
	{"a byte per second", false, func(nc net.Conn) {
		for _, b := range hello("") {
			if _, err := nc.Write([]byte{b}); err != nil {
				return
			}
			<-time.After(time.Second)
		}
	}},
	{"hello and no more", false, func(nc net.Conn) { nc.Write(hello("ghost")) }},
	{"garbage", true, func(nc net.Conn) { nc.Write([]byte(strings.Repeat("\x00\xFF", 5000))) }},
	{"HTTP", true, func(nc net.Conn) { io.WriteString(nc, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n") }},
	{"TLS", true, func(nc net.Conn) {
		tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake()
	}},
	{"yamux", true, func(nc net.Conn) { nc.Write(make([]byte, 12)) }},
}

// TestHostile: whatever strangers do, a client gets in at once, and they are gone after the handshake timeout.
func TestHostile(t *testing.T) {
	const each = 20
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, mem := listenRaw(t)
				start := time.Now()
				gone := make(chan time.Duration, each)
				var acts sync.WaitGroup
				for range each {
					nc := mem.raw(t)
					acts.Go(func() { h.act(nc) })
					go func() {
						io.Copy(io.Discard, nc)
						gone <- time.Since(start)
					}()
				}
				synctest.Wait()
				_, end := mem.dial(t, gantline.Config{ID: "honest"})
				if d := time.Since(start); d > 2*time.Millisecond {
					t.Errorf("an honest client got in after %v", d)
				}
				if e := mustAccept(t, ln); e.PeerID() != "honest" {
					t.Errorf("AcceptEnd returned %q", e.PeerID())
				}
				want := server.DefaultHandshakeTimeout
				if h.atOnce {
					want = 2 * time.Millisecond
				}
				for range each {
					if d := <-gone; d > want {
						t.Errorf("gone after %v, want %v", d, want)
					}
				}
				acts.Wait()
				synctest.Wait()
				if st := ln.Stats(); st.Handshakes != 0 || st.Peers != 1 || st.Failed+st.Refused != each {
					t.Errorf("stats %+v", st)
				}
				if _, err := end.Ping(t.Context()); err != nil {
					t.Error(err)
				}
				end.Close()
				ln.Close()
			})
		})
	}
}

// TestHostileSockets: the same over real sockets, all sorts at a time, plain and with TLS.
func TestHostileSockets(t *testing.T) {
	const each = 5
	for _, cr := range carriers[1:] {
		t.Run(cr.name, func(t *testing.T) {
			t.Parallel()
			ln, dial := cr.listen(t, server.WithLimits(server.Limits{HandshakeTimeout: 2 * time.Second}))
			mustDial(t, dial) // anything that is done once is done
			start := time.Now()
			var acts, gone sync.WaitGroup
			for range each {
				for _, h := range hostile {
					nc, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					defer nc.Close()
					acts.Go(func() { h.act(nc) })
					gone.Go(func() { io.Copy(io.Discard, nc) })
				}
			}
			best, end := time.Hour, (*gantline.End)(nil)
			for range 5 { // the machine may be busy otherwise
				dialled := time.Now()
				end = mustDial(t, dial)
				best = min(best, time.Since(dialled))
			}
			if best > 100*time.Millisecond {
				t.Errorf("an honest client got in after %v", best)
			}
			gone.Wait()
			if d := time.Since(start); d > 15*time.Second { // they would stay for ever
				t.Errorf("strangers were there for %v", d)
			}
			acts.Wait()
			eventually(t, "no handshake goes on", func() bool { return ln.Stats().Handshakes == 0 })
			if _, err := end.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSlowSetup: a Setup that takes its time delays only its own client.
func TestSlowSetup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, dial := listenMem(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
			switch e.PeerID() {
			case "slow":
				<-time.After(3 * time.Second)
			case "too slow":
				<-time.After(time.Minute)
			}
			return nil
		}}))
		for id, want := range map[string]time.Duration{"slow": 3 * time.Second, "too slow": server.DefaultHandshakeTimeout, "quick": 0} {
			go func() {
				start := time.Now()
				end, err := dial(context.Background(), named(id))
				if d := time.Since(start); d != want || (err != nil) != (id == "too slow") {
					t.Errorf("%s: %v after %v", id, err, d)
				}
				if err == nil {
					end.Close()
				}
			}()
		}
		<-time.After(2 * time.Minute)
		if st := ln.Stats(); st.Handshakes != 0 || st.Accepted != 2 || st.Peers != 0 {
			t.Errorf("stats %+v", st)
		}
		ln.Close()
	})
}

// TestSetupPanics: a panic in Setup refuses its client.
func TestSetupPanics(t *testing.T) {
	_, dial := listenMem(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error {
		if e.PeerID() == "bad" {
			panic("by design")
		}
		return nil
	}}))
	if _, err := dial(t.Context(), named("bad")); !errors.Is(err, gantline.Internal) {
		t.Errorf("dial = %v", err)
	}
	mustDial(t, dial, client.WithConfig(gantline.Config{ID: "good"}))
}
