package gantline

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/internal/memnet"
)

// testServer is a server that clients reach over memnet, that can be torn off them, stopped and begun anew.
type testServer struct {
	t   *testing.T
	cfg *Config

	mu       sync.Mutex // guards what follows
	sessions *Sessions
	down     bool
	refuse   error // of new sessions
	dials    int
	blind    bool // what clients write is lost
	mute     bool // what the server writes is lost
	life     int  // bytes that a client may write before its carrier dies, or the server
	lifeDown bool // may; 0 = any
	carriers []*memnet.Conn
	ends     []*End
	wg       sync.WaitGroup
}

func newTestServer(t *testing.T, cfg *Config) *testServer {
	h := &testServer{t: t, cfg: quiet(cfg), sessions: new(Sessions)}
	setup := h.cfg.Setup
	h.cfg.Setup = func(e *End) error {
		h.mu.Lock()
		err := h.refuse
		h.mu.Unlock()
		if err != nil || setup == nil {
			return err
		}
		return setup(e)
	}
	t.Cleanup(func() {
		h.stop()
		h.wg.Wait()
	})
	return h
}

// dial is Config.Redial.
func (h *testServer) dial(context.Context) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	if h.down {
		return nil, syscall.ECONNREFUSED
	}
	a, b := memnet.Pipe()
	h.carriers = append(h.carriers, a)
	if h.life > 0 && h.lifeDown {
		b.CutAfter(h.life)
	} else if h.life > 0 {
		a.CutAfter(h.life)
	}
	s := h.sessions
	h.wg.Go(func() {
		end, resumed, err := s.Attach(context.Background(), b, h.cfg)
		if err == nil && !resumed {
			h.mu.Lock()
			h.ends = append(h.ends, end)
			h.mu.Unlock()
		}
	})
	return &blindConn{a, h}, nil
}

// blindConn is a client's carrier whose writes arrive nowhere while its server is blind.
type blindConn struct {
	*memnet.Conn
	h *testServer
}

func (c *blindConn) Write(b []byte) (int, error) {
	c.h.mu.Lock()
	blind := c.h.blind
	c.h.mu.Unlock()
	if blind {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *blindConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		c.h.mu.Lock()
		mute := c.h.mute
		c.h.mu.Unlock()
		if !mute || err != nil {
			return n, err
		}
	}
}

// deaf makes clients hear nothing, or the server again.
func (h *testServer) deaf(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mute = on
}

// lossy makes the server blind, or not.
func (h *testServer) lossy(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blind = on
}

// client returns an End that redials, and is closed with the test.
func (h *testServer) client(cfg *Config) *End {
	h.t.Helper()
	own := *quiet(cfg)
	own.Redial = h.dial
	nc, err := h.dial(h.t.Context())
	must(h.t, err)
	e, err := Client(h.t.Context(), nc, &own)
	must(h.t, err)
	h.t.Cleanup(func() { _ = e.Close() })
	return e
}

// cut breaks all carriers.
func (h *testServer) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, nc := range h.carriers {
		_ = nc.Close()
	}
	h.carriers = nil
}

// stop ends the server as a kill does; nobody can connect until start.
func (h *testServer) stop() {
	synctest.Wait() // who was let in is known
	h.mu.Lock()
	h.down = true
	ends := h.ends
	h.ends = nil
	h.mu.Unlock()
	h.cut()
	synctest.Wait()
	for _, e := range ends {
		e.session().Link.Abort(errors.New("the server is gone"))
	}
	synctest.Wait()
}

// start begins it anew, with no memory of the sessions.
func (h *testServer) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down, h.sessions = false, new(Sessions)
}

// lose makes the server forget its Ends as if their time were over, and keep what it keeps of such.
func (h *testServer) lose() {
	synctest.Wait()
	h.mu.Lock()
	h.down = true
	ends, s := h.ends, h.sessions
	h.ends = nil
	h.mu.Unlock()
	h.cut()
	synctest.Wait()
	for _, e := range ends {
		s.Drop(e, errors.New("the time is over"))
	}
	synctest.Wait()
}

// turnAway refuses new sessions with err; nil lets them in.
func (h *testServer) turnAway(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = err
}

// close lets nobody connect until open.
func (h *testServer) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = true
}

// open lets clients in again.
func (h *testServer) open() {
	h.mu.Lock()
	h.down = false
	h.mu.Unlock()
}

// diary notes hooks.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, s)
}

// hooks returns cfg with hooks that write into d.
func (d *diary) hooks(cfg Config) *Config {
	cfg.OnState = func(_ *End, s State) { d.note(s.String()) }
	cfg.OnSession = func(_ *End, fresh bool) {
		if fresh {
			d.note("fresh")
		} else {
			d.note("resumed")
		}
	}
	cfg.OnPeerMethod = func(_ *End, method string, added bool) {
		if added {
			d.note("+" + method)
		} else {
			d.note("-" + method)
		}
	}
	return &cfg
}

func (d *diary) check(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, want) {
		t.Errorf("hooks said %q, want %q", d.lines, want)
	}
}
