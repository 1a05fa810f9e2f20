package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// A logged is where a server's log goes.
type logged struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.buf.Reset()
	return l.buf.String()
}

// noise is what a peer can do again and again that the server logs.
var noise = map[string]struct {
	line string // a part of the line
	once func(t *testing.T, x *noisy)
}{
	"notifies that fail": {"notify handler failed", func(t *testing.T, x *noisy) {
		_ = x.end(t).Notify(t.Context(), "fail", []byte("x"))
	}},
	"calls that panic": {"handler panicked", func(t *testing.T, x *noisy) {
		_, _ = x.end(t).Call(t.Context(), "panic", nil)
	}},
	"notifies that nobody takes": {"notify dropped", func(t *testing.T, x *noisy) {
		_ = x.end(t).Notify(t.Context(), strings.Repeat("\n", 255), nil)
	}},
	"connections that are cut": {"carrier lost", func(t *testing.T, x *noisy) {
		x.end(t)
		x.nc.Cut()
		x.e = nil
	}},
	"protocol errors": {"protocol error", func(t *testing.T, x *noisy) {
		nc := x.mem.raw(t)
		nc.Write(append(hello(""), rawFrame(0x3F, 0, 0, nil)...))
		synctest.Wait()
		nc.Close()
	}},
	"garbage": {"handshake failed", func(t *testing.T, x *noisy) {
		nc := x.mem.raw(t)
		nc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		synctest.Wait()
		nc.Close()
	}},
	"ends that the handler panics for": {"handler of an End panicked", func(t *testing.T, x *noisy) {
		_, e := x.mem.dial(t, gantline.Config{ID: "boom"})
		synctest.Wait()
		e.Abort(nil)
	}},
	"setups that panic": {"hook panicked", func(t *testing.T, x *noisy) {
		nc := x.mem.raw(t)
		nc.Write(hello("setup"))
		synctest.Wait()
		nc.Close()
	}},
}

// A noisy is a client that does one of these.
type noisy struct {
	mem rawNet
	e   *gantline.End
	nc  *memnet.Conn
}

func (x *noisy) end(t *testing.T) *gantline.End {
	if x.e == nil {
		x.nc, x.e = x.mem.dial(t, gantline.Config{})
		synctest.Wait()
	}
	return x.e
}

// TestLogFlood: one peer cannot fill the log, whatever it does; the log says how often it was done.
func TestLogFlood(t *testing.T) {
	for name, n := range noise {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &logged{}
				mem := memnet.Listen("server")
				s := &server.Server{
					Handler: func(e *gantline.End) {
						if e.PeerID() == "boom" {
							panic(strings.Repeat("boom", 1<<16))
						}
						<-e.Context().Done()
					},
					Config: gantline.Config{
						SessionExpiry: time.Second,
						Logger:        slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
						Setup: func(e *gantline.End) error {
							if e.PeerID() == "setup" {
								panic("setup")
							}
							e.Handle("fail", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
								return nil, errors.New(strings.Repeat("failed\n", 1000))
							}))
							e.Handle("panic", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
								panic(strings.Repeat("\x00", 1<<20))
							}))
							return nil
						},
					},
				}
				served := make(chan struct{})
				go func() {
					defer close(served)
					_ = s.Serve(mem)
				}()
				synctest.Wait()
				x := &noisy{mem: rawNet{mem}}
				for begin := time.Now(); time.Since(begin) < 4*time.Second; <-time.After(10 * time.Millisecond) {
					n.once(t, x)
				}
				synctest.Wait()
				out := log.take()
				lines := strings.Split(strings.TrimSpace(out), "\n")
				if len(lines) > 100 || len(lines) < 10 || len(out) > len(lines)*(40<<10) {
					t.Errorf("%d lines, %d bytes:\n%.1000s", len(lines), len(out), out)
				}
				for _, line := range lines {
					if len(line) > 20<<10 {
						t.Errorf("a line of %d bytes: %.300s", len(line), line)
					}
				}
				if !strings.Contains(out, n.line) || !strings.Contains(out, "omitted=") {
					t.Errorf("no such line, or not how many were left out:\n%.3000s", out)
				}
				if x.e != nil {
					x.e.Abort(nil)
				}
				_ = s.Close()
				<-served
			})
		})
	}
}
