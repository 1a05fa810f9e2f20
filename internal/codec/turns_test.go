package codec

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestTurns: as many run as there are processors, and one owner with many does not keep another waiting for all of them.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		var mu sync.Mutex
		var order []string
		for range runtime.GOMAXPROCS(0) {
			turns.Take(nil)
		}
		add := func(name string, owner any) {
			go func() {
				turns.Take(owner)
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				turns.Give()
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
		for range runtime.GOMAXPROCS(0) {
			turns.Give()
			synctest.Wait()
		}
		if want := []string{"a", "b", "", "a", "b", "a"}; !slices.Equal(order, want) || turns.running != 0 || len(turns.waiting) != 0 {
			t.Errorf("%q have run, want %q; %d run, %d wait", order, want, turns.running, len(turns.waiting))
		}
	})
}
