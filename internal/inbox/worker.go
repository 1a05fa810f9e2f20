package inbox

// worker is a goroutine of a Taker. The Inbox's lock guards what is below t and run.
type worker[M any] struct {
	t   *Taker[M]
	run func() // = work, made once so that starting it allocates nothing

	below  *worker[M] // has messages that are less deep, and has nested
	depth  int        // of the messages that it has
	nested bool       // deeper ones do not wait for it
}

func (w *worker[M]) init(t *Taker[M]) *worker[M] {
	w.t = t
	w.run = w.work
	return w
}

// beginLocked has w stand for messages of a depth, which is greater than that of all others.
func (w *worker[M]) beginLocked(depth int) {
	w.depth, w.nested = depth, false
	w.below, w.t.top = w.t.top, w
}

// leaveLocked records that w has no messages any more.
func (w *worker[M]) leaveLocked() {
	at := &w.t.top
	for *at != w {
		at = &(*at).below
	}
	*at, w.below = w.below, nil
}

// batch is how many messages the goroutine takes at a time, to meet others at the lock less often.
const batch = 16

// work gives message after message to the Consumer until there is none. It ends by itself; nobody else ends it.
func (w *worker[M]) work() {
	var buf [batch]*Item[M]
	var taken []*Item[M]
	var it *Item[M]
	t, ended := w.t, false
	defer func() {
		if !ended { // the Consumer ended this goroutine
			it.by.CompareAndSwap(w, nil)
			t.giveBack(taken)
			w.replace()
		}
	}()
	for {
		if taken = w.take(buf[:0]); len(taken) == 0 {
			ended = true
			return
		}
		for alone := true; alone && len(taken) > 0 && !t.stopped.Load(); {
			it, taken[0], taken = taken[0], nil, taken[1:]
			it.by.Store(w)
			t.to.Take(it.of)
			alone = it.by.CompareAndSwap(w, nil) // else it has nested, and there may be workers above
		}
		t.giveBack(taken)
	}
}

// take takes the next messages; none ends the goroutine.
func (w *worker[M]) take(buf []*Item[M]) []*Item[M] {
	t, in := w.t, w.t.in
	in.Lock()
	defer in.Unlock()
	w.leaveLocked()
	it := t.nextLocked()
	if it == nil {
		t.endedLocked()
		return nil
	}
	w.beginLocked(int(it.depth))
	t.queue.remove(it)
	buf = append(buf, it)
	for !t.nests && len(buf) < batch {
		if it = t.queue.next(-1, in.room); it == nil || int(it.depth) != w.depth {
			break
		}
		t.queue.remove(it)
		buf = append(buf, it)
	}
	t.queue.want(&in.wants)
	return buf
}

// replace has another goroutine go on for w, which ends.
func (w *worker[M]) replace() {
	t := w.t
	t.in.Lock()
	defer t.in.Unlock()
	w.leaveLocked()
	t.endedLocked()
	t.startLocked()
}
