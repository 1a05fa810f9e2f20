package inbox

import "sync/atomic"

// Consumer is who takes the messages of a Taker.
type Consumer[M any] interface {
	// Take has the message now. It runs on the Taker's goroutine, for one message after the other, and may end it.
	Take(m M)
	// HaltedLocked is called once, by the first Halt: TakerLocked does not return the Taker any more.
	HaltedLocked()
	// LeftLocked is called when the Taker's goroutine ends and no more messages come.
	LeftLocked()
}

// Taker is a queue with a goroutine that gives its messages to a Consumer. Prepare it with Init.
type Taker[M any] struct {
	in      *Inbox[M]
	to      Consumer[M]
	queue   queue[M]      // guarded by the Inbox's lock
	running bool          // its goroutine lives; guarded by the Inbox's lock
	idle    chan struct{} // closed when the goroutine ends, for Halt; guarded by the Inbox's lock
	stopped atomic.Bool   // set with the Inbox's lock held
	run     func()        // = work, made once so that starting it allocates nothing
}

// Init prepares the Taker. It has messages once the Room's TakerLocked returns it.
func (t *Taker[M]) Init(in *Inbox[M], to Consumer[M]) {
	t.in, t.to = in, to
	t.queue.taker = t
	t.run = t.work
}

// RunningLocked reports whether the Taker's goroutine lives.
func (t *Taker[M]) RunningLocked() bool { return t.running }

// Halt ends the Taker: what is queued goes to whoever takes it next. It returns a channel that is closed when the
// Consumer has no message any more, nil when it has none now. It may be called again.
func (t *Taker[M]) Halt() <-chan struct{} {
	in := t.in
	in.Lock()
	defer in.Unlock()
	if !t.stopped.Load() {
		t.stopped.Store(true)
		t.to.HaltedLocked()
		for it := t.queue.head; it != nil; it = t.queue.head {
			t.queue.remove(it)
			in.putLocked(it, in.room.TakerLocked(it.of))
		}
	}
	if !t.running {
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	return t.idle
}

// startLocked starts the goroutine if there is work and none works.
func (t *Taker[M]) startLocked() {
	if !t.running && t.queue.ready() {
		t.running = true
		go t.run()
	}
}

// batch is how many messages the goroutine takes at a time, to meet others at the lock less often.
const batch = 16

// work gives message after message to the Consumer until there is none. It ends by itself; nobody else ends it.
func (t *Taker[M]) work() {
	var buf [batch]*Item[M]
	var taken []*Item[M]
	ended := false
	defer func() {
		if !ended { // the Consumer ended this goroutine
			t.giveBack(taken)
			t.restart()
		}
	}()
	for {
		if taken = t.take(buf[:0]); len(taken) == 0 {
			ended = true
			return
		}
		for len(taken) > 0 {
			if t.stopped.Load() {
				t.giveBack(taken)
				taken = nil
				break
			}
			it := taken[0]
			taken[0] = nil
			taken = taken[1:]
			t.to.Take(it.of)
		}
	}
}

// take takes the next messages; none ends the goroutine.
func (t *Taker[M]) take(buf []*Item[M]) []*Item[M] {
	in := t.in
	in.Lock()
	for len(buf) < batch {
		it := t.queue.pop()
		if it == nil {
			break
		}
		buf = append(buf, it)
	}
	if len(buf) == 0 {
		t.endLocked()
	}
	t.queue.want(&in.wants)
	in.Unlock()
	return buf
}

// endLocked records that the goroutine ends.
func (t *Taker[M]) endLocked() {
	t.running = false
	if t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
	if t.in.ended != nil {
		t.to.LeftLocked()
	}
}

// restart replaces the goroutine.
func (t *Taker[M]) restart() {
	t.in.Lock()
	defer t.in.Unlock()
	t.endLocked()
	t.startLocked()
}

// giveBack finds another taker for messages that were taken and not given to the Consumer.
func (t *Taker[M]) giveBack(items []*Item[M]) {
	if len(items) == 0 {
		return
	}
	in := t.in
	in.Lock()
	defer in.Unlock()
	for _, it := range items {
		in.putLocked(it, in.room.TakerLocked(it.of))
	}
	clear(items)
}
