package work

import (
	"sync"
	"sync/atomic"
)

// Task is a call as this package knows it.
type Task interface {
	// Order is where the task waits for those that began before it; nil = for none. It is the same every time.
	Order() *Order
	// Gate is what limits how many tasks run at a time; nil = nothing. It is not asked for before the last Arrive, and
	// is the same every time.
	Gate() *Gate
	// Serve does the work. It is called once at most, and not when somebody else has claimed the task.
	Serve()
	// Look says what becomes of the task as things are, and remembers who takes it. It is asked by a Parking, whose lock
	// is held.
	Look() Verdict
	// Resume is called with no lock held when the task has been parked and that is over. The verdict is not Waits.
	Resume(Verdict)
}

// Item is the part of a Task that waits.
type Item struct {
	task    Task
	missing atomic.Int32  // what has to arrive before it can run
	state   atomic.Uint32 // claimed and nested, and above them the depth; all in one, because items are many

	on         atomic.Pointer[list] // that it is on; changed with the list's mu held
	next, prev *Item                // guarded by on's mu
}

// What an Item's state is made of.
const (
	claimed    = 1 << iota // it is being served, or was refused
	nested                 // deeper ones do not wait for it
	depthShift = iota
)

// depth returns how many others the task was begun from within.
func (it *Item) depth() int { return int(it.state.Load() >> depthShift) }

// Begin prepares the item of t, which runs when so many parts have arrived. t was begun from within depth others. Nobody else
// knows it yet.
func (it *Item) Begin(t Task, depth uint8, parts int32) {
	it.task = t
	it.state.Store(uint32(depth) << depthShift)
	it.missing.Store(parts)
	if o := t.Order(); o != nil {
		o.add(it)
	}
}

// Task returns what Begin was called with.
func (it *Item) Task() Task { return it.task }

// Arrive says that one part is there. It returns which item is to run now because of that, nil for none.
func (it *Item) Arrive() (run *Item) {
	if it.missing.Add(-1) > 0 {
		return nil
	}
	if o := it.task.Order(); o != nil {
		return o.advance(nil)
	}
	if runs, _ := it.admit(); runs {
		return it
	}
	return nil
}

// admit reports whether it may run now. If not, it waits at its gate, unless it was claimed just before it was queued
// there: then it is out again, and gone.
func (it *Item) admit() (runs, gone bool) {
	g := it.task.Gate()
	if g == nil || g.enter(it) {
		return true, false
	}
	return false, it.Claimed() && it.unlink() != nil
}

// Claim reports whether the caller is the first to claim the task. Run does so before it serves it.
func (it *Item) Claim() bool { return it.state.Or(claimed)&claimed == 0 }

// Claimed reports whether somebody has claimed the task.
func (it *Item) Claimed() bool { return it.state.Load()&claimed != 0 }

// Withdraw takes a task that the caller has claimed off the queue that it is in, if any. What may run because of that
// gets a goroutine.
func (it *Item) Withdraw() {
	l, o := it.unlink(), it.task.Order()
	if l == nil || o == nil {
		return
	}
	if l == &o.list {
		o.advance(nil).Go()
	} else {
		o.advance(it).Go()
	}
}

// Nest says that the task, which is being served, may be waiting for deeper ones. From now on these do not wait for it in
// their Order.
func (it *Item) Nest() {
	if o := it.task.Order(); o != nil && o.nest(it) {
		o.advance(nil).Go()
	}
}

// Run serves the task unless it was claimed, and passes its places on. It returns what to run next on this goroutine.
func (it *Item) Run() (next *Item) {
	returned := false
	defer func() {
		if !returned { // Serve has ended this goroutine: what comes next needs another one
			it.pass().Go()
		}
	}()
	if it.Claim() {
		it.task.Serve()
	}
	returned = true
	return it.pass()
}

// pass gives the places of what has run to others, and returns one of them.
func (it *Item) pass() (next *Item) {
	if g := it.task.Gate(); g != nil {
		next = g.leave(it)
	}
	o := it.task.Order()
	if o == nil {
		return next
	}
	after := o.advance(it)
	if next == nil {
		return after
	}
	after.Go()
	return next
}

// runner starts a goroutine without allocating its closure.
type runner struct {
	it  *Item
	run func()
}

var runners sync.Pool

// Go runs the item, and then what it passes its places to, on a goroutine of its own. That ends when there is nothing to
// run. it may be nil.
func (it *Item) Go() {
	if it == nil {
		return
	}
	r, _ := runners.Get().(*runner)
	if r == nil {
		r = new(runner)
		r.run = func() {
			it := r.it
			r.it = nil
			runners.Put(r)
			it.work()
		}
	}
	r.it = it
	go r.run()
}

func (it *Item) work() {
	for it != nil {
		it = it.Run()
	}
}
