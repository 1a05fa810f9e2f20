package inbox

import "sync"

// Room is the owner of an Inbox: it knows the messages, and who takes which.
type Room[M any] interface {
	// TakerLocked returns whose m is, nil when m waits for Receive.
	TakerLocked(m M) *Taker[M]
	// SharedLocked reports whether there are Takers beside Receive, so that unclaimed messages must leave room.
	SharedLocked() bool
	// Before reports whether a was sent before b. The lock is held.
	Before(a, b M) bool
	// Want lets the sender go on with m's body. It is called once for a message that is not complete.
	Want(m M)
	// GiveUp settles m, which nobody claimed in time. ended is EndLocked's error, nil before that.
	GiveUp(m M, ended error)
	// Unreachable reports that giving up would reach nobody any more. The lock is held.
	Unreachable() bool
}

// Limits bounds the unclaimed messages where there are Takers: they may hold half.
type Limits struct {
	Messages int
	Bytes    int
}

// Inbox is the messages of one Room. Init prepares it.
type Inbox[M any] struct {
	room   Room[M]
	limits Limits

	mu        sync.Mutex // guards what follows, the queues and Items, and what the Room keeps under it
	unclaimed queue[M]
	waiting   receivers[M]
	spare     *receiver[M] // one that is not in use
	receives  uint64       // how often Receive was called
	ended     error        // why no more messages come
	wants     wants[M]     // to ask for in Unlock
	patience  patience
}

// Init prepares the Inbox.
func (in *Inbox[M]) Init(room Room[M], limits Limits) { in.room, in.limits = room, limits }

// Lock takes the lock of everything in the Inbox. It must not be held for long.
func (in *Inbox[M]) Lock() { in.mu.Lock() }

// Unlock releases the lock, and asks for the bodies that were found to be wanted meanwhile.
func (in *Inbox[M]) Unlock() {
	w := in.wants
	if w.first == nil {
		in.mu.Unlock()
		return
	}
	in.wants = wants[M]{}
	in.mu.Unlock()
	w.ask(in.room)
}

// PutLocked queues a new message for t, or for Receive when t is nil. It queues nothing when Receive has too many
// already, and says how many.
func (in *Inbox[M]) PutLocked(it *Item[M], t *Taker[M]) *Overflow {
	if t == nil {
		if full := in.overflowLocked(it); full != nil {
			return full
		}
	}
	in.putLocked(it, t)
	return nil
}

// putLocked queues a message, however many there are.
func (in *Inbox[M]) putLocked(it *Item[M], t *Taker[M]) {
	if t != nil {
		t.queue.push(it, in.room)
		in.nextLocked(&t.queue)
		return
	}
	in.unclaimed.push(it, in.room)
	in.claimSoonLocked(it)
	in.serveLocked()
}

// nextLocked lets the consumer of a queue go on after its front has changed.
func (in *Inbox[M]) nextLocked(q *queue[M]) {
	if q.taker == nil {
		in.serveLocked()
		return
	}
	q.want(&in.wants)
	q.taker.startLocked()
}

// Ready says that the body of a message has arrived.
func (in *Inbox[M]) Ready(it *Item[M]) {
	in.Lock()
	defer in.Unlock()
	if q := it.queue; q != nil { // else it was dropped meanwhile
		q.completed(it)
		in.nextLocked(q)
	}
}

// Drop takes out a message whose sender waits no more, and reports whether it was there. Only incomplete ones are
// taken out unless all is set: those that are complete can still be received.
func (in *Inbox[M]) Drop(it *Item[M], all bool) bool {
	in.Lock()
	defer in.Unlock()
	q := it.queue
	if q == nil || it.complete && !all {
		return false
	}
	q.remove(it)
	in.nextLocked(q)
	return true
}

// ReassignLocked gives unclaimed messages to the Takers that TakerLocked finds for them by now.
func (in *Inbox[M]) ReassignLocked() {
	for it := range in.unclaimed.all {
		if t := in.room.TakerLocked(it.of); t != nil {
			in.unclaimed.remove(it)
			in.putLocked(it, t)
		}
	}
	in.serveLocked() // one that was taken may have held back others
}

// EndLocked says that no more messages come, and reports whether that is new. Receives that wait return err. What is
// queued and complete can still be had; what nobody takes is given up later.
func (in *Inbox[M]) EndLocked(err error) bool {
	if in.ended != nil {
		return false
	}
	in.ended = err
	for r := in.waiting.head; r != nil; r = in.waiting.head {
		in.waiting.remove(r)
		r.ch <- nil
	}
	for it := range in.unclaimed.all {
		in.claimSoonLocked(it)
	}
	return true
}

// EndedLocked returns EndLocked's error, nil before that.
func (in *Inbox[M]) EndedLocked() error { return in.ended }
