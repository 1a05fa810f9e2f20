package gantline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// pair returns two connected Ends that are closed when the test ends. Panics and the like are not logged
// unless a Config says where to.
func pair(t testing.TB, client, server *Config) (c, s *End) {
	t.Helper()
	c, s = Pipe(quiet(client), quiet(server))
	t.Cleanup(func() { closeBoth(c, s) })
	return c, s
}

// quiet returns a copy of cfg that logs nothing unless cfg does.
func quiet(cfg *Config) *Config {
	var own Config
	if cfg != nil {
		own = *cfg
	}
	if own.Logger == nil {
		own.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &own
}

func closeBoth(c, s *End) {
	var wg sync.WaitGroup
	for _, e := range []*End{c, s} {
		wg.Go(func() { _ = e.Close() })
	}
	wg.Wait()
}

// bubble runs f with a fake clock and fails the test if it does not end.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// short is a context for what must not take long.
func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// echo answers with the request's body.
var echo = HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) { return req.Body, nil })

// want fails the test unless errors.Is(err, target) holds for each target.
func want(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Fatalf("error is %v, want one that is %v", err, target)
		}
	}
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cutPair is pair over a carrier that can be cut: nc is its client's end.
func cutPair(t testing.TB, client, server *Config) (c, s *End, nc *memnet.Conn) {
	t.Helper()
	a, b := memnet.Pipe()
	served := make(chan *End, 1)
	go func() {
		s, err := Server(context.Background(), b, quiet(server))
		if err != nil {
			t.Error(err)
		}
		served <- s
	}()
	c, err := Client(context.Background(), a, quiet(client))
	must(t, err)
	s = <-served
	t.Cleanup(func() { closeBoth(c, s) })
	return c, s, a
}
