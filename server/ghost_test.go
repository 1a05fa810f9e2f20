package server_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// lossy is a connection of which the server gets the HELLO and nothing else.
type lossy struct {
	*memnet.Conn
	wrote atomic.Bool
}

func (c *lossy) Write(b []byte) (int, error) {
	if c.wrote.Swap(true) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// ghosts is a listener and a client with the id "x" that got its welcome and sent nothing yet. down keeps the client
// from returning.
func ghosts(t *testing.T, opts ...server.Option) (ln *server.Listener, raw rawNet, down *atomic.Bool, c *gantline.End) {
	mem := memnet.Listen("server")
	ln = server.NewListener(mem, opts...)
	down = new(atomic.Bool)
	first := true
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if down.Load() {
			return nil, syscall.ECONNREFUSED
		}
		nc, err := mem.Dial(ctx)
		if err != nil {
			return nil, err
		}
		if first {
			first = false
			return &lossy{Conn: nc}, nil
		}
		return nc, nil
	}
	return ln, rawNet{mem}, down, mustDial(t, func(ctx context.Context, opts ...client.Option) (*gantline.End, error) {
		return client.Dial(ctx, "memnet", "server", append(opts, client.WithDialFunc(dial))...)
	}, named("x"))
}

// TestGhost: a client whose first frame is the resume of its session is new to AcceptEnd. It is on the list, and
// has lost nothing.
func TestGhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, _, _, c := ghosts(t)
		st, err := c.OpenStream(t.Context(), gantline.WithName("kept"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte("bytes")); err != nil {
			t.Fatal(err)
		}
		<-time.After(server.DefaultHandshakeTimeout + time.Second)
		synctest.Wait()
		if st := ln.Stats(); st.Peers != 1 || st.Accepted != 1 || st.Failed != 1 || c.Stats().Link.Resumes != 1 {
			t.Fatalf("stats %+v, %d resumes", st, c.Stats().Link.Resumes)
		}
		e := mustAccept(t, ln)
		if ln.End("x") != e {
			t.Error("the End is not on the list")
		}
		far, err := e.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, err := far.Read(buf); string(buf[:n]) != "bytes" || err != nil {
			t.Errorf("read %q, %v", buf[:n], err)
		}
		c.Close()
		ln.Close()
	})
}

// TestGhostReplaced: a new client gets the id of one that never sent anything; the ghost ends.
func TestGhostReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, mem, down, c := ghosts(t)
		down.Store(true)
		<-time.After(server.DefaultHandshakeTimeout + time.Second)
		if ln.Stats().Peers != 0 {
			t.Error("a client that was not heard from is on the list")
		}
		_, other := mem.dial(t, gantline.Config{ID: "x"})
		e := mustAccept(t, ln)
		down.Store(false)
		<-time.After(time.Minute)
		if ln.End("x") != e || e.State() != gantline.StateUp {
			t.Errorf("the new one is %v, stats %+v", e.State(), ln.Stats())
		}
		if err := context.Cause(c.Context()); c.State() != gantline.StateClosed || !errors.Is(err, gantline.AlreadyExists) {
			t.Errorf("the ghost's client is %v, %v: it would fight for the id", c.State(), err)
		}
		other.Close()
		c.Close()
		ln.Close()
	})
}

// TestGhostsEnd: Close of the listener ends those that never sent anything.
func TestGhostsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ghost *gantline.End
		ln, mem := listenRaw(t, server.WithConfig(gantline.Config{Setup: func(e *gantline.End) error { ghost = e; return nil }}))
		nc := mem.raw(t)
		if _, err := nc.Write(hello("x")); err != nil {
			t.Fatal(err)
		}
		<-time.After(server.DefaultHandshakeTimeout + time.Second)
		synctest.Wait()
		if ghost.State() != gantline.StateBroken {
			t.Fatalf("the ghost is %v", ghost.State())
		}
		ln.Close()
		if ghost.Context().Err() == nil {
			t.Error("it is still there")
		}
	})
}
