package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// TestResumeIntoBlockedHandler: clients whose sessions are inside an Inline handler that hangs come back over and over.
// Nobody else notices, and they have their sessions when it has returned.
func TestResumeIntoBlockedHandler(t *testing.T) {
	release := make(chan struct{})
	setup := func(e *gantline.End) error {
		e.Handle("hang", gantline.HandlerFunc(func(_ context.Context, r *gantline.Request) ([]byte, error) {
			<-release
			return r.Body, nil
		}), gantline.Inline())
		return nil
	}
	towns(t, server.Limits{Handshakes: 4}, gantline.Config{Setup: setup}, func(t *testing.T, w *town) {
		release = make(chan struct{})
		const n = 6
		var ends []*gantline.End
		var mu sync.Mutex
		var carriers []*memnet.Conn
		for i := range n {
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
				nc, err := w.dial(ctx, fmt.Sprintf("192.0.2.%d", i))
				if err == nil {
					mu.Lock()
					carriers = append(carriers, nc.(*memnet.Conn))
					mu.Unlock()
				}
				return nc, err
			}
			end, err := w.client(t.Context(), "", gantline.Config{ID: fmt.Sprint("c", i)}, client.WithDialFunc(dial))
			if err != nil {
				t.Fatal(err)
			}
			defer end.Close()
			ends = append(ends, end)
		}
		var calls sync.WaitGroup
		for i, e := range ends {
			calls.Go(func() {
				if b, err := e.Call(t.Context(), "hang", []byte{byte(i)}); err != nil || len(b) != 1 || b[0] != byte(i) {
					t.Errorf("the call in the handler: %v, %v", b, err)
				}
			})
		}
		<-time.After(100 * time.Millisecond)
		mu.Lock()
		for _, nc := range carriers {
			nc.Cut()
		}
		mu.Unlock()
		for i := range 20 {
			<-time.After(700 * time.Millisecond)
			start := time.Now()
			end, err := w.client(t.Context(), "198.51.100.1", gantline.Config{ID: fmt.Sprint("new", i)}, client.WithoutRedial())
			if d := time.Since(start); err != nil || d > 200*time.Millisecond { // the grace of those that wait, and what an honest one takes
				t.Errorf("an honest client got in after %v: %v", d, err)
			}
			if err == nil {
				end.Close()
			}
		}
		close(release)
		calls.Wait()
		for _, e := range ends {
			if st := e.Stats(); st.Sessions != 1 || st.Link.Resumes == 0 {
				t.Errorf("%d sessions, %d resumes", st.Sessions, st.Link.Resumes)
			}
		}
	})
}

// TestHandshakeEndsWithItsConnection: a client that hangs up holds nothing, wherever its handshake stands.
func TestHandshakeEndsWithItsConnection(t *testing.T) {
	for _, tt := range []struct {
		name string
		act  func(t *testing.T, w *town, nc net.Conn) net.Conn
	}{
		{"silent", func(_ *testing.T, _ *town, nc net.Conn) net.Conn { return nc }},
		{"half a HELLO", func(_ *testing.T, w *town, nc net.Conn) net.Conn {
			go w.secure(nc).Write(hello("x")[:30])
			return nc
		}},
		{"WELCOME", func(t *testing.T, w *town, nc net.Conn) net.Conn {
			if _, err := w.made(nc, "x"); err != nil {
				t.Error(err)
			}
			return nc
		}},
		{"refused", func(_ *testing.T, w *town, nc net.Conn) net.Conn {
			w.made(nc, "refused")
			return nc
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refuse := func(e *gantline.End) error {
				if e.PeerID() == "refused" {
					return gantline.PermissionDenied
				}
				return nil
			}
			towns(t, server.Limits{}, gantline.Config{Setup: refuse}, func(t *testing.T, w *town) {
				for _, hangUp := range []func(*memnet.Conn) error{(*memnet.Conn).Close, func(nc *memnet.Conn) error { nc.Cut(); return nil }} {
					nc, err := w.dial(t.Context(), "203.0.113.1")
					if err != nil {
						t.Fatal(err)
					}
					tt.act(t, w, nc)
					<-time.After(30 * time.Millisecond)
					if n := w.ln.Stats().Handshakes; n != 1 {
						t.Errorf("%d handshakes before it hangs up", n)
					}
					hangUp(nc.(*memnet.Conn))
					<-time.After(10 * time.Millisecond)
					synctest.Wait()
					if st := w.ln.Stats(); st.Handshakes != 0 || st.Peers != 0 {
						t.Errorf("it has hung up, and stats %+v", st)
					}
				}
			})
		})
	}
}

// TestFirstByte: who says nothing is gone after 2 s; who says a little has the handshake's 5 s.
func TestFirstByte(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits server.Limits
		yamux  bool
		say    int
		want   time.Duration
	}{
		{"silent", server.Limits{}, false, 0, server.DefaultFirstByteTimeout},
		{"a byte", server.Limits{}, false, 1, server.DefaultHandshakeTimeout},
		{"silent, its own limit", server.Limits{FirstByteTimeout: time.Second}, false, 0, time.Second},
		{"silent, no limit", server.Limits{FirstByteTimeout: -1}, false, 0, server.DefaultHandshakeTimeout},
		{"silent, may speak yamux", server.Limits{}, true, 0, server.DefaultHandshakeTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			towns(t, tt.limits, gantline.Config{Yamux: tt.yamux}, func(t *testing.T, w *town) {
				nc, err := w.dial(t.Context(), "203.0.113.1")
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				start := time.Now()
				if first := []byte{0x8A, 0x16}[btoi(w.tls != nil)]; tt.say > 0 { // of HELLO, and of TLS
					nc.Write([]byte{first})
				}
				io.Copy(io.Discard, nc)
				if d := time.Since(start).Round(20 * time.Millisecond); d != tt.want {
					t.Errorf("gone after %v, want %v", d, tt.want)
				}
				synctest.Wait()
				st := w.ln.Stats()
				if first := tt.want < server.DefaultHandshakeTimeout; st.Hits.FirstByteTimeout != uint64(btoi(first)) || st.Hits.HandshakeTimeout != uint64(btoi(!first)) {
					t.Errorf("stats %+v", st)
				}
			})
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestPeersPerSource: one address has so many Ends with a connection. Suspended ones are not among them.
func TestPeersPerSource(t *testing.T) {
	for _, tt := range []struct {
		name string
		ip   func(i int) string
		l    server.Limits
		let  int // of 6
	}{
		{"one address", func(int) string { return "203.0.113.1" }, server.Limits{PeersPerSource: 3}, 3},
		{"two addresses", func(i int) string { return fmt.Sprintf("203.0.113.%d", i%2) }, server.Limits{PeersPerSource: 2}, 4},
		{"a network of IPv6", func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, server.Limits{PeersPerSource: 3}, 3},
		{"loopback", func(int) string { return "127.0.0.1" }, server.Limits{PeersPerSource: 3}, 6},
		{"no limit", func(int) string { return "203.0.113.1" }, server.Limits{PeersPerSource: -1}, 6},
		{"in all", func(i int) string { return fmt.Sprintf("203.0.113.%d", i) }, server.Limits{Peers: 3}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			towns(t, tt.l, gantline.Config{}, func(t *testing.T, w *town) {
				option, hits := "Limits.PeersPerSource", func() uint64 { return w.ln.Stats().Hits.PeersPerSource }
				if tt.l.Peers > 0 {
					option, hits = "Limits.Peers", func() uint64 { return w.ln.Stats().Hits.Peers }
				}
				var let []*gantline.End
				for i := range 6 {
					nc, err := w.dial(t.Context(), tt.ip(i))
					if err != nil {
						t.Fatal(err)
					}
					end, err := gantline.Client(t.Context(), w.secure(nc), &gantline.Config{ID: fmt.Sprint(i)})
					if err == nil {
						let = append(let, end)
						continue
					}
					var refused *conn.RefusedError
					if !errors.As(err, &refused) || refused.Code != gantline.ResourceExhausted || refused.RetryAfter <= 0 ||
						!strings.Contains(err.Error(), option) || !strings.Contains(err.Error(), "has 3 peers") && !strings.Contains(err.Error(), "has 2 peers") {
						t.Errorf("refused with %v", err)
					}
				}
				if len(let) != tt.let || hits() != uint64(6-tt.let) {
					t.Errorf("%d were let in, stats %+v", len(let), w.ln.Stats())
				}
				for _, end := range let {
					end.Abort(nil)
				}
				<-time.After(10 * time.Millisecond)
				synctest.Wait()
				if st := w.ln.Stats(); st.Suspended != tt.let {
					t.Errorf("stats %+v", st)
				}
				for i := range tt.let { // as many newcomers
					end, err := w.client(t.Context(), tt.ip(i), gantline.Config{ID: fmt.Sprint("new", i)})
					if err != nil {
						t.Errorf("with all suspended: %v", err)
						continue
					}
					defer end.Close()
				}
				<-time.After(90 * time.Second) // the suspended ones have expired
				if st := w.ln.Stats(); st.Peers != tt.let || st.Suspended != 0 {
					t.Errorf("stats %+v", st)
				}
			})
		})
	}
}
