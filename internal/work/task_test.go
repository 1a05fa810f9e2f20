package work

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// board says which tasks run and what became of the others.
type board struct {
	mu      sync.Mutex
	running []string // sorted
	ends    map[string]int
}

func (b *board) started(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = append(b.running, name)
	slices.Sort(b.running)
}

func (b *board) ended(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = slices.DeleteFunc(b.running, func(n string) bool { return n == name })
	if b.ends == nil {
		b.ends = map[string]int{}
	}
	b.ends[name]++
}

// String lists what runs.
func (b *board) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.running, " ")
}

// task is a Task that runs until it is told to end.
type task struct {
	item  Item
	name  string
	order *Order
	gate  *Gate
	board *board
	end   chan string // "end", "exit" = with runtime.Goexit

	asked   func()         // nil, or called when its gate is asked for
	look    func() Verdict // for parking
	resumed chan Verdict
}

func newTask(b *board, name string, o *Order, g *Gate) *task {
	return &task{name: name, board: b, order: o, gate: g, end: make(chan string, 1), resumed: make(chan Verdict, 1)}
}

func (t *task) Order() *Order { return t.order }

func (t *task) Gate() *Gate {
	if t.asked != nil {
		t.asked()
	}
	return t.gate
}

func (t *task) Serve() {
	t.board.started(t.name)
	how := <-t.end
	t.board.ended(t.name)
	if how == "exit" {
		runtime.Goexit()
	}
}

func (t *task) Look() Verdict    { return t.look() }
func (t *task) Resume(v Verdict) { t.resumed <- v }

// refuse is what a room does.
func (t *task) refuse() bool {
	if !t.item.Claim() {
		return false
	}
	t.item.Withdraw()
	return true
}

// idle reports what is wrong with queues in which nothing is left.
func idle(t *testing.T, orders []*Order, gates []*Gate) {
	t.Helper()
	for i, o := range orders {
		if len(o.running) > 0 || o.list.head != nil || o.list.tail != nil {
			t.Errorf("order %d: running %v, list %p %p", i, o.running, o.list.head, o.list.tail)
		}
	}
	for i, g := range gates {
		if n := g.running(); n != 0 {
			t.Errorf("gate %d: running %d", i, n)
		}
		for depth := range g.lanes {
			if l := &g.laneLocked(depth).waiting; l.head != nil || l.tail != nil {
				t.Errorf("gate %d, depth %d: list %p %p", i, depth, l.head, l.tail)
			}
		}
	}
}

// names are t0, t1, ...
func taskName(i int) string { return fmt.Sprint("t", i) }
