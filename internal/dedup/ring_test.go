package dedup

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRing: what is remembered is bounded by number and time.
func TestRing(t *testing.T) {
	const minute = time.Minute
	type step struct {
		add  string        // keys to add, one after the other
		wait time.Duration // after that
		seen string        // keys that are remembered then, of a to z
	}
	for _, tt := range []struct {
		name  string
		limit int
		ttl   time.Duration
		steps []step
	}{
		{"empty", 3, minute, []step{{"", 0, ""}}},
		{"oldest goes first", 3, 0, []step{{"abc", 0, "abc"}, {"d", 0, "bcd"}, {"efg", 0, "efg"}}},
		{"time", 3, minute, []step{{"a", minute / 2, "a"}, {"b", minute/2 - 1, "ab"}, {"", 1, "b"}, {"", minute / 2, ""}}},
		{"no time", 3, 0, []step{{"a", 1000 * time.Hour, "a"}}},
		{"negative time", 3, -1, []step{{"a", 1000 * time.Hour, "a"}}},
		{"added again: the time begins again", 3, minute, []step{{"a", minute / 2, "a"}, {"a", minute / 2, "a"}, {"", minute / 2, ""}}},
		{"added again: the place stays", 2, 0, []step{{"aba", 0, "ab"}, {"c", 0, "bc"}}},
		{"one place at least", 0, 0, []step{{"ab", 0, "b"}}},
		{"negative limit", -5, 0, []step{{"ab", 0, "b"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := New[rune](tt.limit, tt.ttl)
				for i, s := range tt.steps {
					for _, key := range s.add {
						r.Add(key)
					}
					<-time.After(s.wait)
					seen := ""
					for key := 'a'; key <= 'z'; key++ {
						if r.Seen(key) {
							seen += string(key)
						}
					}
					if seen != s.seen {
						t.Errorf("after step %d it remembers %q, want %q", i, seen, s.seen)
					}
				}
			})
		})
	}
}

// TestRingShared is for the race detector.
func TestRingShared(t *testing.T) {
	r := New[string](50, time.Hour)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 200 {
				key := fmt.Sprint(i, j)
				r.Add(key)
				r.Seen(key)
			}
		})
	}
	wg.Wait()
	if n := len(r.at); n != 50 {
		t.Errorf("remembers %d keys, want 50", n)
	}
}
