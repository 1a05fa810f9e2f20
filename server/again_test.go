package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// fleet is listeners in one memory, by their addresses.
type fleet struct {
	t   *testing.T
	mu  sync.Mutex // guards what follows
	net map[string]*memnet.Listener
}

func newFleet(t *testing.T) *fleet { return &fleet{t: t, net: make(map[string]*memnet.Listener)} }

// listen takes addr over from whoever had it, and accepts everybody.
func (f *fleet) listen(addr string, opts ...server.Option) *server.Listener {
	mem := memnet.Listen(addr)
	f.mu.Lock()
	f.net[addr] = mem
	f.mu.Unlock()
	ln := server.NewListener(mem, opts...)
	go func() { // ends with the listener
		for {
			if _, err := ln.AcceptEnd(context.Background()); err != nil {
				return
			}
		}
	}()
	f.t.Cleanup(func() { ln.Close() })
	return ln
}

func (f *fleet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	f.mu.Lock()
	mem := f.net[addr]
	f.mu.Unlock()
	if mem == nil {
		return nil, errors.New("no such address")
	}
	return mem.DialContext(ctx, network, addr)
}

// client is one that knows all addresses and begins at the first.
func (f *fleet) client(id string, addrs ...string) *gantline.End {
	f.t.Helper()
	c, err := client.Dial(f.t.Context(), "memnet", addrs[0], client.WithDialFunc(f.dial), client.WithAddrs(addrs[1:]...), named(id))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// slowCalls is a Config whose call "slow" is answered when the channel is closed.
func slowCalls(more gantline.Config) (cfg gantline.Config, finish chan struct{}) {
	finish = make(chan struct{})
	cfg = more
	cfg.Router = new(gantline.Router)
	cfg.Router.Handle("m", gantline.HandlerFunc(func(_ context.Context, req *gantline.Request) ([]byte, error) { return req.Body, nil }))
	cfg.Router.Handle("slow", gantline.HandlerFunc(func(ctx context.Context, _ *gantline.Request) ([]byte, error) {
		select {
		case <-finish:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}))
	return cfg, finish
}

func slowCall(c *gantline.End) chan error {
	done := make(chan error, 1)
	go func() { _, err := c.Call(context.Background(), "slow", nil); done <- err }()
	synctest.Wait()
	return done
}

// TestDrainedID: a client whose End drains begins another session at the same listener, under its id. That has one End at a
// time that others can have, and nobody else gets the id while it lives.
func TestDrainedID(t *testing.T) {
	for _, how := range []string{"the older ends", "the newer ends", "the listener shuts down", "the listener closes"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t)
				cfg, finish := slowCalls(gantline.Config{})
				ln := f.listen("a", server.WithConfig(cfg))
				c := f.client("x", "a")
				synctest.Wait()
				slow := slowCall(c)
				old := ln.End("x")
				over := make(chan error, 1)
				go func() { over <- old.Shutdown(context.Background()) }()
				<-time.After(time.Second)
				now := ln.End("x")
				if now == old || now == nil || old.State() != gantline.StateDraining || c.Stats().Sessions != 2 {
					t.Fatalf("the client has %d sessions, its older End is %v", c.Stats().Sessions, old.State())
				}
				n := 0
				for range ln.Ends() {
					n++
				}
				if n != 1 || ln.Stats().Peers != 1 {
					t.Errorf("%d Ends and %d peers", n, ln.Stats().Peers)
				}
				for range 3 {
					_, err := client.Dial(t.Context(), "memnet", "a", client.WithDialFunc(f.dial), named("x"))
					if !errors.Is(err, gantline.AlreadyExists) {
						t.Errorf("another client with that id: %v", err)
					}
				}
				switch how {
				case "the older ends":
					close(finish)
					must(t, <-slow)
					must(t, <-over)
					synctest.Wait()
					if ln.End("x") != now {
						t.Error("the newer End is gone with it")
					}
				case "the newer ends":
					go now.CloseWith(&conn.RefusedError{RetryAfter: time.Hour})
					<-time.After(time.Second)
					if ln.End("x") != nil || old.Context().Err() != nil {
						t.Errorf("the id is taken: %v, the older End is %v", ln.End("x") != nil, old.State())
					}
					close(finish)
					must(t, <-slow)
					must(t, <-over)
				default:
					done := make(chan error, 1)
					go func() {
						if how == "the listener closes" {
							done <- ln.Close()
						} else {
							done <- ln.Shutdown(context.Background())
						}
					}()
					<-time.After(time.Second)
					if how == "the listener closes" {
						if err := <-slow; !errors.Is(err, gantline.ErrUnknownOutcome) {
							t.Errorf("the running call: %v", err)
						}
					} else {
						if len(done) > 0 {
							t.Error("Shutdown does not wait for the older End")
						}
						close(finish)
						must(t, <-slow)
					}
					must(t, <-done)
					<-time.After(time.Second)
					if old.Context().Err() == nil || now.Context().Err() == nil || c.Context().Err() != nil {
						t.Errorf("the Ends are %v and %v, the client %v", old.State(), now.State(), c.State())
					}
				}
			})
		})
	}
}

// TestShutdownCrowd: a thousand clients of one listener, each with something to do, go on at another one. Nothing fails, and
// the older Ends are gone.
func TestShutdownCrowd(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		cfg, finish := slowCalls(gantline.Config{})
		opts := []server.Option{server.WithConfig(cfg), server.WithLimits(server.Limits{HandshakesPerSource: -1})}
		first, second := f.listen("a", opts...), f.listen("b", opts...)
		var clients []*gantline.End
		var slow []chan error
		for i := range n {
			c := f.client(fmt.Sprint("c", i), "a", "b")
			clients = append(clients, c)
			done := make(chan error, 1)
			slow = append(slow, done)
			go func() { _, err := c.Call(context.Background(), "slow", nil); done <- err }()
		}
		synctest.Wait()
		over := make(chan error, 1)
		began := time.Now()
		go func() { over <- first.Shutdown(context.Background()) }()
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if _, err := c.Call(context.Background(), "m", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("all calls were answered after %v", took)
		}
		synctest.Wait() // a call may have been quicker than the invitation
		if got := second.Stats().Peers; got != n {
			t.Errorf("%d clients are at the second listener", got)
		}
		close(finish)
		for _, done := range slow {
			must(t, <-done)
		}
		must(t, <-over)
		synctest.Wait()
		for _, c := range clients {
			if st := c.Stats(); st.Sessions != 2 || st.Open != 0 || c.State() != gantline.StateUp {
				t.Fatalf("a client is %v in session %d with %d open", c.State(), st.Sessions, st.Open)
			}
		}
	})
}

// TestShutdownLate: a listener whose Shutdown has no time left says so to its clients in the time that there is.
func TestShutdownLate(t *testing.T) {
	for _, with := range []error{nil, gantline.PermissionDenied, &conn.RefusedError{Addr: "b"}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t)
			cfg, _ := slowCalls(gantline.Config{})
			ln := f.listen("a", server.WithConfig(cfg))
			f.listen("b", server.WithConfig(cfg))
			var clients []*gantline.End
			var slow []chan error
			for i := range 20 {
				c := f.client(fmt.Sprint("c", i), "a")
				clients, slow = append(clients, c), append(slow, slowCall(c))
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			began := time.Now()
			if err := ln.ShutdownWith(gone, with); !errors.Is(err, context.Canceled) {
				t.Errorf("Shutdown returned %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
			<-time.After(5 * time.Second)
			for i, c := range clients {
				if err := <-slow[i]; !errors.Is(err, gantline.ErrUnknownOutcome) {
					t.Errorf("a running call: %v", err)
				}
				over, want := c.Context().Err() != nil, with == error(gantline.PermissionDenied)
				if over != want || over && !errors.Is(context.Cause(c.Context()), gantline.PermissionDenied) {
					t.Errorf("with %v a client is %v: %v", with, c.State(), context.Cause(c.Context()))
				}
				if _, ok := with.(*conn.RefusedError); ok && (c.Stats().Sessions != 2 || c.State() != gantline.StateUp) {
					t.Errorf("a client is %v in session %d", c.State(), c.Stats().Sessions)
				}
			}
		})
	}
}

// TestSentOnAndOn: a server that sends each client on as soon as it is there has few of them to answer.
func TestSentOnAndOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		var ends atomic.Int64
		busy := &conn.RefusedError{Code: gantline.Unavailable, Text: "busy"}
		f.listen("a", server.WithConfig(gantline.Config{OnSession: func(e *gantline.End, _ bool) {
			ends.Add(1)
			_ = e.CloseWith(busy)
		}}))
		c := f.client("x", "a")
		<-time.After(10 * time.Minute)
		if n := ends.Load(); n < 10 || n > 150 || c.Context().Err() != nil {
			t.Errorf("it was there %d times in 10 minutes, and is %v", n, c.State())
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
