package suspended

import (
	"sync"
	"time"
)

// Limits bounds a Pool. What is not positive is no limit.
type Limits struct {
	Count     int           // values in all
	PerSource int           // of one source
	Bytes     int           // that all of them hold
	Few       int           // of one source may do nothing and wait like all others
	Idle      time.Duration // how long the oldest waits as soon as there are more of these
}

// A Limit is one of Limits.
type Limit uint8

// The limits of a Pool.
const (
	Count Limit = iota
	PerSource
	Bytes
	Idle
	limits
)

// A View is what a value is like now.
type View[K comparable] struct {
	Waiting bool // it has no peer
	Source  K
	Bytes   int
	Idle    bool // it has done nothing so far
}

// Stats are a Pool's numbers.
type Stats struct {
	Waiting int            // values that wait now
	Bytes   int            // that they hold, when they were last looked at
	Hits    [limits]uint64 // values dropped so far, by limit
}

// A Pool is the values that wait, and decides which of them go. Make one with New.
type Pool[K, V comparable] struct {
	limits Limits
	look   func(V) View[K]
	drop   func(V, Limit) bool

	mu      sync.Mutex // guards what follows
	items   map[V]*item[K, V]
	list    []*item[K, V] // all of them, in no order
	sources map[K]*source[K, V]
	orders  [orders]heap[*source[K, V]]
	idle    int        // how many of them have done nothing
	surplus list[K, V] // of those, what its sources have beyond Limits.Few, in the order in which it became too many
	bytes   int
	hits    [limits]uint64
	steps   int // of heaps: what an event costs

	expiry  *time.Timer // for the first of surplus
	looking *time.Timer // for the next look at all; nil while there is none
	next    int         // where in list it goes on
}

// New returns an empty Pool. look says what a value is like now. drop ends one because of a limit; it returns false if
// the value's peer is just coming back.
func New[K, V comparable](l Limits, look func(V) View[K], drop func(V, Limit) bool) *Pool[K, V] {
	p := &Pool[K, V]{limits: l, look: look, drop: drop, items: map[V]*item[K, V]{}, sources: map[K]*source[K, V]{}}
	for i := range p.orders {
		p.orders[i] = heap[*source[K, V]]{
			greater: greater[K, V](i), steps: &p.steps,
			place: func(s *source[K, V]) *int { return &s.places[i] },
		}
	}
	return p
}

// A victim is a value that is to go.
type victim[V comparable] struct {
	value V
	limit Limit
}

// Update takes v in or lets it go, as look says, and drops what is too much then.
func (p *Pool[K, V]) Update(v V) {
	p.mu.Lock()
	p.updateLocked(v)
	out := p.trimLocked()
	p.mu.Unlock()
	p.end(out)
}

// Remove lets v go, which is over.
func (p *Pool[K, V]) Remove(v V) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if it := p.items[v]; it != nil {
		p.removeLocked(it)
	}
}

// Stats returns the numbers as they are now.
func (p *Pool[K, V]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Waiting: len(p.list), Bytes: p.bytes, Hits: p.hits}
}

// updateLocked is Update without its end.
func (p *Pool[K, V]) updateLocked(v V) {
	it, now := p.items[v], p.look(v)
	switch {
	case it == nil && now.Waiting:
		p.addLocked(v, now)
	case it != nil && !now.Waiting:
		p.removeLocked(it)
	case it != nil && it.idle && !now.Idle:
		p.removeLocked(it)
		p.addLocked(v, now)
	case it != nil:
		p.resizeLocked(it, now.Bytes)
	}
}

func (p *Pool[K, V]) addLocked(v V, now View[K]) {
	s := p.sources[now.Source]
	if s == nil {
		s = &source[K, V]{key: now.Source}
		s.byBytes = heap[*item[K, V]]{
			greater: func(a, b *item[K, V]) bool { return a.bytes > b.bytes }, steps: &p.steps,
			place: func(it *item[K, V]) *int { return &it.size },
		}
		p.sources[s.key] = s
		for i := range p.orders {
			p.orders[i].push(s)
		}
	}
	it := &item[K, V]{value: v, src: s, since: time.Now(), bytes: now.Bytes, idle: now.Idle, at: len(p.list)}
	p.items[v] = it
	p.list = append(p.list, it)
	if it.idle {
		s.idle.add(it, ofSource)
		p.idle++
		p.limitIdleLocked(s)
	} else {
		s.busy.add(it, ofSource)
	}
	s.byBytes.push(it)
	s.n++
	s.bytes += it.bytes
	p.bytes += it.bytes
	p.fixLocked(s)
	if p.looking == nil {
		p.looking = time.AfterFunc(lookPeriod, p.lookAgain)
	}
}

func (p *Pool[K, V]) removeLocked(it *item[K, V]) {
	s, last := it.src, len(p.list)-1
	delete(p.items, it.value)
	p.list[it.at] = p.list[last]
	p.list[it.at].at = it.at
	p.list[last] = nil
	p.list = p.list[:last]
	if it.idle {
		if it == s.few {
			s.few = it.of.next
		}
		s.idle.remove(it, ofSource)
		p.idle--
		if it.surplus {
			p.surplus.remove(it, ofAll)
			s.surplus--
		}
	} else {
		s.busy.remove(it, ofSource)
	}
	s.byBytes.remove(it)
	s.n--
	s.bytes -= it.bytes
	p.bytes -= it.bytes
	if p.fixLocked(s); s.n > 0 {
		return
	}
	delete(p.sources, s.key)
	for i := range p.orders {
		p.orders[i].remove(s)
	}
}

func (p *Pool[K, V]) resizeLocked(it *item[K, V], bytes int) {
	d := bytes - it.bytes
	if d == 0 {
		return
	}
	it.bytes += d
	it.src.bytes += d
	p.bytes += d
	it.src.byBytes.fix(it)
	p.orders[mostBytes].fix(it.src)
}

func (p *Pool[K, V]) fixLocked(s *source[K, V]) {
	for i := range p.orders {
		p.orders[i].fix(s)
	}
}
