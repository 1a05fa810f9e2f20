package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// town is a set of servers that are reached by name over memnet.
type town struct {
	t *testing.T

	mu    sync.Mutex // guards what follows
	at    map[string]*memnet.Listener
	down  map[string]bool
	dials []string
	up    []*memnet.Conn
}

// serve starts a server under the name. Its Ends' Setup is setup.
func (w *town) serve(name string, setup func(*gantline.End) error) *server.Listener {
	ln := memnet.Listen(name)
	w.mu.Lock()
	if w.at == nil {
		w.at, w.down = make(map[string]*memnet.Listener), make(map[string]bool)
	}
	w.at[name] = ln
	w.mu.Unlock()
	l := server.NewListener(ln, server.WithConfig(gantline.Config{ID: name, Setup: setup}))
	w.t.Cleanup(func() { _ = l.Close() })
	return l
}

func (w *town) dial(ctx context.Context, _, name string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dials = append(w.dials, name)
	if w.down[name] {
		return nil, syscall.ECONNREFUSED
	}
	w.mu.Unlock()
	nc, err := w.at[name].Dial(ctx)
	w.mu.Lock()
	if err == nil {
		w.up = append(w.up, nc)
	}
	return nc, err
}

// cut breaks all connections, after recording which servers are down.
func (w *town) cut(down ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.down)
	for _, name := range down {
		w.down[name] = true
	}
	for _, nc := range w.up {
		nc.Cut()
	}
	w.up, w.dials = nil, nil
}

// dialled returns the names dialled since the last cut.
func (w *town) dialled() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dials)
}

// client dials the names; sessions says which kind of session each up was.
func (w *town) client(names ...string) (end *gantline.End, sessions chan bool) {
	w.t.Helper()
	sessions = make(chan bool, 100)
	d := client.Dialer{DialFunc: w.dial, Addrs: names[1:], Config: gantline.Config{ID: "c", OnSession: func(_ *gantline.End, fresh bool) { sessions <- fresh }}}
	end, err := d.Dial(w.t.Context(), "mem", names[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = end.Close() })
	return end, sessions
}

// TestRedialAddresses: the server that has the session comes first, then the others.
func TestRedialAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t}
		w.serve("a", nil)
		w.serve("b", nil)
		end, sessions := w.client("a", "b")
		if fresh := <-sessions; !fresh {
			t.Error("the first session is not told as fresh")
		}
		for i, step := range []struct {
			down  []string
			fresh bool
			dials []string
			peer  string
		}{
			{nil, false, []string{"a"}, "a"},
			{[]string{"a"}, true, []string{"a", "b", "b"}, "b"}, // b does not know the session
			{nil, false, []string{"b"}, "b"},
			{[]string{"b"}, true, []string{"b", "a", "a"}, "a"},
		} {
			w.cut(step.down...)
			if fresh := <-sessions; fresh != step.fresh {
				t.Errorf("step %d: fresh = %v", i, fresh)
			}
			if got := w.dialled(); !slices.Equal(got, step.dials) || end.PeerID() != step.peer {
				t.Errorf("step %d: dialled %q and is at %q, want %q and %q", i, got, end.PeerID(), step.dials, step.peer)
			}
		}
	})
}

// TestElsewhere: a client goes to the address that a server names in its refusal. This holds for the first dial and
// for redials.
func TestElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t}
		w.serve("full", sendTo("b"))
		b := w.serve("b", nil)
		end, sessions := w.client("full")
		<-sessions
		if got := w.dialled(); !slices.Equal(got, []string{"full", "b"}) {
			t.Errorf("dialled %q", got)
		}
		w.cut()
		if fresh := <-sessions; fresh || !slices.Equal(w.dialled(), []string{"b"}) {
			t.Errorf("fresh = %v after dialling %q", fresh, w.dialled())
		}
		for e := range b.Ends() {
			_ = e.Close() // says goodbye
		}
		<-end.Context().Done()
		w.cut()
	})
}

// sendTo is a Setup that sends the client to another address.
func sendTo(addr string) func(*gantline.End) error {
	return func(*gantline.End) error {
		return &conn.RefusedError{Code: gantline.Unavailable, Text: "full", Addr: addr}
	}
}

// TestElsewhereInCircles: a server that sends its clients to itself is not followed for ever.
func TestElsewhereInCircles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t}
		w.serve("round", sendTo("round"))
		d := client.Dialer{DialFunc: w.dial}
		_, err := d.Dial(t.Context(), "mem", "round")
		if n := len(w.dialled()); !errors.Is(err, gantline.Unavailable) || n != 6 {
			t.Errorf("%d dials, %v", n, err)
		}
	})
}

// TestRedialElsewhere: the same while the End waits for a fresh session.
func TestRedialElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t}
		to := ""
		w.serve("b", nil)
		first := w.serve("a", func(*gantline.End) error {
			if to != "" {
				return &conn.RefusedError{Code: gantline.Unavailable, Text: "full", Addr: to, RetryAfter: 3 * time.Second}
			}
			return nil
		})
		end, sessions := w.client("a")
		<-sessions
		synctest.Wait()
		to = "b"
		for e := range first.Ends() {
			w.cut("a", "b")
			synctest.Wait()
			<-time.After(2 * time.Minute)
			if e.Context().Err() == nil {
				t.Fatal("the server keeps the session")
			}
		}
		w.cut()
		if fresh := <-sessions; !fresh || end.PeerID() != "b" {
			t.Errorf("fresh = %v at %q after dialling %q", fresh, end.PeerID(), w.dialled())
		}
	})
}
