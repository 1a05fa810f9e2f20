package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// serve runs srv over memory until the test is over.
func serve(t testing.TB, srv *server.Server) dialFunc {
	t.Helper()
	mem := memnet.Listen("server")
	done := make(chan error, 1)
	go func() { done <- srv.Serve(mem) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-done; err != server.ErrServerClosed {
			t.Errorf("Serve = %v", err)
		}
	})
	return func(ctx context.Context, opts ...client.Option) (*gantline.End, error) {
		return client.Dial(ctx, "memnet", "", append(opts, client.WithDialFunc(mem.DialContext))...)
	}
}

// TestServerHandler: the handler has the End, and when it returns the End is
// closed with everything delivered.
func TestServerHandler(t *testing.T) {
	dial := serve(t, &server.Server{Handler: func(e *gantline.End) { io.WriteString(e, "hello "+e.PeerID()) }})
	for _, id := range []string{"a", "b"} {
		c := mustDial(t, dial, named(id))
		if got, err := io.ReadAll(c); string(got) != "hello "+id || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		<-c.Context().Done()
		if err := context.Cause(c.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("cause = %v", err)
		}
	}
}

// TestServerHandlerEnds: a panic, or the end of the goroutine, costs one End.
func TestServerHandlerEnds(t *testing.T) {
	var log lockedBuffer
	srv := &server.Server{
		Config: gantline.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))},
		Handler: func(e *gantline.End) {
			if e.PeerID() == "bad" {
				panic("by design")
			}
			<-e.Context().Done()
		},
	}
	dial := serve(t, srv)
	good := mustDial(t, dial, named("good"))
	<-mustDial(t, dial, named("bad")).Context().Done()
	if _, err := good.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "by design") || !strings.Contains(text, "peer=bad") || !strings.Contains(text, "server_test.go") {
		t.Errorf("the log has %q", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestServerNoHandler: Config alone makes a server.
func TestServerNoHandler(t *testing.T) {
	var router gantline.Router
	gantline.Handle(&router, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	srv := &server.Server{Config: gantline.Config{Router: &router}}
	c := mustDial(t, serve(t, srv), named("c"))
	if got, err := gantline.Call[int](t.Context(), c, "double", 21); got != 42 || err != nil {
		t.Errorf("double = %d, %v", got, err)
	}
	if e := srv.End("c"); e == nil || e.Close() != nil {
		t.Errorf("End = %v", e)
	}
	for e := range srv.Ends() {
		t.Errorf("%q is still there", e.PeerID())
	}
	<-c.Context().Done()
}

// TestServerListeners: one server, several listeners, one list of ids.
func TestServerListeners(t *testing.T) {
	srv := new(server.Server)
	one, two := serve(t, srv), serve(t, srv)
	a := mustDial(t, one, named("a"))
	if _, err := two(t.Context(), named("a")); !errors.Is(err, gantline.AlreadyExists) {
		t.Errorf("the same id at the other listener: %v", err)
	}
	b := mustDial(t, two, named("b"))
	if a.PeerID() != b.PeerID() {
		t.Errorf("server ids %q and %q", a.PeerID(), b.PeerID())
	}
	if srv.End("a") == nil || srv.End("b") == nil {
		t.Error("the list is not complete")
	}
}

// TestServerShutdown: handlers get the time to finish.
func TestServerShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished atomic.Bool
		srv := &server.Server{Handler: func(e *gantline.End) {
			for {
				if _, err := e.AcceptStream(context.Background()); err != nil {
					break
				}
			}
			<-time.After(time.Minute)
			finished.Store(true)
		}}
		dial := serve(t, srv)
		c := mustDial(t, dial, client.WithoutRedial())
		synctest.Wait()
		if err := srv.Shutdown(t.Context()); err != nil || !finished.Load() {
			t.Errorf("Shutdown = %v, finished %v", err, finished.Load())
		}
		<-c.Context().Done()
		if _, err := dial(t.Context()); err == nil {
			t.Error("dialled after Shutdown")
		}
		if err := srv.Serve(memnet.Listen("late")); err != server.ErrServerClosed {
			t.Errorf("Serve = %v", err)
		}
		if err := srv.ListenAndServe("tcp", "127.0.0.1:0"); err != server.ErrServerClosed {
			t.Errorf("ListenAndServe = %v", err)
		}
	})
}

// TestServerShutdownContext: a handler that does not return does not delay Shutdown for ever. Close does not
// wait for it at all.
func TestServerShutdownContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		srv := &server.Server{Handler: func(*gantline.End) { <-stuck }}
		mustDial(t, serve(t, srv))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "gantline: ") {
			t.Errorf("Shutdown = %v", err)
		}
		if err := srv.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		close(stuck)
	})
}

// TestServerZero: closing a Server that never served does nothing.
func TestServerZero(t *testing.T) {
	var srv server.Server
	if srv.End("x") != nil {
		t.Error("found an End")
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
}

// TestListenAndServe: over sockets, and its errors when it cannot listen.
func TestListenAndServe(t *testing.T) {
	srv := &server.Server{Handler: func(e *gantline.End) { io.Copy(e, e) }}
	path := filepath.Join(t.TempDir(), "s")
	done := make(chan error, 1)
	go func() { done <- srv.ListenAndServe("unix", path) }()
	var c *gantline.End
	eventually(t, "the server listens", func() (ok bool) {
		var err error
		c, err = client.Dial(t.Context(), "unix", path)
		return err == nil
	})
	defer c.Close()
	if _, err := io.WriteString(c, "ping"); err != nil {
		t.Error(err)
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "ping" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if err := srv.ListenAndServe("unix", path); err == nil || err == server.ErrServerClosed {
		t.Errorf("a second one on the same path: %v", err)
	}
	if err := srv.ListenAndServe("tls", "127.0.0.1:0"); !errors.Is(err, gantline.InvalidArgument) {
		t.Errorf("TLS without a certificate: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != server.ErrServerClosed {
		t.Errorf("ListenAndServe = %v", err)
	}
}

// TestServeFails: what ends the listener ends Serve, and the Ends live on.
func TestServeFails(t *testing.T) {
	mem := memnet.Listen("server")
	srv := new(server.Server)
	defer srv.Close()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(mem) }()
	c, err := client.Dial(t.Context(), "memnet", "", client.WithDialFunc(mem.DialContext))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	mem.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) || errors.Is(err, server.ErrServerClosed) {
		t.Errorf("Serve = %v", err)
	}
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
