package backlog

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Item is what a Backlog holds.
type Item interface {
	comparable
	// Name says whose it is. It never changes.
	Name() string
}

// ErrReleased says that the claim a Take waited under was given up.
var ErrReleased = errors.New("backlog: claim released")

// Backlog holds items in the order in which they came. The zero value is ready.
type Backlog[T Item] struct {
	mu    sync.Mutex
	named map[string]*Queue[T] // guarded by mu
	rest  Queue[T]             // guarded by mu
	err   error                // why no more items come; guarded by mu
}

// Queue holds the items of one name, or the rest. Its Backlog's lock guards it.
type Queue[T Item] struct {
	items   []T
	waiters []chan T // capacity 1; closed when no more items come
	claims  int
}

// Rest is the queue of what nobody claims by name.
func (b *Backlog[T]) Rest() *Queue[T] { return &b.rest }

func (b *Backlog[T]) queueLocked(name string) *Queue[T] {
	if q := b.named[name]; q != nil {
		return q
	}
	return &b.rest
}

// Put queues an item for those that claim its name. After End it is dropped.
func (b *Backlog[T]) Put(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.queueLocked(item.Name()).giveLocked(item)
	}
}

func (q *Queue[T]) giveLocked(item T) {
	if len(q.waiters) == 0 {
		q.items = append(q.items, item)
		return
	}
	q.waiters[0] <- item
	q.waiters = slices.Delete(q.waiters, 0, 1)
}

// Take returns the next item of q. It waits until there is one, ctx ends or released is closed.
func (b *Backlog[T]) Take(ctx context.Context, q *Queue[T], released <-chan struct{}) (item T, err error) {
	var none T
	b.mu.Lock()
	if len(q.items) > 0 {
		item, q.items[0] = q.items[0], none
		q.items = q.items[1:]
		b.mu.Unlock()
		return item, nil
	}
	if err = b.err; err != nil {
		b.mu.Unlock()
		return none, err
	}
	w := make(chan T, 1)
	q.waiters = append(q.waiters, w)
	b.mu.Unlock()
	select {
	case item, ok := <-w:
		if ok {
			return item, nil
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		return none, b.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-released:
		err = ErrReleased
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	} else if item, ok := <-w; ok { // it came just now: it is the next one's
		b.queueLocked(item.Name()).returnLocked(item)
	}
	return none, err
}

// returnLocked puts an item back where it was: before all others.
func (q *Queue[T]) returnLocked(item T) {
	if len(q.waiters) > 0 {
		q.giveLocked(item)
		return
	}
	q.items = slices.Insert(q.items, 0, item)
}

// Remove takes out an item that waits, and reports whether it did.
func (b *Backlog[T]) Remove(item T) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queueLocked(item.Name())
	i := slices.Index(q.items, item)
	if i >= 0 {
		q.items = slices.Delete(q.items, i, i+1)
	}
	return i >= 0
}

// End says why no more items come; the first reason counts. What waits can still be taken, unless drop is set.
func (b *Backlog[T]) End(err error, drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	b.rest.endLocked(drop)
	for _, q := range b.named {
		q.endLocked(drop)
	}
}

func (q *Queue[T]) endLocked(drop bool) {
	for _, w := range q.waiters {
		close(w)
	}
	q.waiters = nil
	if drop {
		q.items = nil
	}
}

// Len returns how many items wait.
func (b *Backlog[T]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.rest.items)
	for _, q := range b.named {
		n += len(q.items)
	}
	return n
}

// Claim returns the queue of name, with what waits under that name already. Several may claim one name and share its
// items. The empty name stands for the rest.
func (b *Backlog[T]) Claim(name string) *Queue[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == "" {
		return &b.rest
	}
	q := b.named[name]
	if q == nil {
		q = new(Queue[T])
		if b.named == nil {
			b.named = make(map[string]*Queue[T])
		}
		b.named[name] = q
		b.rest.items = slices.DeleteFunc(b.rest.items, func(item T) bool {
			if item.Name() == name {
				q.items = append(q.items, item)
				return true
			}
			return false
		})
	}
	q.claims++
	return q
}

// Release ends one claim of name. After the last one, what nobody took joins the rest.
func (b *Backlog[T]) Release(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.named[name]
	if q == nil {
		return
	}
	if q.claims--; q.claims > 0 {
		return
	}
	delete(b.named, name)
	for _, item := range q.items {
		b.rest.giveLocked(item)
	}
	q.items = nil
}
