package mux

import (
	"math/rand/v2"
	"testing"
)

// TestTable compares the table with a map: ids that count up, most of them short-lived, some kept, as in a session.
func TestTable(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var tab table
		want := make(map[uint64]entry)
		next := [2]uint64{0, 1}
		var live []uint64
		keep := rng.IntN(100) // per cent that stay
		check := func(id uint64) {
			if got := tab.get(id); got != want[id] {
				t.Fatalf("seed %d: id %d is %v, want %v", seed, id, got, want[id])
			}
		}
		for range 3000 {
			side := rng.IntN(2)
			id := next[side]
			next[side] += 2
			e := &leftover{}
			e.id = id
			tab.put(e)
			want[id] = e
			check(id)
			if rng.IntN(50) == 0 { // swapped
				e = &leftover{}
				e.id = id
				tab.put(e)
				want[id] = e
			}
			if live = append(live, id); rng.IntN(100) >= keep {
				i := len(live) - 1 - rng.IntN(min(len(live), 10))
				gone := live[i]
				live = append(live[:i], live[i+1:]...)
				tab.remove(gone)
				delete(want, gone)
				check(gone)
			}
			check(rng.Uint64N(next[side] + 10))
		}
		seen := 0
		for e := range tab.all() {
			if seen++; want[e.base().id] != e {
				t.Fatalf("seed %d: all has %d", seed, e.base().id)
			}
		}
		if seen != len(want) || tab.count() != len(want) {
			t.Errorf("seed %d: %d of %d entries, count %d", seed, seen, len(want), tab.count())
		}
		for i := range tab.sides {
			if r := &tab.sides[i]; len(r.places) > 2*sparse*max(r.n, firstPlaces) && len(r.places) > 2*sparse*3000 {
				t.Errorf("seed %d: %d places for %d entries", seed, len(r.places), r.n)
			}
		}
		for id := range want {
			tab.remove(id)
			tab.remove(id)
		}
		for i := range tab.sides {
			if r := &tab.sides[i]; r.n != 0 || len(r.places) > idlePlaces || len(r.others) != 0 {
				t.Errorf("seed %d: an empty side keeps %d places, %d others, count %d", seed, len(r.places), len(r.others), r.n)
			}
		}
	}
}

// TestTableFarApart: two long-lived entries whose ids differ by much do not make it large.
func TestTableFarApart(t *testing.T) {
	var tab table
	for _, id := range []uint64{1, 1 + 2<<20, 1 + 2<<30, 1 + 2<<40} {
		e := &leftover{}
		e.id = id
		tab.put(e)
	}
	if n := len(tab.sides[1].places); n > 4*sparse || tab.count() != 4 {
		t.Errorf("%d places for 4 entries", n)
	}
	for _, id := range []uint64{1, 1 + 2<<20, 1 + 2<<30, 1 + 2<<40} {
		if e := tab.get(id); e == nil || e.base().id != id {
			t.Errorf("id %d: %v", id, e)
		}
	}
}
