package client_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// webServer serves HTTP over the streams of its Ends. To be killed it has a way to it that can be cut off: what comes
// back then is another process, as far as sessions go.
type webServer struct {
	t        *testing.T
	mu       sync.Mutex // guards what follows
	target   string     // "" = nobody is there
	carriers []net.Conn
	requests atomic.Int32
	first    sync.WaitGroup // the first requests wait for each other, so that each has a connection of its own
}

const clients = 8 // at a time

// start begins it anew.
func (w *webServer) start() {
	ln, err := server.Listen("tcp", "127.0.0.1:0", server.WithConfig(gantline.Config{Logger: slog.New(slog.DiscardHandler)}))
	if err != nil {
		w.t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			e, err := ln.AcceptEnd(context.Background())
			if err != nil {
				return
			}
			served.Go(func() {
				_ = http.Serve(e, http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
					if w.requests.Add(1) <= clients {
						w.first.Done()
						w.first.Wait()
					}
					body, _ := io.ReadAll(q.Body)
					fmt.Fprintf(rw, "%s %s", q.Method, body)
				}))
			})
		}
	})
	w.t.Cleanup(func() {
		_ = ln.Close()
		served.Wait()
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = ln.Addr().String()
}

// kill lets nobody connect, and cuts off who is.
func (w *webServer) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = ""
	for _, nc := range w.carriers {
		_ = nc.(*net.TCPConn).SetLinger(0)
		_ = nc.Close()
	}
	w.carriers = nil
}

// dial is the client's way to it.
func (w *webServer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.target == "" {
		return nil, fmt.Errorf("nobody is there")
	}
	nc, err := new(net.Dialer).DialContext(ctx, network, w.target)
	if err == nil {
		w.carriers = append(w.carriers, nc)
	}
	return nc, err
}

// TestHTTPOverARestart: an http.Client whose connections are streams does not notice that the server is killed and another
// one is there later. That holds for idle connections, for requests made while nobody is there, and for connections that
// are dialled then.
func TestHTTPOverARestart(t *testing.T) {
	w := &webServer{t: t}
	w.first.Add(clients)
	w.start()
	end, err := client.Dial(t.Context(), "tcp", "web:80", client.WithConfig(gantline.Config{Logger: slog.New(slog.DiscardHandler), ID: "c"}),
		client.WithDialFunc(w.dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end.Close() })
	tr := &http.Transport{DialContext: end.DialContext, MaxIdleConnsPerHost: clients}
	t.Cleanup(tr.CloseIdleConnections)
	hc := &http.Client{Transport: tr, Timeout: 30 * time.Second}
	do := func(method, body string) error {
		q, err := http.NewRequestWithContext(t.Context(), method, "http://web/", strings.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := hc.Do(q)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err == nil && string(got) != method+" "+body {
			err = fmt.Errorf("the answer is %q", got)
		}
		return err
	}
	all := func(what, method, body string) (done func()) {
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				if err := do(method, body); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		return wg.Wait
	}
	broken := func() {
		for end.State() != gantline.StateBroken {
			<-time.After(time.Millisecond)
		}
	}

	all("at first", http.MethodGet, "")()
	w.kill()
	done := all("idle connections, the moment the server is killed", http.MethodGet, "")
	<-time.After(50 * time.Millisecond)
	w.start()
	done()

	w.kill()
	broken()
	done = all("idle connections, nobody is there", http.MethodGet, "")
	<-time.After(50 * time.Millisecond)
	w.start()
	done()

	w.kill()
	broken()
	tr.CloseIdleConnections()
	was := w.requests.Load()
	done = all("no connections, nobody is there", http.MethodPost, "once")
	<-time.After(50 * time.Millisecond)
	w.start()
	done()
	if n := w.requests.Load() - was; n != clients {
		t.Errorf("%d posts were served, want %d", n, clients)
	}

	w.kill()
	broken()
	w.start()
	all("it is back", http.MethodGet, "")()
}
