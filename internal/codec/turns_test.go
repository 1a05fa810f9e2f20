package codec

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns: as many run as there are processors, and one owner with many does not keep another waiting for all of them.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		var mu sync.Mutex
		var order []string
		var gives []func()
		for range runtime.GOMAXPROCS(0) {
			gives = append(gives, turns.Take(nil))
		}
		add := func(name string, owner any) {
			go func() {
				defer turns.Take(owner)()
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
			}()
			synctest.Wait()
		}
		a, b := new(int), new(int)
		for range 3 {
			add("a", a)
		}
		add("b", b)
		add("b", b)
		add("", nil)
		if len(order) > 0 {
			t.Errorf("%q have run", order)
		}
		for _, give := range gives {
			give()
			synctest.Wait()
		}
		if want := []string{"a", "b", "", "a", "b", "a"}; !slices.Equal(order, want) || turns.running != 0 || len(turns.waiting) != 0 {
			t.Errorf("%q have run, want %q; %d run, %d wait", order, want, turns.running, len(turns.waiting))
		}
	})
}

// TestTurnsEnd: who decodes for long, as an Unmarshaler does that waits for another body, keeps nobody else waiting.
func TestTurnsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		var gives []func()
		for range runtime.GOMAXPROCS(0) {
			gives = append(gives, turns.Take(nil))
		}
		start := time.Now()
		inner := turns.Take(nil)
		if took := time.Since(start); took != maxTurn {
			t.Errorf("the next one waited %v", took)
		}
		for _, give := range append(gives, inner, inner) { // each counts once
			give()
		}
		if turns.running != 0 {
			t.Errorf("%d run", turns.running)
		}
	})
}
