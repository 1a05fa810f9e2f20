package promise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// quiet keeps the log of expected panics out of the tests' output.
var quiet = slog.New(slog.DiscardHandler)

// listen returns a listener on the loopback that is closed with the test.
func listen(t testing.TB, cfg gantline.Config) *server.Listener {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	l, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(cfg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial connects to l and returns both Ends.
func dial(t testing.TB, l *server.Listener, cfg gantline.Config) (c, s *gantline.End) {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, "tcp", l.Addr().String(), client.WithConfig(cfg))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	s, err = l.AcceptEnd(ctx)
	if err != nil {
		_ = c.Close()
		t.Fatalf("accept: %v", err)
	}
	return c, s
}

// pair returns two Ends with a TCP connection between them, closed with the test.
func pair(t testing.TB, ccfg, scfg gantline.Config) (c, s *gantline.End) {
	t.Helper()
	c, s = dial(t, listen(t, scfg), ccfg)
	t.Cleanup(func() {
		_ = c.Close()
		_ = s.Close()
	})
	return c, s
}

// both runs f with the client's End as the near side, then with the server's, each within d.
func both(t *testing.T, d time.Duration, ccfg, scfg gantline.Config, f func(t *testing.T, near, far *gantline.End)) {
	t.Helper()
	for _, dir := range []string{"client to server", "server to client"} {
		t.Run(dir, func(t *testing.T) {
			watchdog(t, d)
			c, s := pair(t, ccfg, scfg)
			if dir == "client to server" {
				f(t, c, s)
			} else {
				f(t, s, c)
			}
		})
	}
}

// watchdog ends the program with all stacks if the test is not done in time. A hang must show where it is. Call
// it first, so that closing what the test has made is watched too.
func watchdog(t testing.TB, d time.Duration) {
	timer := time.AfterFunc(d, func() {
		buf := make([]byte, 16*mib)
		panic(fmt.Sprintf("%s is not done after %v\n\n%s", t.Name(), d, buf[:runtime.Stack(buf, true)]))
	})
	t.Cleanup(func() { timer.Stop() })
}

// times is n, or a quarter with the race detector.
func times(n int) int {
	if raced {
		return (n + 3) / 4
	}
	return n
}

// pattern returns n bytes that differ from place to place and from seed to seed.
func pattern(n int, seed uint64) []byte {
	b := make([]byte, n)
	x := seed*0x9E3779B97F4A7C15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// echo is the handler that answers with its request.
func echo(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }

// healthy fails the test if calls, streams or messages do not pass from near to far. far needs an "echo".
func healthy(t *testing.T, near, far *gantline.End) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	body := []byte("still well?")
	got, err := near.Call(ctx, "echo", body)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("call afterwards: %q, %v", got, err)
	}
	if err := roundTrip(ctx, near, far, body); err != nil {
		t.Errorf("stream afterwards: %v", err)
	}
	if near.State() != gantline.StateUp || far.State() != gantline.StateUp {
		t.Errorf("states afterwards: %v, %v", near.State(), far.State())
	}
}

// roundTrip sends body over a new stream of near's and has far send it back.
func roundTrip(ctx context.Context, near, far *gantline.End, body []byte) error {
	st, err := near.OpenStream(ctx, gantline.WithName("round-trip"))
	for errors.Is(err, gantline.ResourceExhausted) && ctx.Err() == nil { // it may not be known here yet that the backlog has room again
		st, err = near.OpenStream(ctx, gantline.WithName("round-trip"))
	}
	if err != nil {
		return err
	}
	defer st.Close()
	failed := make(chan error, 1)
	go func() { // ends when the stream does
		peer, err := far.AcceptStream(ctx)
		if err == nil {
			_, err = io.Copy(peer, peer)
			_ = peer.Close()
		}
		failed <- err
	}()
	if _, err := st.Write(body); err != nil {
		return err
	}
	if err := st.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(st)
	if err == nil {
		err = <-failed
	}
	if err == nil && !bytes.Equal(got, body) {
		err = fmt.Errorf("%d bytes came back, %d were sent", len(got), len(body))
	}
	return err
}
