package settle

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"github.com/gantline-project/gantline/internal/claim"
	"github.com/gantline-project/gantline/internal/serial"
)

// ErrEnded says that End was called before.
var ErrEnded = errors.New("the settler has ended")

// Host is whose messages, of type T, a Settler settles.
type Host[T any] interface {
	// Settle takes messages out of the outbox and then says so. It is called for one batch at a time.
	Settle(batch []T)
	user
}

// user is a Host as others see it that want the same outbox.
type user interface {
	// Ending reports whether the Settler's End was called or soon will be.
	Ending() bool
}

// Outboxes are those that Settlers use. The zero value is ready.
type Outboxes struct {
	claims claim.Set[use, user]
}

// use is the use of an outbox for a peer.
type use struct {
	outbox any
	peer   string
}

// Len returns how many uses there are.
func (o *Outboxes) Len() int { return o.claims.Len() }

// Settler passes what is settled to its Host. Make one with New.
type Settler[T any] struct {
	host   Host[T]
	worker *serial.Worker // calls settle; goes on after End, until all is settled

	mu      sync.Mutex // guards what follows
	settled []T
	claim   *claim.Claim[use, user] // of the outbox; nil = none
	ended   bool                    // the claim ends when nothing is settled
}

// New returns a Settler without a claim.
func New[T any](host Host[T]) *Settler[T] {
	s := &Settler[T]{host: host}
	s.worker = serial.NewWorker(context.Background(), s.settle)
	return s
}

// Claim makes s the one of in that uses the outbox for peer, and waits for another that has it. If that is not ending, it
// calls busy first, once, and waits only if that returns nil. Values that cannot be compared are not claimed, as they may
// be any other's.
func (s *Settler[T]) Claim(ctx context.Context, in *Outboxes, outbox any, peer string, busy func() error) error {
	if !reflect.ValueOf(outbox).Comparable() {
		return nil
	}
	for asked := false; ; {
		own, other := in.claims.Try(use{outbox, peer}, s.host)
		if own != nil {
			return s.hold(own)
		}
		if !asked && !other.Holder.Ending() {
			if err := busy(); err != nil {
				return err
			}
			asked = true
		}
		if err := other.Wait(ctx); err != nil {
			return err
		}
	}
}

// hold has the claim released when s has ended and nothing is to be settled any more.
func (s *Settler[T]) hold(c *claim.Claim[use, user]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		c.Release()
		return ErrEnded
	}
	s.claim = c
	return nil
}

// Add has the Host settle a message.
func (s *Settler[T]) Add(m T) {
	s.mu.Lock()
	s.settled = append(s.settled, m)
	s.mu.Unlock()
	s.worker.Kick()
}

// settle passes on what is settled. The worker calls it. Once s has ended and nothing is left, another one may have the
// outbox.
func (s *Settler[T]) settle() {
	for batch := s.take(); len(batch) > 0; batch = s.take() {
		s.host.Settle(batch)
	}
}

// take returns what is settled. If there is nothing and s has ended, it ends the claim.
func (s *Settler[T]) take() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.settled
	s.settled = nil
	if len(batch) == 0 && s.ended {
		s.claim.Release()
	}
	return batch
}

// End has the claim end once nothing is left to settle. Messages may still be added.
func (s *Settler[T]) End() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.worker.Kick() // which ends the claim
}

// Wait waits until nothing is being settled.
func (s *Settler[T]) Wait() {
	if s != nil {
		s.worker.Wait()
	}
}
