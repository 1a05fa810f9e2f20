package sessions

import (
	"testing"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/memnet"
)

// ended returns a link that has ended, whose session expires after the time.
func ended(t *testing.T, expiry time.Duration) *conn.Link {
	t.Helper()
	near, far := memnet.Pipe()
	go func() {
		if l, err := conn.Client(t.Context(), near, &conn.Config{Expiry: expiry}); err == nil {
			l.Abort(nil)
		}
	}()
	l, err := conn.Server(t.Context(), far, &conn.Config{Expiry: expiry})
	if err != nil {
		t.Fatal(err)
	}
	l.Abort(nil)
	return l
}

// TestGraves: a tombstone is found until the session would have expired, and others have come.
func TestGraves(t *testing.T) {
	in(t, func(t *testing.T) {
		var g Graves
		a, b := ended(t, time.Minute), ended(t, time.Hour)
		g.Bury(a)
		g.Bury(b)
		for _, l := range []*conn.Link{a, b} {
			stone := g.Find(l.Peer().Session)
			if stone == nil || stone == l || stone.Peer().Session != l.Peer().Session || stone.State() != conn.StateClosed {
				t.Errorf("found %v", stone)
			}
		}
		if g.Find([16]byte{}) != nil {
			t.Error("found one that was never there")
		}
		<-time.After(2 * time.Minute)
		g.Bury(ended(t, time.Hour))
		if g.Find(a.Peer().Session) != nil || g.Find(b.Peer().Session) == nil {
			t.Error("not the one that has expired is gone")
		}
	})
}

// TestGravesFull: the oldest one makes room.
func TestGravesFull(t *testing.T) {
	in(t, func(t *testing.T) {
		var g Graves
		first := ended(t, time.Hour)
		g.Bury(first)
		second := ended(t, time.Hour)
		g.Bury(second)
		for len(g.order) < maxGraves {
			g.order = append(g.order, grave{until: time.Now().Add(time.Hour)})
		}
		g.Bury(ended(t, time.Hour))
		if g.Find(first.Peer().Session) != nil || g.Find(second.Peer().Session) == nil || len(g.order) != maxGraves {
			t.Errorf("%d graves", len(g.order))
		}
	})
}
