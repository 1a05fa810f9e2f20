package suspended

import "time"

// An item is one value that waits. The Pool's lock guards all of it.
type item[K, V comparable] struct {
	value V
	src   *source[K, V]
	since time.Time
	bytes int
	idle  bool // it has done nothing

	surplus bool      // it is in Pool.surplus, ...
	due     time.Time // ... and goes then

	of   links[K, V] // in its source's list of idle ones, or of the others
	all  links[K, V] // in Pool.surplus
	at   int         // in Pool.list
	size int         // in its source's heap by bytes
}

// A source is all that wait of one key. The Pool's lock guards all of it.
type source[K, V comparable] struct {
	key        K
	n          int // items
	bytes      int
	idle, busy list[K, V] // oldest first
	byBytes    heap[*item[K, V]]
	surplus    int         // the first so many of idle are in Pool.surplus
	few        *item[K, V] // the first of the others; nil = none

	places [orders]int // in the Pool's heaps
}

// oldest returns the one that goes first: one that has done nothing if there is any.
func (s *source[K, V]) oldest() *item[K, V] {
	if s.idle.first != nil {
		return s.idle.first
	}
	return s.busy.first
}

// The orders of sources that a Pool has a heap for.
const (
	mostIdle = iota
	most
	mostBytes
	orders
)

// greater says which source goes first in an order. With equal ones it is the one whose oldest waits longer.
func greater[K, V comparable](order int) func(a, b *source[K, V]) bool {
	measure := [orders]func(*source[K, V]) int{
		mostIdle:  func(s *source[K, V]) int { return s.idle.n },
		most:      func(s *source[K, V]) int { return s.n },
		mostBytes: func(s *source[K, V]) int { return s.bytes },
	}[order]
	return func(a, b *source[K, V]) bool {
		if x, y := measure(a), measure(b); x != y {
			return x > y
		}
		return a.n > 0 && b.n > 0 && a.oldest().since.Before(b.oldest().since)
	}
}

// list is a list of items, oldest first.
type list[K, V comparable] struct {
	first, last *item[K, V]
	n           int
}

// links are an item's neighbours in one list.
type links[K, V comparable] struct{ prev, next *item[K, V] }

// A chain says which links of an item a list uses.
type chain[K, V comparable] func(*item[K, V]) *links[K, V]

func (l *list[K, V]) add(it *item[K, V], of chain[K, V]) {
	x := of(it)
	x.prev, x.next = l.last, nil
	if l.last != nil {
		of(l.last).next = it
	} else {
		l.first = it
	}
	l.last = it
	l.n++
}

func (l *list[K, V]) remove(it *item[K, V], of chain[K, V]) {
	x := of(it)
	if x.prev != nil {
		of(x.prev).next = x.next
	} else {
		l.first = x.next
	}
	if x.next != nil {
		of(x.next).prev = x.prev
	} else {
		l.last = x.prev
	}
	*x = links[K, V]{}
	l.n--
}

func ofSource[K, V comparable](it *item[K, V]) *links[K, V] { return &it.of }
func ofAll[K, V comparable](it *item[K, V]) *links[K, V]    { return &it.all }
