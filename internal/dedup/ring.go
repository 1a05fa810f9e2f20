package dedup

import (
	"sync"
	"time"
)

// Ring remembers a bounded number of keys. A new one takes the place of the oldest.
type Ring[K comparable] struct {
	limit int
	ttl   time.Duration

	mu   sync.Mutex // guards what follows
	at   map[K]time.Time
	keys []K // the oldest is at next once it is full
	next int
}

// New returns a Ring for limit keys, at least 1, each for ttl. Without a ttl above 0 only limit bounds it.
func New[K comparable](limit int, ttl time.Duration) *Ring[K] {
	return &Ring[K]{limit: max(limit, 1), ttl: ttl, at: make(map[K]time.Time)}
}

// Seen reports whether key was added, as far as it is remembered.
func (r *Ring[K]) Seen(key K) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[key]
	return ok && (r.ttl <= 0 || time.Since(at) < r.ttl)
}

// Add remembers key. One that is remembered already keeps its place, and its time begins again.
func (r *Ring[K]) Add(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, had := r.at[key]
	r.at[key] = time.Now()
	switch {
	case had:
	case len(r.keys) < r.limit:
		r.keys = append(r.keys, key)
	default:
		delete(r.at, r.keys[r.next])
		r.keys[r.next] = key
		r.next = (r.next + 1) % r.limit
	}
}
