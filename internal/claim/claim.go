package claim

import (
	"context"
	"sync"
)

// Set is the claims of the keys of one kind.
type Set[K comparable, H any] struct {
	mu sync.Mutex // guards of
	of map[K]*Claim[K, H]
}

// Claim is one holder's right to a key. It ends with Release.
type Claim[K comparable, H any] struct {
	Holder H // as given to Try or Claim; not changed afterwards

	set  *Set[K, H]
	key  K
	gone chan struct{} // closed when the claim has ended
}

// Try claims key without waiting. When another claim has it, own is nil and that one is returned.
//
// A key with an interface in it must hold a comparable value: as with a map, Try panics otherwise.
func (s *Set[K, H]) Try(key K, holder H) (own, other *Claim[K, H]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other = s.of[key]; other != nil {
		return nil, other
	}
	if s.of == nil {
		s.of = make(map[K]*Claim[K, H])
	}
	own = &Claim[K, H]{Holder: holder, set: s, key: key, gone: make(chan struct{})}
	s.of[key] = own
	return own, nil
}

// Claim claims key and waits while another claim has it. Before each wait it calls wait with that one's holder: when that
// returns false, Claim returns nil. Its only error is ctx's.
func (s *Set[K, H]) Claim(ctx context.Context, key K, holder H, wait func(other H) bool) (*Claim[K, H], error) {
	for {
		own, other := s.Try(key, holder)
		if own != nil || !wait(other.Holder) {
			return own, nil
		}
		if err := other.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// Len returns how many keys are claimed.
func (s *Set[K, H]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.of)
}

// Wait waits until the claim has ended. Somebody else may have the key by then.
func (c *Claim[K, H]) Wait(ctx context.Context) error {
	select {
	case <-c.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Release ends the claim. A second Release does nothing, nor does that of a nil Claim.
func (c *Claim[K, H]) Release() {
	if c == nil {
		return
	}
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	if c.set.of[c.key] == c {
		delete(c.set.of, c.key)
		close(c.gone)
	}
}
