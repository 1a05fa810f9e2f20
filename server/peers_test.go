package server_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/server"
)

// TestDuplicateID: an id is in use once, for as long as its End lives.
func TestDuplicateID(t *testing.T) {
	ln, dial := listenMem(t)
	first := mustDial(t, dial, named("edge-7"))
	_, err := dial(t.Context(), named("edge-7"))
	var refused *conn.RefusedError
	if !errors.As(err, &refused) || refused.Code != gantline.AlreadyExists || gantline.CodeOf(err) != gantline.AlreadyExists {
		t.Fatalf("second dial = %v", err)
	}
	if text := err.Error(); !strings.Contains(text, `"edge-7"`) || strings.Count(text, "already exists") != 1 || strings.Count(text, "gantline: ") != 1 {
		t.Errorf("error reads %q", text)
	}
	if _, err := first.Ping(t.Context()); err != nil || first.Context().Err() != nil {
		t.Errorf("the first End suffered: %v", err)
	}
	if e := ln.End("edge-7"); e == nil || e != mustAccept(t, ln) {
		t.Error("the first End is not the one in the list")
	}

	if err := ln.End("edge-7").Close(); err != nil { // kick
		t.Error(err)
	}
	<-first.Context().Done()
	second := mustDial(t, dial, named("edge-7"))
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the id is free after the client's Close", func() bool { return ln.End("edge-7") == nil })
	mustDial(t, dial, named("edge-7"))
}

// TestDuplicateRace: of many clients that claim one id at the same time one is accepted.
func TestDuplicateRace(t *testing.T) {
	ln, dial := listenMem(t)
	const clients = 20
	for round := range 10 {
		var (
			wg   sync.WaitGroup
			ends [clients]*gantline.End
		)
		for i := range clients {
			wg.Go(func() {
				end, err := dial(context.Background(), named("one"))
				if err != nil && !errors.Is(err, gantline.AlreadyExists) {
					t.Errorf("dial = %v", err)
				}
				ends[i] = end
			})
		}
		wg.Wait()
		var won []*gantline.End
		for _, e := range ends {
			if e != nil {
				won = append(won, e)
			}
		}
		if len(won) != 1 {
			t.Fatalf("round %d: %d clients were let in", round, len(won))
		}
		s := mustAccept(t, ln)
		if ln.End("one") != s {
			t.Errorf("the list has another End")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		won[0].Close()
	}
}

// TestMaxPeers: one client too many is refused, and a place that becomes free is free.
func TestMaxPeers(t *testing.T) {
	ln, dial := listenMem(t, server.WithLimits(server.Limits{Peers: 2}))
	a := mustDial(t, dial, named("a"))
	mustDial(t, dial, named("b"))
	_, err := dial(t.Context(), named("c"))
	if !errors.Is(err, gantline.ResourceExhausted) || !strings.Contains(err.Error(), "2 peers") || !strings.Contains(err.Error(), "Limits.Peers") {
		t.Fatalf("third dial = %v", err)
	}
	if _, err := dial(t.Context(), named("b")); !errors.Is(err, gantline.AlreadyExists) {
		t.Errorf("an id in use = %v", err)
	}
	a.Close()
	eventually(t, "a is gone", func() bool { return ln.Stats().Peers == 1 })
	mustDial(t, dial, named("c"))
}

// TestLostCarrierFreesID: a torn connection frees its id.
func TestLostCarrierFreesID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, mem := listenRaw(t)
		nc, end := mem.dial(t, gantline.Config{ID: "x"})
		s := mustAccept(t, ln)
		nc.Cut()
		<-end.Context().Done()
		<-s.Context().Done()
		synctest.Wait()
		if ln.End("x") != nil || ln.Stats().Peers != 0 {
			t.Error("the id is still in use")
		}
		_, again := mem.dial(t, gantline.Config{ID: "x"})
		again.Close()
		ln.Close()
	})
}

// TestSuspendedIsReplaced: a client without its session replaces its suspended End at once. It does not replace an
// End that is up.
func TestSuspendedIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, mem := listenRaw(t)
		nc, end := mem.dial(t, gantline.Config{ID: "x", Redial: func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }})
		old := mustAccept(t, ln)
		nc.Cut()
		synctest.Wait()
		if old.State() != gantline.StateBroken || ln.End("x") != old {
			t.Fatalf("the End is %v", old.State())
		}
		_, again := mem.dial(t, gantline.Config{ID: "x"})
		if e := mustAccept(t, ln); ln.End("x") != e || e == old {
			t.Error("the new End is not on the list")
		}
		<-old.Context().Done()
		if err := context.Cause(old.Context()); !errors.Is(err, gantline.ErrSessionLost) || !strings.Contains(err.Error(), "superseded") {
			t.Errorf("the old End ended with %v", err)
		}
		again.Close()
		end.Close()
		ln.Close()
	})
}

// TestBacklog: clients wait while nobody calls AcceptEnd, and are refused in the end.
func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, dial := listenMem(t, server.WithLimits(server.Limits{Backlog: 2}))
		mustDial(t, dial)
		mustDial(t, dial)
		start := time.Now()
		_, err := dial(t.Context())
		if !errors.Is(err, gantline.ResourceExhausted) || !strings.Contains(err.Error(), "Limits.Backlog") {
			t.Errorf("third dial = %v", err)
		}
		if d := time.Since(start); d != server.DefaultHandshakeTimeout/2 {
			t.Errorf("refused after %v", d)
		}
		let := make(chan error)
		go func() {
			end, err := dial(context.Background(), client.WithTimeout(time.Minute))
			if err == nil {
				err = end.Close()
			}
			let <- err
		}()
		synctest.Wait()
		mustAccept(t, ln)
		if err := <-let; err != nil {
			t.Errorf("dial with room again = %v", err)
		}
		synctest.Wait()
		if st := ln.Stats(); st.Waiting != 2 || st.Accepted != 3 || st.Refused != 1 {
			t.Errorf("stats %+v", st)
		}
		ln.Close()
	})
}
