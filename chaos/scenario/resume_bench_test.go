package scenario

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// BenchmarkResume compares sessions that can be resumed with ones that cannot. With a negative SessionExpiry a torn
// carrier ends the End. Rounds take turns: 64 MiB over one stream, and 5000 calls of 64 bytes one after the other. The
// log that a resume replays is the window of unacknowledged bytes, which both have, so the difference is what resuming
// adds.
func BenchmarkResume(b *testing.B) {
	const bulk, calls = 64 << 20, 5000
	pairs := map[string]*benchPair{"on": newBenchPair(b, 0), "off": newBenchPair(b, -1)}
	bytes, rates := make(map[string][]float64), make(map[string][]float64)
	for round := 0; b.Loop(); round++ {
		order := []string{"on", "off"}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			bytes[name] = append(bytes[name], bulk/(1<<20)/pairs[name].push(b, bulk).Seconds())
			rates[name] = append(rates[name], calls/pairs[name].calls(b, calls).Seconds())
		}
	}
	report := func(what string, got map[string][]float64) {
		for _, v := range got {
			slices.Sort(v)
		}
		on, off := got["on"], got["off"]
		best, middle := len(on)-1, len(on)/2
		b.Logf("%-11s %3d rounds: on %.0f best, %.0f median; off %.0f best, %.0f median; on/off %.3f best, %.3f median",
			what, len(on), on[best], on[middle], off[best], off[middle], on[best]/off[best], on[middle]/off[middle])
		b.ReportMetric(on[best]/off[best], what+"-best-ratio")
		b.ReportMetric(on[middle]/off[middle], what+"-median-ratio")
	}
	report("MiB/s", bytes)
	report("calls/s", rates)
	b.ReportMetric(0, "ns/op") // a single round says nothing
}

// benchPair is a client and a server over loopback.
type benchPair struct{ client, server *gantline.End }

func newBenchPair(b *testing.B, expiry time.Duration) *benchPair {
	b.Helper()
	cfg := gantline.Config{Logger: quiet, SessionExpiry: expiry, Setup: func(e *gantline.End) error {
		e.Handle("echo", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }))
		return nil
	}}
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(cfg))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	opts := []client.Option{client.WithConfig(cfg)}
	if expiry < 0 {
		opts = append(opts, client.WithoutRedial())
	}
	p := new(benchPair)
	if p.client, err = client.Dial(b.Context(), "tcp", ln.Addr().String(), opts...); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.client.Close() })
	if p.server, err = ln.AcceptEnd(b.Context()); err != nil {
		b.Fatal(err)
	}
	return p
}

// push takes size bytes over a stream, and returns how long that took.
func (p *benchPair) push(b *testing.B, size int64) time.Duration {
	began := time.Now()
	st, err := p.client.OpenStream(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { // ends with the bytes
		buf := make([]byte, 256<<10)
		for left := size; left > 0; left -= int64(len(buf)) {
			if _, err := st.Write(buf); err != nil {
				failed <- err
				return
			}
		}
		failed <- st.Close()
	}()
	got, err := p.server.AcceptStream(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	n, err := sink(got)
	if err != nil || n != size {
		b.Fatalf("%d bytes, %v", n, err)
	}
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
	_ = got.Close() // it is at its end
	return time.Since(began)
}

// sink reads to the end in large pieces.
func sink(nc net.Conn) (n int64, err error) {
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{nc}, make([]byte, 256<<10))
}

func (p *benchPair) calls(b *testing.B, n int) time.Duration {
	body := make([]byte, 64)
	began := time.Now()
	for range n {
		if _, err := p.client.Call(b.Context(), "echo", body); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}
