package work

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// crowd is many tasks of a few orders and gates, as it goes.
type crowd struct {
	orders []*Order
	gates  []*Gate
	limits []int32

	inOrder []atomic.Int32 // that run now
	inGate  []atomic.Int32
	last    []int // number of the one that ran last; owned by what runs
	settled sync.WaitGroup
	wrong   atomic.Int32
}

// member is one of a crowd.
type member struct {
	task
	c             *crowd
	number        int
	inOrder, inAt int // index of its order and gate, -1 = none
	exits         bool
	served        atomic.Int32
}

func (m *member) Order() *Order {
	if m.inOrder < 0 {
		return nil
	}
	return m.c.orders[m.inOrder]
}

func (m *member) Gate() *Gate {
	if m.inAt < 0 {
		return nil
	}
	if m.number%3 == 0 {
		runtime.Gosched() // here a claim may come between two queues
	}
	return m.c.gates[m.inAt]
}

func (m *member) Serve() {
	c := m.c
	defer c.settled.Done()
	if m.inOrder >= 0 {
		if c.inOrder[m.inOrder].Add(1) != 1 || c.last[m.inOrder] >= m.number {
			c.wrong.Add(1)
		}
		c.last[m.inOrder] = m.number
		defer c.inOrder[m.inOrder].Add(-1)
	}
	if m.inAt >= 0 {
		if c.inGate[m.inAt].Add(1) > c.limits[m.inAt] {
			c.wrong.Add(1)
		}
		defer c.inGate[m.inAt].Add(-1)
	}
	m.served.Add(1)
	if m.number%5 == 0 {
		runtime.Gosched()
	}
	if m.exits {
		runtime.Goexit()
	}
}

// TestCrowd: whatever is refused when, each task is served or refused, once; orders and limits hold; and no queue is
// left with something in it.
func TestCrowd(t *testing.T) {
	const rounds, size = 40, 500
	for seed := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		c := &crowd{limits: []int32{1, 3}}
		for range 2 {
			c.orders = append(c.orders, new(Order))
		}
		for _, n := range c.limits {
			c.gates = append(c.gates, NewGate(int(n)))
		}
		c.gates = append(c.gates, NewDeepGate(3))
		c.limits = append(c.limits, 3+2) // and one of depth 1 and 2
		c.inOrder, c.inGate = make([]atomic.Int32, 2), make([]atomic.Int32, 3)
		c.last = []int{-1, -1}
		all := make([]*member, size)
		refused := make([]atomic.Int32, size)
		c.settled.Add(size)
		var others sync.WaitGroup
		for i := range all {
			m := &member{c: c, number: i, inOrder: rnd.IntN(3) - 1, inAt: rnd.IntN(4) - 1, exits: rnd.IntN(8) == 0}
			all[i] = m
			depth := uint8(0)
			if m.inOrder < 0 {
				depth = uint8(rnd.IntN(3))
			}
			m.item.Begin(m, depth, 2)
			refuse := func() {
				if m.item.Claim() {
					refused[i].Add(1)
					m.item.Withdraw()
					c.settled.Done()
				}
			}
			some := rnd.IntN(4)
			others.Go(func() {
				if it := m.item.Arrive(); some == 1 {
					for it != nil { // here, but only if that leaves this goroutine alive
						if it.task.(*member).exits {
							it.Go()
							break
						}
						it = it.Run()
					}
				} else {
					it.Go()
				}
			})
			switch some {
			case 0:
				others.Go(refuse) // maybe before it is complete
			case 2:
				others.Go(func() { runtime.Gosched(); refuse() })
			}
			others.Go(func() { m.item.Arrive().Go() })
		}
		others.Wait()
		c.settled.Wait()
		for i, m := range all {
			if n := m.served.Load() + refused[i].Load(); n != 1 {
				t.Errorf("round %d: task %d was served %d times, refused %d times", seed, i, m.served.Load(), refused[i].Load())
			}
		}
		if n := c.wrong.Load(); n != 0 {
			t.Errorf("round %d: %d tasks ran when they must not", seed, n)
		}
		for !quiet(c) { // the last ones pass their places on after they have settled
			runtime.Gosched()
		}
		idle(t, c.orders, c.gates)
	}
}

// running returns how many tasks g has let run.
func (g *Gate) running() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n = int(g.counted.Load())
	for _, l := range g.lanes[1:] {
		if l != nil && l.running > 0 {
			n++ // the free one
		}
	}
	return n
}

// quiet reports whether nothing runs any more.
func quiet(c *crowd) bool {
	for _, o := range c.orders {
		o.list.mu.Lock()
		busy := len(o.running) > 0
		o.list.mu.Unlock()
		if busy {
			return false
		}
	}
	for _, g := range c.gates {
		if g.running() > 0 {
			return false
		}
	}
	return true
}

// TestUnlinkOnce: of any number that take an item off its list one does.
func TestUnlinkOnce(t *testing.T) {
	for range 500 {
		var l, other list
		var items [3]Item
		for i := range items {
			l.mu.Lock()
			l.pushLocked(&items[i])
			l.mu.Unlock()
		}
		var found, begun atomic.Int32
		var all sync.WaitGroup
		l.mu.Lock() // until all have seen where it is
		for range 4 {
			all.Go(func() {
				begun.Add(1)
				if on := items[1].unlink(); on == &l || on == &other {
					found.Add(1)
				}
			})
		}
		all.Go(func() { // as it moves from one list to the other
			l.mu.Lock()
			moved := items[1].on.Load() == &l
			if moved {
				l.removeLocked(&items[1])
			}
			l.mu.Unlock()
			if moved {
				other.mu.Lock()
				other.pushLocked(&items[1])
				other.mu.Unlock()
				if items[1].unlink() != nil {
					found.Add(1)
				}
			}
		})
		for begun.Load() < 4 {
			runtime.Gosched()
		}
		l.mu.Unlock()
		all.Wait()
		if found.Load() != 1 || l.head != &items[0] || l.tail != &items[2] || items[0].next != &items[2] || items[2].prev != &items[0] || other.head != nil {
			t.Fatalf("taken off %d times", found.Load())
		}
	}
}

// TestGateComesFree: a place that comes free while a task is about to wait for it is that task's. It does not wait either
// if another has waited and gone, or if it is the first of its depth.
func TestGateComesFree(t *testing.T) {
	b := &board{}
	for _, deep := range []bool{false, true} {
		g := NewGate(1)
		if deep {
			g = NewDeepGate(1)
		}
		first, second, third := newTask(b, "first", nil, g), newTask(b, "second", nil, g), newTask(b, "third", nil, g)
		for _, x := range []*task{first, second} {
			x.item.Begin(x, 0, 1)
		}
		third.item.Begin(third, 3, 1)
		g.waits.Store(true) // as it is when somebody has looked for a place, and one has come free since
		if !g.enter(&first.item) || g.enter(&second.item) {
			t.Error("one place is not for one task")
		}
		if got := g.enter(&third.item); got != deep {
			t.Errorf("deep gate %v: the first of its depth may run: %v", deep, got)
		}
		if g.leave(&first.item) != &second.item || second.item.on.Load() != nil {
			t.Error("the next one does not run")
		}
		next := g.leave(&second.item)
		if deep {
			next = g.leave(&third.item)
		} else if next != &third.item || g.leave(next) != nil {
			t.Error("the last one does not run")
		}
		if next != nil && deep || g.running() != 0 || g.waits.Load() {
			t.Errorf("%d run, somebody waits: %v", g.running(), g.waits.Load())
		}
	}
}
