package work

// Order lets tasks run one at a time in the order in which they began. One that cannot run yet holds up those after
// it. The zero value is ready.
type Order struct {
	list    list // of those that have not started
	running bool // one runs, or waits at its gate; guarded by list.mu
}

// add queues an item that begins.
func (o *Order) add(it *Item) {
	o.list.mu.Lock()
	o.list.pushLocked(it)
	o.list.mu.Unlock()
}

// advance returns the first item if it is to run now. done: the one that ran, or waited at its gate, does not any more.
func (o *Order) advance(done bool) *Item {
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
		done = true
	}
}

// take takes the first item off the queue if all of it is there and it is its turn.
func (o *Order) take(done bool) *Item {
	o.list.mu.Lock()
	defer o.list.mu.Unlock()
	if o.running && !done {
		return nil
	}
	it := o.list.head
	if it == nil || it.missing.Load() > 0 {
		o.running = false
		return nil
	}
	o.list.removeLocked(it)
	o.running = true
	return it
}
