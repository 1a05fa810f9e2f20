package inbox

import "sync/atomic"

// Consumer is who takes the messages of a Taker.
type Consumer[M any] interface {
	// Take has the message now. It runs on a goroutine of the Taker's, which it may end, for one message after the other: the
	// next is taken once it has returned. Only when it has called Nest of its message's Item may deeper ones be taken meanwhile.
	Take(m M)
	// HaltedLocked is called once, by the first Halt: TakerLocked does not return the Taker any more.
	HaltedLocked()
	// LeftLocked is called when no goroutine of the Taker's is left and no more messages come.
	LeftLocked()
}

// Taker is a queue with a goroutine that gives its messages to a Consumer. Prepare it with Init.
//
// There are more goroutines while a Consumer nests, each with a message that is deeper than those before, all of which
// have nested: one more for each depth.
type Taker[M any] struct {
	in *Inbox[M]
	to Consumer[M]

	// The Inbox's lock guards what follows, but for stopped.

	queue   queue[M]
	top     *worker[M]    // the one with the deepest messages; nil = none works
	first   worker[M]     // works when no other does
	nests   bool          // the Consumer has nested: messages are taken one at a time
	idle    chan struct{} // closed when none works any more, for Halt
	stopped atomic.Bool   // set with the lock held
}

// Init prepares the Taker. It has messages once the Room's TakerLocked returns it.
func (t *Taker[M]) Init(in *Inbox[M], to Consumer[M]) {
	t.in, t.to = in, to
	t.queue.taker = t
	t.first.init(t)
}

// RunningLocked reports whether a goroutine of the Taker's lives.
func (t *Taker[M]) RunningLocked() bool { return t.top != nil }

// Halt ends the Taker: what is queued goes to whoever takes it next. It returns a channel that is closed when the
// Consumer has no message any more, nil when it has none now. It may be called again.
func (t *Taker[M]) Halt() <-chan struct{} {
	in := t.in
	in.Lock()
	defer in.Unlock()
	if !t.stopped.Load() {
		t.stopped.Store(true)
		t.to.HaltedLocked()
		for it := range t.queue.all {
			t.queue.remove(it)
			in.putLocked(it, in.room.TakerLocked(it.of))
		}
	}
	if t.top == nil {
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	return t.idle
}

// nextLocked returns what can be taken now. That is the next message when none is being taken, else the next deeper one if
// what is taken has nested.
func (t *Taker[M]) nextLocked() *Item[M] {
	switch {
	case t.top == nil:
		return t.queue.next(-1, t.in.room)
	case t.top.nested:
		return t.queue.next(t.top.depth, t.in.room)
	}
	return nil
}

// startLocked starts a goroutine if there is something to take.
func (t *Taker[M]) startLocked() {
	it := t.nextLocked()
	if it == nil {
		return
	}
	w := &t.first
	if t.top != nil {
		w = new(worker[M]).init(t)
	}
	w.beginLocked(int(it.depth))
	go w.run()
}

// endedLocked is called when a worker has left.
func (t *Taker[M]) endedLocked() {
	if t.top != nil {
		return
	}
	if t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
	if t.in.ended != nil {
		t.to.LeftLocked()
	}
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
