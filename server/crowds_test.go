package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// A town is a listener that connections reach from addresses of their choice, in memory.
type town struct {
	ln   *server.Listener
	mem  *memnet.Listener
	tls  *tls.Config   // of clients; nil = none
	turn chan struct{} // full from a dial until it is known where it came from; a mutex would stop the clock
	from chan net.Addr
}

// towns runs f in a bubble, over plain connections and over TLS.
func towns(t *testing.T, l server.Limits, cfg gantline.Config, f func(*testing.T, *town)) {
	cert, pool := certificate() // outside of the bubble, whose clock begins in 2000
	for _, over := range []string{"plain", "TLS"} {
		t.Run(over, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &town{mem: memnet.Listen("server", memnet.WithLatency(5*time.Millisecond)), turn: make(chan struct{}, 1), from: make(chan net.Addr, 1000)}
				opts := []server.Option{server.WithLimits(l), server.WithConfig(cfg)}
				if over == "TLS" {
					opts = append(opts, server.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
					w.tls = &tls.Config{RootCAs: pool, ServerName: "example.org", Time: func() time.Time { return cert.Leaf.NotAfter.Add(-time.Minute) }}
				}
				w.ln = server.NewListener(fromListener{w.mem, w.from}, opts...)
				defer w.ln.Close()
				go func() {
					for {
						if _, err := w.ln.AcceptEnd(context.Background()); err != nil {
							return
						}
					}
				}()
				f(t, w)
			})
		})
	}
}

// dial connects from an address.
func (w *town) dial(ctx context.Context, ip string) (net.Conn, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	nc, err := w.mem.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w.from <- &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}
	return nc, nil
}

// secure is nc with TLS, if the town has that.
func (w *town) secure(nc net.Conn) net.Conn {
	if w.tls == nil {
		return nc
	}
	return tls.Client(nc, w.tls)
}

// client is an honest one from an address.
func (w *town) client(ctx context.Context, ip string, cfg gantline.Config, opts ...client.Option) (*gantline.End, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx, ip) }
	opts = append([]client.Option{client.WithConfig(cfg), client.WithDialFunc(dial)}, opts...)
	if w.tls != nil {
		opts = append(opts, client.WithTLS(w.tls))
	}
	return client.Dial(ctx, "memnet", "server", opts...)
}

// made is a client that speaks the protocol by hand until it has its WELCOME.
func (w *town) made(nc net.Conn, id string) (net.Conn, error) {
	nc = w.secure(nc)
	if _, err := nc.Write(hello(id)); err != nil {
		return nil, err
	}
	var head [frame.HeaderLen]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		return nil, err
	}
	h, err := frame.ParseHeader(head[:])
	if err == nil {
		_, err = io.CopyN(io.Discard, nc, int64(h.Length))
	}
	return nc, err
}

// ping is the first frame of a client.
func ping() []byte {
	p := frame.AppendPing(nil, &frame.Ping{})
	return append(frame.AppendHeader(nil, frame.Header{Type: frame.TypePing, Length: uint32(len(p))}), p...)
}

// crowd has n strangers do the same over and over, each from its address, until stop is called.
func (w *town) crowd(n int, ip func(i int) string, act func(nc net.Conn, i int)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				nc, err := w.dial(ctx, ip(i))
				if err != nil {
					return
				}
				quit := context.AfterFunc(ctx, func() { nc.Close() })
				act(nc, i)
				quit()
				nc.Close()
				select {
				case <-time.After(70 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// from125 are 125 addresses for 1000 strangers.
func from125(i int) string { return fmt.Sprintf("203.0.113.%d", i%125) }

var crowdIDs atomic.Uint64

// crowds are what crowds of strangers do. TestCrowds has what honest clients notice of it.
var crowds = []struct {
	name string
	most time.Duration // until an honest client is in
	n    int
	ip   func(i int) string
	act  func(w *town, nc net.Conn, i int)
}{
	{"silent", 100 * time.Millisecond, 1000, from125, func(_ *town, nc net.Conn, _ int) { io.Copy(io.Discard, nc) }},
	{"a byte a second", 100 * time.Millisecond, 1000, from125, func(_ *town, nc net.Conn, _ int) {
		for _, b := range hello("") {
			if _, err := nc.Write([]byte{b}); err != nil {
				return
			}
			<-time.After(time.Second)
		}
	}},
	{"a byte each 10 ms", 100 * time.Millisecond, 300, from125, func(_ *town, nc net.Conn, _ int) {
		for _, b := range hello("") {
			if _, err := nc.Write([]byte{b}); err != nil {
				return
			}
			<-time.After(10 * time.Millisecond)
		}
	}},
	{"silent from everywhere", 100 * time.Millisecond, 1000, func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) },
		func(_ *town, nc net.Conn, _ int) { io.Copy(io.Discard, nc) }},
	{"slow and silent from everywhere", 250 * time.Millisecond, 1000, func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }, func(_ *town, nc net.Conn, i int) {
		if i%2 == 0 {
			nc.Write(hello("")[:3])
		}
		io.Copy(io.Discard, nc)
	}},
	{"WELCOME and hang up", 100 * time.Millisecond, 100, from125, func(w *town, nc net.Conn, _ int) { w.made(nc, "") }},
	{"WELCOME and silence", 100 * time.Millisecond, 350, from125, func(w *town, nc net.Conn, _ int) {
		if nc, err := w.made(nc, ""); err == nil {
			io.Copy(io.Discard, nc)
		}
	}},
	{"made and dropped", 100 * time.Millisecond, 8, func(int) string { return "203.0.113.9" }, func(w *town, nc net.Conn, _ int) {
		if nc, err := w.made(nc, fmt.Sprint("f", crowdIDs.Add(1))); err == nil {
			nc.Write(ping())
			<-time.After(15 * time.Millisecond)
		}
	}},
}

// TestCrowds: whatever crowds do, an honest client gets in at once, and one that is there notices nothing.
func TestCrowds(t *testing.T) {
	for _, f := range crowds {
		t.Run(f.name, func(t *testing.T) {
			var router gantline.Router
			gantline.Handle(&router, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
			towns(t, server.Limits{Peers: 400}, gantline.Config{Router: &router}, func(t *testing.T, w *town) {
				there, err := w.client(t.Context(), "192.0.2.1", gantline.Config{ID: "there"})
				if err != nil {
					t.Fatal(err)
				}
				stop := w.crowd(f.n, f.ip, func(nc net.Conn, i int) { f.act(w, nc, i) })
				<-time.After(500 * time.Millisecond)
				dials := 10
				if testing.Short() {
					dials = 3
				}
				for i := range dials {
					start := time.Now()
					end, err := w.client(t.Context(), fmt.Sprintf("192.0.2.%d", 10+i), gantline.Config{ID: fmt.Sprint("new", i)}, client.WithoutRedial())
					if d := time.Since(start); err != nil || d > f.most {
						t.Errorf("an honest client got in after %v: %v", d, err)
					}
					for _, e := range []*gantline.End{there, end} {
						if e == nil {
							continue
						}
						start = time.Now()
						if n, err := gantline.Call[int](t.Context(), e, "double", i); n != 2*i || err != nil || time.Since(start) > 20*time.Millisecond {
							t.Errorf("double = %d, %v after %v", n, err, time.Since(start))
						}
					}
					if end != nil {
						end.Close()
					}
					<-time.After(100 * time.Millisecond)
				}
				st := w.ln.Stats()
				stop()
				there.Close()
				if st.Handshakes > server.DefaultHandshakes || st.Suspended > 400 {
					t.Errorf("stats %+v", st)
				}
				<-time.After(6 * time.Second) // what has hung up is gone
				if st := w.ln.Stats(); st.Handshakes != 0 || st.Suspended > 8*125 {
					t.Errorf("stats %+v", st)
				}
			})
		})
	}
}
