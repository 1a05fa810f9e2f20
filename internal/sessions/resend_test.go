package sessions

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// post is a mailbag of fake Resendables, which say in log what happens to them.
type post struct {
	mu  sync.Mutex // guards log
	log []string
}

func (p *post) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, line)
}

// take returns what log has, and empties it.
func (p *post) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.log
	p.log = nil
	return log
}

// item is one of them.
type item struct {
	p       *post
	name    string
	gone    bool // its session is, when it is sent
	waits   bool // somebody wants it
	sending func()
}

func (i *item) Send(*Session) bool {
	if i.sending != nil {
		i.sending()
	}
	if i.gone {
		i.gone = false
		return false
	}
	i.p.add("send " + i.name)
	return true
}

func (i *item) Drop(err error) { i.p.add("drop " + i.name + ": " + err.Error()) }
func (i *item) Waits() bool    { return i.waits }

func (p *post) item(name string) *item { return &item{p: p, name: name} }

func (p *post) want(t *testing.T, want ...string) {
	t.Helper()
	if got := p.take(); !slices.Equal(got, want) {
		t.Errorf("it went %q, want %q", got, want)
	}
}

// one is a session without a link, which is enough for a Queue.
func one(why error) *Session {
	ctx, cancel := context.WithCancelCause(context.Background())
	if why != nil {
		cancel(why)
	}
	s := &Session{Ctx: ctx}
	s.cancel = cancel
	return s
}

var errGone = errors.New("gone")

// TestQueueOrder: what a session left goes before what came after it, and in the order of its ids.
func TestQueueOrder(t *testing.T) {
	tests := []struct {
		name string
		fill func(q *Queue, p *post)
		want []string
	}{
		{"nothing", func(*Queue, *post) {}, nil},
		{"by id, not as they were lost", func(q *Queue, p *post) {
			for id, name := range map[uint64]string{7: "c", 1: "a", 3: "b"} {
				q.Add(id, p.item(name))
			}
		}, []string{"send a", "send b", "send c"}},
		{"the same id as they were lost", func(q *Queue, p *post) {
			q.Add(0, p.item("a"))
			q.Add(0, p.item("b"))
		}, []string{"send a", "send b"}},
		{"lost before new", func(q *Queue, p *post) {
			q.Push(p.item("new 1"))
			q.Add(9, p.item("lost"))
			q.Push(p.item("new 2"))
		}, []string{"send lost", "send new 1", "send new 2"}},
		{"a second loss before what the first one left", func(q *Queue, p *post) {
			q.Add(5, p.item("c"))
			q.Push(p.item("d"))
			q.collect(1)
			q.Add(2, p.item("b"))
			q.Add(1, p.item("a"))
		}, []string{"send a", "send b", "send c", "send d"}},
		{"Before goes before all", func(q *Queue, p *post) {
			q.Push(p.item("b"))
			q.Before(func(queued []Resendable) []Resendable {
				if len(queued) != 1 {
					t.Errorf("%d are queued", len(queued))
				}
				return []Resendable{p.item("a 1"), p.item("a 2")}
			})
		}, []string{"send a 1", "send a 2", "send b"}},
		{"what goes in while it runs", func(q *Queue, p *post) {
			a := p.item("a")
			a.sending = func() { q.Push(p.item("c")) }
			q.Push(a)
			q.Push(p.item("b"))
		}, []string{"send a", "send b", "send c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var q Queue
			p := new(post)
			tt.fill(&q, p)
			q.collect(1)
			if q.Queued() != (len(tt.want) > 0) {
				t.Errorf("Queued is %v", q.Queued())
			}
			if !q.Run(one(nil)) {
				t.Error("Run did not finish")
			}
			p.want(t, tt.want...)
			if q.Queued() || !q.Empty() {
				t.Error("something is left")
			}
		})
	}
}

// TestQueueInterrupted: what a session could not take any more stays in its place, and the next one gets it.
func TestQueueInterrupted(t *testing.T) {
	var q Queue
	p := new(post)
	for _, name := range []string{"a", "b", "c"} {
		i := p.item(name)
		i.gone = name == "b"
		q.Push(i)
	}
	if q.Run(one(nil)) {
		t.Error("Run finished")
	}
	p.want(t, "send a")
	q.Add(1, p.item("a")) // its session is lost as well
	q.collect(1)
	if !q.Run(one(nil)) {
		t.Error("Run did not finish")
	}
	p.want(t, "send a", "send b", "send c")
}

// TestQueueEnd: everything that waits is dropped once, in order, and nothing waits from then on.
func TestQueueEnd(t *testing.T) {
	var q Queue
	p := new(post)
	q.Push(p.item("new"))
	q.Add(2, p.item("b"))
	q.Add(1, p.item("a"))
	q.end(errGone)
	p.want(t, "drop a: gone", "drop b: gone", "drop new: gone")
	if q.Add(1, p.item("x")) || q.Push(p.item("x")) {
		t.Error("something goes in")
	}
	q.Before(func([]Resendable) []Resendable { return []Resendable{p.item("x")} })
	q.collect(1)
	q.end(errGone)
	if q.Queued() || !q.Empty() || !q.Run(one(nil)) {
		t.Error("something is left")
	}
	p.want(t)
}

// TestQueueEndsWhileSending: what is being sent when the end comes is dropped as well, if its session did not take it.
func TestQueueEndsWhileSending(t *testing.T) {
	for _, gone := range []bool{false, true} {
		var q Queue
		p := new(post)
		a := p.item("a")
		a.gone = gone
		a.sending = func() { q.end(errGone) }
		q.Push(a)
		q.Push(p.item("b"))
		q.Run(one(errClosed))
		if gone {
			p.want(t, "drop b: gone", "drop a: "+errClosed.Error())
		} else {
			p.want(t, "drop b: gone", "send a")
		}
	}
}

// TestQueueEmpty: a queue is empty when nobody wants what is in it, and nothing is being sent.
func TestQueueEmpty(t *testing.T) {
	tests := []struct {
		name string
		fill func(q *Queue, i *item)
	}{
		{"queued", func(q *Queue, i *item) { q.Push(i) }},
		{"lost", func(q *Queue, i *item) { q.Add(1, i) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var q Queue
			p := new(post)
			i := p.item("a")
			tt.fill(&q, i)
			if !q.Empty() {
				t.Error("nobody wants it, and it counts")
			}
			i.waits = true
			if q.Empty() {
				t.Error("somebody wants it, and it does not count")
			}
			i.waits = false
			i.sending = func() {
				if q.Empty() {
					t.Error("it is being sent, and does not count")
				}
			}
			q.collect(1)
			q.Run(one(nil))
			if !q.Empty() {
				t.Error("it was sent, and counts")
			}
		})
	}
}

// TestResend: the next session gets what waits, and its latches open when it has all. Anything new waits for that.
func TestResend(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		gate := make(chan struct{})
		slow := p.item("slow")
		slow.sending = func() { <-gate }
		w.ln.Publications.Add(1, slow)
		w.ln.Publications.Push(p.item("new"))
		s := w.lose()
		synctest.Wait()
		if !s.Notifies.IsOpen() || s.Publications.IsOpen() || w.ln.Busy() != true {
			t.Errorf("open: notifies %v, publications %v", s.Notifies.IsOpen(), s.Publications.IsOpen())
		}
		p.want(t)
		close(gate)
		if got, how := w.ln.CaughtUp(t.Context(), s, publications); got != s || how != Renewed {
			t.Errorf("caught up: %v", how)
		}
		p.want(t, "send slow", "send new")
		if w.ln.Busy() {
			t.Error("something still waits")
		}
	})
}

// TestResendLostAgain: a session that is lost while it sends again leaves the rest to the next one.
func TestResendLostAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		p := new(post)
		gate := make(chan struct{})
		slow := p.item("b")
		slow.gone, slow.sending = true, func() { <-gate }
		w.ln.Notifies.Push(p.item("a"))
		w.ln.Notifies.Push(slow)
		second := w.lose()
		w.forget()
		w.cut()
		<-time.After(5 * time.Second)
		if w.ln.Session() != second {
			t.Fatal("the third session did not wait for the goroutine of the second")
		}
		w.ln.Notifies.Add(1, p.item("a again"))
		close(gate)
		third, how := w.ln.CaughtUp(t.Context(), second, notifies)
		if how != Renewed || third.Seq != 3 || second.Notifies.IsOpen() {
			t.Errorf("caught up: %v in session %d", how, third.Seq)
		}
		p.want(t, "send a", "send a again", "send b")
	})
}

func publications(s *Session) *Latch { return &s.Publications }
func notifies(s *Session) *Latch     { return &s.Notifies }
