package sessions

import (
	"math/rand/v2"
	"net/netip"
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

// numbered is a grave that never expires here.
func numbered(i int) *grave {
	return &grave{id: [16]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}, stone: new(conn.Link), until: time.Now().Add(time.Hour)}
}

// TestGravesFull: the oldest one makes room.
func TestGravesFull(t *testing.T) {
	in(t, func(t *testing.T) {
		var g Graves
		first := ended(t, time.Hour)
		g.Bury(first)
		second := ended(t, time.Hour)
		g.Bury(second)
		for i := 0; len(g.byID) < maxGraves; i++ {
			g.bury(numbered(i), netip.Addr{})
		}
		g.Bury(ended(t, time.Hour))
		if g.Find(first.Peer().Session) != nil || g.Find(second.Peer().Session) == nil || len(g.byID) != maxGraves {
			t.Errorf("%d graves", len(g.byID))
		}
	})
}

// TestGravesFlood: sessions that one source ends push out only that source's, however many they are.
func TestGravesFlood(t *testing.T) {
	var g Graves
	victims, hostile := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	n := 0
	add := func(src netip.Addr) [16]byte {
		x := numbered(n)
		g.bury(x, src)
		n++
		return x.id
	}
	var kept [][16]byte
	for range 1000 {
		kept = append(kept, add(victims))
		victims = victims.Next()
	}
	for range 10 * maxGraves {
		add(hostile)
	}
	newest := add(netip.Addr{})
	for _, id := range append(kept, newest) {
		if g.Find(id) == nil {
			t.Fatal("a grave of another source is gone")
		}
	}
	if p := g.plots[hostile]; len(g.byID) != maxGraves || p.n != maxGraves-1001 || g.Find(p.last.id) == nil {
		t.Errorf("%d graves, %d of the hostile source", len(g.byID), p.n)
	}
}

// TestGravesModel compares the lists with what a simple one would have.
func TestGravesModel(t *testing.T) {
	in(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 2))
		var g Graves
		for i := range 20000 {
			x := numbered(i)
			x.until = time.Now().Add(time.Duration(rnd.IntN(3000)) * time.Second)
			g.bury(x, netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.IntN(1 + i%50))}))
			<-time.After(time.Duration(rnd.IntN(2)) * time.Second)
			if i%500 != 0 {
				continue
			}
			n, byPlot := 0, map[*plot]int{}
			for x := g.first; x != nil; x = x.next {
				if g.byID[x.id] != x || x.next != nil && x.next.prev != x || x.next == nil && g.last != x {
					t.Fatal("the list of all is torn")
				}
				byPlot[x.plot]++
				n++
			}
			for p, want := range byPlot {
				k := 0
				for x := p.first; x != nil; x = x.after {
					k++
				}
				if k != want || p.n != want || g.plots[p.src] != p || g.most[p.at] != p || p.n > g.most[0].n {
					t.Fatalf("a source has %d graves, %d in its list and %d in the other", p.n, k, want)
				}
			}
			if n != len(g.byID) || len(byPlot) != len(g.plots) || len(byPlot) != len(g.most) || n > maxGraves {
				t.Fatalf("%d graves, %d found by id, %d sources and %d", n, len(g.byID), len(byPlot), len(g.plots))
			}
		}
	})
}
