package work

import "slices"

// Order lets tasks run one at a time in the order in which they began. One that cannot run yet holds up those after
// it. Deeper ones are the exception: they wait neither for one that runs and has nested, nor for one that cannot run yet. The
// zero value is ready.
type Order struct {
	list    list    // of those that have not started
	running []*Item // or waiting at their gates, each deeper than those before, which have nested; guarded by list.mu
}

// add queues an item that begins.
func (o *Order) add(it *Item) {
	o.list.mu.Lock()
	o.list.pushLocked(it)
	o.list.mu.Unlock()
}

// nest records that deeper ones need not wait for it, which runs. It reports whether that is new.
func (o *Order) nest(it *Item) bool {
	o.list.mu.Lock()
	defer o.list.mu.Unlock()
	return slices.Contains(o.running, it) && it.state.Or(nested)&nested == 0
}

// advance returns the item that is to run now, if there is one. done ran, or waited at its gate, and does not any more; nil is
// none.
func (o *Order) advance(done *Item) *Item {
	for {
		it := o.take(done)
		if it == nil {
			return nil
		}
		runs, gone := it.admit()
		switch {
		case runs:
			return it
		case !gone:
			return nil // the leave of its gate returns it, or whoever withdraws it goes on here
		}
		done = it
	}
}

// take takes the next item off the queue if all of it is there and it is its turn.
func (o *Order) take(done *Item) *Item {
	o.list.mu.Lock()
	defer o.list.mu.Unlock()
	if done != nil {
		o.running = slices.DeleteFunc(o.running, func(it *Item) bool { return it == done })
	}
	it := o.nextLocked()
	if it != nil {
		o.list.removeLocked(it)
		o.running = append(o.running, it)
	}
	return it
}

// nextLocked returns the first item that may run.
func (o *Order) nextLocked() *Item {
	above := -1 // it must be deeper
	if n := len(o.running); n > 0 {
		top := o.running[n-1]
		if above = top.depth(); top.state.Load()&nested == 0 {
			return nil
		}
	}
	for it := o.list.head; it != nil; it = it.next {
		switch {
		case it.depth() <= above:
		case it.missing.Load() == 0:
			return it
		default: // it holds up those that are not deeper
			above = it.depth()
		}
	}
	return nil
}
