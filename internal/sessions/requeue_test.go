package sessions

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequeueOrder: what a retired session leaves is sent one after the other, in the order in which it is left, however
// long each takes.
func TestRequeueOrder(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		old := w.ln.Session()
		w.move()
		var want []string
		for i := range 100 {
			x := p.item(fmt.Sprint(i))
			x.sending = func() { <-time.After(time.Duration(100-i) * time.Millisecond) }
			w.ln.AddLost(&w.ln.Publications, old, uint64(2*i+1), x)
			want = append(want, "send "+x.name)
			if i%10 == 0 {
				<-time.After(time.Millisecond)
			}
		}
		<-time.After(time.Minute)
		p.want(t, want...)
		if w.ln.Busy() {
			t.Error("something is left")
		}
	})
}

// TestRequeueLost: what the newest session could not take any more goes on to the next, in order, and what is left
// meanwhile goes after it.
func TestRequeueLost(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		first := w.ln.Session()
		second := w.move()
		gate := make(chan struct{})
		a := p.item("a")
		a.gone, a.sending = true, func() { <-gate }
		w.ln.AddLost(&w.ln.Publications, first, 1, a)
		w.ln.AddLost(&w.ln.Publications, first, 3, p.item("b"))
		synctest.Wait()
		w.forgetOnly(second)
		<-time.After(time.Second)
		w.ln.AddLost(&w.ln.Publications, first, 5, p.item("c"))
		a.sending = nil
		close(gate)
		<-time.After(time.Second)
		if w.ln.Session().Seq != 3 {
			t.Fatalf("session %d", w.ln.Session().Seq)
		}
		p.want(t, "send a", "send b", "send c")
	})
}

// TestLostTogether: what each of two sessions leaves at once goes in the order that it had there.
func TestLostTogether(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		first := w.ln.Session()
		second := w.move()
		open := w.gate()
		w.forgetOnly(second)
		<-time.After(time.Second) // the third is shaking hands
		w.ln.AddLost(&w.ln.Publications, second, 1, p.item("c"))
		w.ln.AddLost(&w.ln.Publications, first, 9, p.item("b"))
		w.ln.AddLost(&w.ln.Publications, second, 3, p.item("d"))
		w.ln.AddLost(&w.ln.Publications, first, 7, p.item("a"))
		p.want(t)
		open()
		<-time.After(time.Second)
		p.want(t, "send c", "send d", "send a", "send b")
	})
}
