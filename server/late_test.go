package server_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/server"
)

// TestShutdownLateClients: a client that has just dialled when its server shuts down gets the goodbye. If it does not redial
// its End is over. If it does it looks for another session, and none tries to resume the one that is gone.
func TestShutdownLateClients(t *testing.T) {
	rounds, side := 1000, 4
	if testing.Short() {
		rounds = 100
	}
	var wg sync.WaitGroup
	for range side {
		wg.Go(func() {
			for range rounds / side {
				if !lateClients(t) {
					return
				}
			}
		})
	}
	wg.Wait()
}

// lateClients is one server with a client of each sort.
func lateClients(t *testing.T) bool {
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return false
	}
	defer ln.Close()
	looks := make(chan net.Addr, 1) // where a client looks for a session of its own, nil for another one
	plain, err := client.Dial(t.Context(), "tcp", ln.Addr().String(), client.WithoutRedial())
	if err != nil {
		t.Error(err)
		return false
	}
	defer plain.Close()
	redials, err := client.Dial(t.Context(), "tcp", ln.Addr().String(), client.WithConfig(gantline.Config{Redial: func(ctx context.Context) (net.Conn, error) {
		_, home := gantline.Redialing(ctx)
		select {
		case looks <- home:
		default:
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}}))
	if err != nil {
		t.Error(err)
		return false
	}
	defer redials.Abort(nil)
	if err := ln.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	const moment = 10 * time.Second // the machine may be busy
	select {
	case <-plain.Context().Done():
		if err := context.Cause(plain.Context()); !errors.Is(err, net.ErrClosed) || errors.Is(err, gantline.ErrSessionLost) {
			t.Errorf("one that does not redial ends with %v", err)
		}
	case <-time.After(moment):
		t.Errorf("one that does not redial is %v", plain.State())
		return false
	}
	select {
	case home := <-looks:
		if home != nil || redials.Context().Err() != nil {
			t.Errorf("one that redials wants to resume its session at %v; %v", home, context.Cause(redials.Context()))
		}
	case <-time.After(moment):
		t.Errorf("one that redials is %v, and does not", redials.State())
		return false
	}
	return true
}
