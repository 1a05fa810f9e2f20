package promise

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// preface is what a client sends first: see the protocol's section about the carrier.
const preface = "\x8aGNTL\r\n\x01"

// hostilities are what a peer may do instead of shaking hands. Each returns when the connection fails.
var hostilities = []struct {
	name string
	do   func(nc net.Conn)
}{
	{"garbage", func(nc net.Conn) {
		for {
			if _, err := nc.Write(pattern(4*kib, 99)); err != nil {
				return
			}
		}
	}},
	{"garbage after the preface", func(nc net.Conn) {
		_, _ = nc.Write([]byte(preface))
		_, _ = nc.Write(pattern(4*kib, 98))
	}},
	{"TLS", func(nc net.Conn) { _ = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake() }},
	{"HTTP", func(nc net.Conn) { _, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }},
	{"nothing", func(net.Conn) {}},
	{"half a preface", func(nc net.Conn) { _, _ = io.WriteString(nc, preface[:4]) }},
	{"preface only", func(nc net.Conn) { _, _ = io.WriteString(nc, preface) }},
	{"a byte now and then", func(nc net.Conn) {
		tick := time.NewTicker(handshakeLimit() / 5)
		defer tick.Stop()
		// A HELLO of the greatest length allowed, after the preface.
		for _, b := range []byte(preface + "\x00\x20\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00" + string(make([]byte, 100))) {
			<-tick.C
			if _, err := nc.Write([]byte{b}); err != nil {
				return
			}
		}
	}},
}

// handshakeLimit is the listener's handshake timeout. A soak run takes the default, in which a peer that sends
// a byte now and then sends one each second.
func handshakeLimit() time.Duration {
	if soak {
		return server.DefaultHandshakeTimeout
	}
	return time.Second
}

// TestHostilePeers: peers that do not shake hands delay a legitimate client by at most 100 ms. They are gone
// after the handshake timeout.
func TestHostilePeers(t *testing.T) {
	const slack = 2 * time.Second // for the machine
	watchdog(t, 2*time.Minute)
	limit := handshakeLimit()
	l, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{Setup: welcoming, Logger: quiet}),
		server.WithLimits(server.Limits{HandshakeTimeout: limit}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	alone := legitimateClients(t, l, legitimate)

	var (
		wg        sync.WaitGroup
		mu        sync.Mutex
		lived     = make([]time.Duration, len(hostilities)) // the longest of each kind; guarded by mu
		connected sync.WaitGroup                            // until all are connected
	)
	for kind, h := range hostilities {
		for range hostilePeers {
			connected.Add(1)
			wg.Go(func() {
				nc, err := net.Dial("tcp", l.Addr().String())
				connected.Done()
				if err != nil {
					t.Error(err)
					return
				}
				defer nc.Close()
				start := time.Now()
				go h.do(nc) // ends with the connection
				took, err := untilGone(nc, start, limit+slack)
				if err != nil {
					t.Errorf("%s: after %v: %v", h.name, took, err)
				}
				mu.Lock()
				lived[kind] = max(lived[kind], took)
				mu.Unlock()
			})
		}
	}
	connected.Wait()
	beside := legitimateClients(t, l, legitimate)
	wg.Wait()
	for kind, h := range hostilities {
		t.Logf("%-25s gone after %v at the latest", h.name, lived[kind].Round(time.Millisecond))
	}
	delay := median(beside) - median(alone)
	t.Logf("legitimate clients, dial and first call: alone median %.1f ms, worst %.1f; beside %d hostile peers median %.1f ms, worst %.1f",
		median(alone), slices.Max(alone), hostilePeers*len(hostilities), median(beside), slices.Max(beside))
	if delay > 100 {
		t.Errorf("a legitimate client is delayed by %.1f ms (median), the limit is 100 ms", delay)
	}
	if worst := slices.Max(beside) - slices.Max(alone); worst > 100 && soak {
		t.Errorf("a legitimate client was delayed by %.1f ms", worst)
	}
}

// untilGone reads until the peer has closed the connection.
func untilGone(nc net.Conn, start time.Time, limit time.Duration) (time.Duration, error) {
	_ = nc.SetReadDeadline(start.Add(limit))
	_, err := io.Copy(io.Discard, nc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return time.Since(start), errors.New("still connected")
	}
	return time.Since(start), nil
}

// legitimateClients makes n clients dial and call once, one after the other. It returns how many milliseconds
// each takes.
func legitimateClients(t *testing.T, l *server.Listener, n int) []float64 {
	t.Helper()
	var took []float64
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		start := time.Now()
		c, err := client.Dial(ctx, "tcp", l.Addr().String(), client.WithConfig(gantline.Config{Logger: quiet}))
		if err != nil {
			cancel()
			t.Fatalf("dial: %v", err)
		}
		if _, err := c.Call(ctx, "echo", []byte("x")); err != nil {
			t.Errorf("call: %v", err)
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
		s, err := l.AcceptEnd(ctx)
		if err != nil {
			t.Fatalf("accept: %v", err)
		}
		_ = c.Close()
		_ = s.Close()
		cancel()
	}
	return took
}
