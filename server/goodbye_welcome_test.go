package server_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// gate is a listener that can stop the WELCOME of a connection, before or after the client has it.
type gate struct {
	net.Listener
	next atomic.Pointer[stop]
}

type stop struct {
	after         bool
	reached, open chan struct{}
	fails         bool // the write before which it is, when it opens
}

// shut stops the next WELCOME.
func (g *gate) shut(after bool) *stop {
	s := &stop{after: after, reached: make(chan struct{}), open: make(chan struct{})}
	g.next.Store(s)
	return s
}

func (s *stop) wait() {
	close(s.reached)
	<-s.open
}

func (g *gate) Accept() (net.Conn, error) {
	nc, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatedConn{Conn: nc, g: g}, nil
}

type gatedConn struct {
	net.Conn
	g     *gate
	wrote atomic.Bool
}

func (c *gatedConn) Write(b []byte) (int, error) {
	var s *stop
	if !c.wrote.Swap(true) {
		s = c.g.next.Swap(nil)
	}
	if s != nil && !s.after {
		s.wait()
		if s.fails {
			_ = c.Conn.Close()
		}
	}
	n, err := c.Conn.Write(b)
	if s != nil && s.after {
		s.wait()
	}
	return n, err
}

// TestGoodbyeWhileWelcoming: an End that is closed, by either side or both, while its client is being welcomed. The client
// is new, or back in its old session; the WELCOME is about to be written, or has just been. The End ends on both sides,
// and neither takes that for a lost session.
func TestGoodbyeWhileWelcoming(t *testing.T) {
	type closer = func(ln *server.Listener, s, c *gantline.End)
	tests := []struct {
		name     string
		close    closer
		byClient bool
	}{
		{"listener", func(ln *server.Listener, _, _ *gantline.End) { _ = ln.Close() }, false},
		{"listener shutdown", func(ln *server.Listener, _, _ *gantline.End) { _ = ln.Shutdown(context.Background()) }, false},
		{"end", func(_ *server.Listener, s, _ *gantline.End) { _ = s.Close() }, false},
		{"end shutdown", func(_ *server.Listener, s, _ *gantline.End) { _ = s.Shutdown(context.Background()) }, false},
		{"client", func(_ *server.Listener, _, c *gantline.End) { _ = c.Close() }, true},
		{"client shutdown", func(_ *server.Listener, _, c *gantline.End) { _ = c.Shutdown(context.Background()) }, true},
		{"both", func(ln *server.Listener, _, c *gantline.End) {
			go func() { _ = ln.Close() }()
			_ = c.Close()
		}, true},
	}
	for _, tt := range tests {
		for _, who := range []string{"new", "back", "ghost"} {
			for _, when := range []string{"before", "after"} {
				t.Run(tt.name+"/"+who+", "+when, func(t *testing.T) {
					if tt.byClient && who == "new" && when == "before" {
						t.Skip("the client has no End yet")
					}
					synctest.Test(t, func(t *testing.T) { goodbyeWhileWelcoming(t, who, when == "after", tt.close) })
				})
			}
		}
	}
}

// goodbyeWhileWelcoming is one of these. who is the client: new, back for its session, or back and not heard from before.
func goodbyeWhileWelcoming(t *testing.T, who string, after bool, closeIt func(ln *server.Listener, s, c *gantline.End)) {
	mem := memnet.Listen("s")
	g := &gate{Listener: mem}
	var s, c *gantline.End
	ln := server.NewListener(g, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error { s = e; return nil }}))
	t.Cleanup(func() { _ = ln.Close() })
	var at *stop
	if who == "new" {
		at = g.shut(after)
	}
	mc, err := mem.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var nc net.Conn = mc
	if who == "ghost" {
		nc = &lossy{Conn: mc}
	}
	welcome := make(chan error, 1)
	go func() {
		var err error
		c, err = gantline.Client(t.Context(), nc, &gantline.Config{ID: "c", NoFresh: true, Redial: func(ctx context.Context) (net.Conn, error) { return mem.Dial(ctx) }})
		welcome <- err
	}()
	synctest.Wait()
	if who != "new" {
		at = g.shut(after)
	}
	if who == "back" {
		mc.Cut()
	}
	<-at.reached
	synctest.Wait()
	closed := make(chan struct{})
	go func() { closeIt(ln, s, c); close(closed) }()
	synctest.Wait()
	close(at.open)
	<-closed
	if err := <-welcome; err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for side, e := range map[string]*gantline.End{"client": c, "server": s} {
		select {
		case <-e.Context().Done():
			if err := context.Cause(e.Context()); !errors.Is(err, net.ErrClosed) || errors.Is(err, gantline.ErrSessionLost) {
				t.Errorf("the %s ends with %v", side, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("the %s is %v", side, e.State())
		}
	}
}

// TestGhostInVain: a ghost whose client comes back while the listener closes, and does not get through, ends with it.
func TestGhostInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.Listen("s")
		g := &gate{Listener: mem}
		var s *gantline.End
		ln := server.NewListener(g, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error { s = e; return nil }}))
		nc, err := mem.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, err := gantline.Client(t.Context(), &lossy{Conn: nc}, &gantline.Config{ID: "c", Redial: func(ctx context.Context) (net.Conn, error) { return mem.Dial(ctx) }})
		if err != nil {
			t.Fatal(err)
		}
		at := g.shut(false)
		at.fails = true
		<-at.reached
		closed := make(chan struct{})
		go func() { _ = ln.Close(); close(closed) }()
		synctest.Wait()
		close(at.open)
		<-closed
		if s.Context().Err() == nil {
			t.Errorf("it is %v", s.State())
		}
		_ = c.Close()
	})
}
