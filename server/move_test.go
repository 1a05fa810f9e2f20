package server_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// TestMoveSameServer: the client of an End that drains has another one under the same id, at the same listener. Close ends
// both.
func TestMoveSameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, dial := listenMem(t)
		c := mustDial(t, dial, client.WithConfig(gantline.Config{ID: "c"}))
		old := mustAccept(t, ln)
		st, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(st, "x"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go old.Shutdown(t.Context())
		synctest.Wait()
		if ln.End("c") == old || old.State() != gantline.StateDraining || c.Stats().Sessions != 2 {
			t.Fatalf("the older End is %v, the client has had %d sessions", old.State(), c.Stats().Sessions)
		}
		next := mustAccept(t, ln)
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		for _, e := range []*gantline.End{old, next} {
			if e.Context().Err() == nil {
				t.Errorf("an End is %v", e.State())
			}
		}
	})
}

// TestMoveWhileBroken: the client of an End that drains comes back for another one while the older connection is broken, and
// its first attempt is lost. It is not taken for another client with the same id.
func TestMoveWhileBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := memnet.Listen("s")
		l := server.NewListener(ln)
		defer l.Close()
		var n atomic.Int32
		var first *memnet.Conn
		redial := func(ctx context.Context) (net.Conn, error) {
			k := n.Add(1)
			if k == 1 {
				first.Cut()
				<-time.After(10 * time.Millisecond)
			}
			nc, err := ln.Dial(ctx)
			if err != nil {
				return nil, err
			}
			if k == 1 { // the HELLO of the next session arrives, its WELCOME does not
				nc.BlockReads(true)
				go func() { <-time.After(time.Second); nc.Cut() }()
			}
			return nc, nil
		}
		nc, err := ln.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first = nc
		c, err := gantline.Client(t.Context(), nc, &gantline.Config{ID: "c", Redial: redial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		e, err := l.AcceptEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go e.Shutdown(context.Background())
		<-time.After(time.Minute)
		if err := context.Cause(c.Context()); err != nil || c.State() != gantline.StateUp || l.End("c") == e {
			t.Errorf("the client is %v: %v", c.State(), err)
		}
	})
}
