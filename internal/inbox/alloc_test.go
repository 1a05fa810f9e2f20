//go:build !race

package inbox

import (
	"context"
	"testing"
)

// TestAllocations: a message costs nothing but itself.
func TestAllocations(t *testing.T) {
	r := newRoom(t, large)
	done := make(chan struct{})
	r.takers['a'] = &testTaker{r: r}
	r.takers['a'].Init(&r.in, signal(done))
	m := &message{name: "x1", no: 1}
	ctx := context.Background()
	for name, f := range map[string]func(){
		"received": func() {
			m.item.Init(m, 0, 10, true)
			r.in.Lock()
			r.in.PutLocked(&m.item, nil)
			r.in.Unlock()
			if _, err := r.in.Receive(ctx); err != nil {
				t.Error(err)
			}
		},
		"taken": func() {
			m.item.Init(m, 0, 10, false)
			r.in.Lock()
			r.in.PutLocked(&m.item, &r.takers['a'].Taker)
			r.in.Unlock()
			r.in.Ready(&m.item)
			<-done
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		m.item = Item[*message]{}
	}
}

// signal is a Consumer that says when it has a message.
type signal chan struct{}

func (s signal) Take(*message) { s <- struct{}{} }
func (s signal) HaltedLocked() {}
func (s signal) LeftLocked()   {}
