package gantline

import (
	"reflect"
	"sync"
	"time"
)

// Dedup remembers which messages were acked, so that a copy which is published again after a lost session is not
// handed out twice: see Config.Dedup. Many Ends may share one; its methods are called by many goroutines, those
// that receive and that ack, and may block them, as a store on disk does.
type Dedup interface {
	// Seen reports whether id was added, as far as it is remembered.
	Seen(id MessageID) bool
	// Add remembers id. It is called before the ack is sent.
	Add(id MessageID)
}

// NewDedup returns a Dedup in memory that remembers the last n ids, each for ttl: about 100 bytes an id. ttl <= 0
// means that only n bounds it; n < 1 counts as 1. Choose n and ttl so that they cover what is published while a
// publisher can be away.
func NewDedup(n int, ttl time.Duration) Dedup {
	return &memoryDedup{limit: max(n, 1), ttl: ttl, at: make(map[MessageID]time.Time)}
}

// memoryDedup is a ring of ids, oldest at next once it is full.
type memoryDedup struct {
	limit int
	ttl   time.Duration

	mu   sync.Mutex // guards what follows
	at   map[MessageID]time.Time
	ring []MessageID
	next int
}

// Seen implements Dedup.
func (d *memoryDedup) Seen(id MessageID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.at[id]
	return ok && (d.ttl <= 0 || time.Since(at) < d.ttl)
}

// Add implements Dedup.
func (d *memoryDedup) Add(id MessageID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, had := d.at[id]
	d.at[id] = time.Now()
	switch {
	case had: // keeps its place
	case len(d.ring) < d.limit:
		d.ring = append(d.ring, id)
	default:
		delete(d.at, d.ring[d.next])
		d.ring[d.next] = id
		d.next = (d.next + 1) % d.limit
	}
}

// dedup returns who remembers m; nil when nobody does.
func (m *Message) dedup() Dedup {
	if m.sc == nil || m.ID == (MessageID{}) {
		return nil
	}
	return m.sc.end.cfg.Dedup
}

// remember is called when m is acked.
func (m *Message) remember() {
	if d := m.dedup(); d != nil {
		d.Add(m.ID)
	}
}

// duplicate acks m and drops it when another copy of it was acked before. It is called in place of handing m out.
func (m *Message) duplicate() bool {
	d := m.dedup()
	if d == nil || !d.Seen(m.ID) {
		return false
	}
	m.handOut()
	if m.outcome.CompareAndSwap(unsettled, acked) && !m.noAck {
		m.sc.end.answer(m.x, nil)
	}
	m.ctx.finish()
	return true
}

// copies are the messages with a Dedup that subscription functions of this process work on. A function that has one
// closes its channel when it has returned.
var copies = struct {
	sync.Mutex // guards running
	running    map[copyKey]chan struct{}
}{running: make(map[copyKey]chan struct{})}

type copyKey struct {
	dedup Dedup
	id    MessageID
}

// awaitCopy waits until no function of a subscription works on another copy of m, at any End with the same Dedup: only
// then is it known whether m is to be handled, too. leave ends m's own turn.
func (m *Message) awaitCopy() (leave func()) {
	d := m.dedup()
	if d == nil || !reflect.ValueOf(d).Comparable() {
		return func() {}
	}
	key, done := copyKey{d, m.ID}, make(chan struct{})
	for {
		copies.Lock()
		other := copies.running[key]
		if other == nil {
			copies.running[key] = done
		}
		copies.Unlock()
		if other == nil {
			break
		}
		<-other
	}
	return func() {
		copies.Lock()
		delete(copies.running, key)
		copies.Unlock()
		close(done)
	}
}
