package inbox

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	large    = Limits{Messages: 1000, Bytes: 1 << 20}
	errEnded = errors.New("ended")
)

// TestOrder: messages that come from another queue stand where they were sent.
func TestOrder(t *testing.T) {
	for _, tt := range []struct{ name, puts, want string }{
		{"nothing", "", ""},
		{"as they come", "x1 x2 y3", "x1 x2 y3"},
		{"earlier ones from a queue", "x2 x4 a1 a3 a5", "a1 x2 a3 x4 a5"},
		{"all from a queue", "a1 a2 a3", "a1 a2 a3"},
		{"before all others", "x4 x5 a1 a2", "a1 a2 x4 x5"},
		{"one that is arriving holds back later ones", "x1 x4 a2? a3", "x1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, large)
				block := make(chan struct{})
				a := r.subscribe('a', func(*message) { <-block })
				r.fill("a0")
				synctest.Wait() // the taker is busy with it
				r.fill(tt.puts)
				idle := a.Halt()
				if isClosed(idle) {
					t.Error("idle while the consumer has a message")
				}
				equal(t, "received", r.receive(), tt.want)
				close(block)
				<-idle
				equal(t, "taken", a.took(), "a0")
			})
		})
	}
}

// TestIncomplete: a message whose body is still arriving holds back its own queue only.
func TestIncomplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		a, b := r.subscribe('a', nil), r.subscribe('b', nil)
		ms := r.fill("a1 a2? a3 b4 x5? x6 b7? b8")
		synctest.Wait()
		equal(t, "a", a.took(), "a1")
		equal(t, "b", b.took(), "b4")
		equal(t, "received", r.receive(), "")
		r.in.Ready(&ms["b7"].item)
		synctest.Wait()
		equal(t, "a", a.took(), "")
		equal(t, "b", b.took(), "b7 b8")
		r.in.Ready(&ms["a2"].item)
		r.in.Ready(&ms["x5"].item)
		synctest.Wait()
		equal(t, "a", a.took(), "a2 a3")
		equal(t, "received", r.receive(), "x5 x6")
	})
}

// TestDrop: what its sender has given up holds back nobody any more.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		a := r.subscribe('a', nil)
		ms := r.fill("a1? a2 x3? x4 x5")
		for _, tt := range []struct {
			name      string
			all, want bool
		}{
			{"x5", false, false}, // complete, so it can be received
			{"x5", true, true},
			{"x5", true, false}, // it was dropped before
			{"a1", false, true},
			{"x3", true, true},
		} {
			if got := r.in.Drop(&ms[tt.name].item, tt.all); got != tt.want {
				t.Errorf("Drop of %s, all %v: %v", tt.name, tt.all, got)
			}
		}
		r.in.Ready(&ms["a1"].item) // too late
		synctest.Wait()
		equal(t, "a", a.took(), "a2")
		equal(t, "received", r.receive(), "x4")
		if r.in.Drop(&ms["a2"].item, true) || r.in.Drop(&ms["x4"].item, true) {
			t.Error("dropped after it was handed out")
		}
	})
}

// TestWantAhead: the bodies of the first few messages are asked for, once somebody works through their queue.
func TestWantAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		block := make(chan struct{})
		defer close(block)
		r.subscribe('a', func(*message) { <-block })
		ms := r.fill("a0 a1? a2 a3? a4? a5? x1? x2? x3? x4? x5?")
		synctest.Wait()
		equal(t, "a's", r.takeWanted(), "a1 a3 a4")
		r.in.Ready(&ms["a1"].item) // a1 stays at the front while the taker is busy
		equal(t, "a's after a1", r.takeWanted(), "")
		r.in.Drop(&ms["a3"].item, true)
		equal(t, "a's after a3", r.takeWanted(), "a5")

		equal(t, "received", r.receive(), "")
		equal(t, "wanted by Receive", r.takeWanted(), "x1 x2 x3 x4")
		r.in.Ready(&ms["x1"].item)
		equal(t, "received", r.receive(), "x1")
		equal(t, "wanted by the next Receive", r.takeWanted(), "x5")
	})
}

// TestWantUnclaimed: nobody asks for a body that nobody takes.
func TestWantUnclaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		r.fill("a1? a2? a3?")
		synctest.Wait()
		equal(t, "unclaimed", r.takeWanted(), "")
		r.subscribe('a', nil)
		equal(t, "subscribed", r.takeWanted(), "a1 a2 a3")
	})
}

// TestWantMany: when a queue is divided among many takers, each has its own bodies asked for.
func TestWantMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		all := r.subscribe('*', nil)
		r.in.Lock()
		for name := byte('a'); name <= 'z'; name++ {
			r.takers[name] = all
		}
		r.in.Unlock()
		var puts, names []string
		for name := byte('a'); name <= 'p'; name++ {
			puts, names = append(puts, string(name)+"1?"), append(names, string(name)+"1")
		}
		r.fill(strings.Join(puts, " "))
		equal(t, "of one queue", r.takeWanted(), "a1 b1 c1 d1")
		for name := byte('a'); name <= 'z'; name++ {
			r.subscribe(name, nil)
		}
		all.Halt()
		equal(t, "of the others", r.takeWanted(), strings.Join(names[4:], " "))
	})
}

// TestEnd: what was complete can still be had, and nothing else.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		block := make(chan struct{})
		a := r.subscribe('a', func(*message) { <-block })
		ms := r.fill("a1 a2 a3? a4 x1 x2? x3")
		if !r.end(errEnded) || r.end(errors.New("another")) {
			t.Error("EndLocked does not tell the first time from others")
		}
		for _, name := range []string{"a2", "x1", "x3", "a4"} {
			if r.in.Drop(&ms[name].item, false) {
				t.Errorf("%s was dropped", name)
			}
		}
		for _, name := range []string{"a3", "x2"} {
			if !r.in.Drop(&ms[name].item, false) {
				t.Errorf("%s was not dropped", name)
			}
		}
		if a.left != 0 {
			t.Error("left while it works")
		}
		close(block)
		synctest.Wait()
		equal(t, "a", a.took(), "a1 a2 a4")
		if a.left != 1 {
			t.Errorf("left %d times", a.left)
		}
		equal(t, "received", r.receive(), "x1 x3")
		if _, err := r.in.Receive(t.Context()); err != errEnded {
			t.Errorf("Receive after the last: %v", err)
		}
		r.in.Lock()
		defer r.in.Unlock()
		if err := r.in.EndedLocked(); err != errEnded {
			t.Errorf("EndedLocked: %v", err)
		}
	})
}

// TestReassign: a new taker takes over what waits, and frees what waited after it.
func TestReassign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, large)
		r.fill("a1? b2 c3 a4 b5")
		got := make(chan string, 1)
		go func() {
			m, err := r.in.Receive(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			got <- m.name
		}()
		synctest.Wait()
		a := r.subscribe('a', nil) // b2 was held back by a1
		synctest.Wait()
		equal(t, "received", <-got, "b2")
		b := r.subscribe('b', nil)
		synctest.Wait()
		equal(t, "a", a.took(), "")
		equal(t, "b", b.took(), "b5")
		equal(t, "received", r.receive(), "c3")
		<-time.After(time.Minute)
		equal(t, "given up", r.takeGaveUp(), "")
	})
}
