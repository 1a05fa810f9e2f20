package mux

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// yamuxEnd is one end of a yamux session, ours or hashicorp's.
type yamuxEnd struct {
	*Yamux                // nil for hashicorp's
	acc    *testAcceptor  // ditto
	h      *yamux.Session // nil for ours
}

var quiet = slog.New(slog.DiscardHandler)

func newTestAcceptor() *testAcceptor {
	return &testAcceptor{streams: make(chan *Stream, 8192), drained: make(chan frame.Drain, 1)}
}

// newOurs starts an end of ours; the test's end aborts it.
func newOurs(t testing.TB, nc net.Conn, client bool, change func(*YamuxConfig)) *yamuxEnd {
	t.Helper()
	acc := newTestAcceptor()
	cfg := &YamuxConfig{Acceptor: acc, Logger: quiet}
	if change != nil {
		change(cfg)
	}
	start := YamuxServer
	if client {
		start = YamuxClient
	}
	y, err := start(nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		y.Abort(nil)
		<-y.Done()
		y.checkEmpty(t)
	})
	return &yamuxEnd{Yamux: y, acc: acc}
}

// checkEmpty: a session that has ended holds nothing any more.
func (y *Yamux) checkEmpty(t testing.TB) {
	if n := y.s.Count(); n != 0 {
		t.Errorf("%d streams are in the table of an ended session", n)
	}
	y.l.Lock()
	defer y.l.Unlock()
	if len(y.l.log.pieces) != 0 {
		t.Errorf("an ended session holds %d pieces of log", len(y.l.log.pieces))
	}
}

func newTheirs(t testing.TB, nc net.Conn, client bool, change func(*yamux.Config)) *yamuxEnd {
	t.Helper()
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	if change != nil {
		change(cfg)
	}
	start := yamux.Server
	if client {
		start = yamux.Client
	}
	h, err := start(nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return &yamuxEnd{h: h}
}

func (e *yamuxEnd) open(t testing.TB) net.Conn {
	t.Helper()
	if e.h != nil {
		nc, err := e.h.Open()
		if err != nil {
			t.Error(err)
			return nil
		}
		return nc
	}
	st, err := e.s.OpenStream(t.Context(), &Open{}, nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	return st
}

func (e *yamuxEnd) accept() (net.Conn, error) {
	if e.h != nil {
		return e.h.Accept()
	}
	select {
	case st := <-e.acc.streams:
		st.Accept()
		return st, nil
	case <-e.Done():
		return nil, e.Err()
	}
}

// closeWrite ends the sending direction; hashicorp's Close does no more than that.
func closeWrite(nc net.Conn) error {
	if st, ok := nc.(*Stream); ok {
		return st.CloseWrite()
	}
	return nc.Close()
}

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err == nil {
		server, err = ln.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func memPair(t testing.TB, opts ...memnet.Option) (client, server net.Conn) {
	a, b := memnet.Pipe(opts...)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// ourPair returns two ends of ours over memnet.
func ourPair(t testing.TB, change func(*YamuxConfig)) (c, s *yamuxEnd) {
	a, b := memPair(t)
	return newOurs(t, a, true, change), newOurs(t, b, false, change)
}

// eachPair runs fn over every pairing with hashicorp's, both kinds of connection, and with itself.
func eachPair(t *testing.T, fn func(t *testing.T, c, s *yamuxEnd)) {
	for _, net := range []struct {
		name string
		pair func(t testing.TB) (net.Conn, net.Conn)
	}{
		{"tcp", tcpPair},
		{"mem", func(t testing.TB) (net.Conn, net.Conn) { return memPair(t) }},
		{"pieces", func(t testing.TB) (net.Conn, net.Conn) {
			return memPair(t, memnet.WithMaxRead(3000), memnet.WithMaxWrite(5000), memnet.WithSeed(1))
		}},
	} {
		t.Run(net.name+"/our client", func(t *testing.T) {
			a, b := net.pair(t)
			fn(t, newOurs(t, a, true, nil), newTheirs(t, b, false, nil))
		})
		t.Run(net.name+"/our server", func(t *testing.T) {
			a, b := net.pair(t)
			fn(t, newTheirs(t, a, true, nil), newOurs(t, b, false, nil))
		})
		t.Run(net.name+"/both ours", func(t *testing.T) {
			a, b := net.pair(t)
			fn(t, newOurs(t, a, true, nil), newOurs(t, b, false, nil))
		})
	}
}

// waitNoStreams waits until neither end has a stream left.
func waitNoStreams(t *testing.T, ends ...*yamuxEnd) {
	t.Helper()
	for _, e := range ends {
		left := func() int { return e.h.NumStreams() }
		if e.h == nil {
			left = func() int {
				e.mu.Lock()
				defer e.mu.Unlock()
				return max(e.s.Count(), len(e.streams))
			}
		}
		waitFor(t, "the streams to go", func() bool { return left() == 0 })
	}
}

// waitFor waits for a condition that other goroutines bring about.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !cond(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7>>3) + seed
	}
	return p
}

// echoAll accepts streams and sends back what comes on each, until the session ends.
func echoAll(e *yamuxEnd) {
	for {
		nc, err := e.accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(nc, nc)
			nc.Close()
		}()
	}
}

// echoOnce sends data on a new stream, ends it and compares what comes back.
func echoOnce(t *testing.T, e *yamuxEnd, data []byte) {
	t.Helper()
	nc := e.open(t)
	if nc == nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := nc.Write(data); err != nil {
			t.Error(err)
		}
		if err := closeWrite(nc); err != nil {
			t.Error(err)
		}
	})
	got, err := io.ReadAll(nc)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d of %d bytes back, or wrong ones: %v", len(got), len(data), err)
	}
	wg.Wait()
	nc.Close()
}

func TestYamuxEcho(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		go echoAll(c)
		go echoAll(s)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() { echoOnce(t, c, pattern(3<<20/10, byte(i))) })
			wg.Go(func() { echoOnce(t, s, pattern(3<<20/10, byte(i+100))) })
		}
		wg.Wait()
		waitNoStreams(t, c, s)
	})
}

func TestYamuxBulk(t *testing.T) {
	eachPair(t, func(t *testing.T, c, s *yamuxEnd) {
		go echoAll(s)
		echoOnce(t, c, pattern(3<<20, 1))
		waitNoStreams(t, c, s)
	})
}
