package inside

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/internal/goid"
)

// The names under which the two kinds of Run show in a stack.
var (
	goroutineFrame = goid.NameOf((*Goroutine).Run)
	setFrame       = goid.NameOf((*Set).Run)
)

// Anywhere reports whether the caller runs within any Goroutine or Set.
func Anywhere() bool { return goid.Inside(goroutineFrame, setFrame) }

// Goroutine is one that runs the application's code. The zero value is none.
type Goroutine struct {
	id atomic.Uint64 // of the one that called Run last; numbers are not used twice
}

// Run calls f. Until another goroutine calls Run this one is the Goroutine.
//
//go:noinline
func (g *Goroutine) Run(f func()) {
	g.id.Store(goid.ID())
	f()
}

// Here reports whether the caller runs within Run.
func (g *Goroutine) Here() bool { return goid.Inside(goroutineFrame) && goid.ID() == g.id.Load() }

// Set is stretches of work that run the application's code. The zero value is empty.
type Set struct {
	n atomic.Int32 // how many there are

	mu  sync.Mutex // guards what follows
	ids []uint64   // the goroutine of each
}

// Run calls f, which is one stretch. It may be called within another one.
//
//go:noinline
func (s *Set) Run(f func()) {
	id := goid.ID()
	s.mu.Lock()
	s.ids = append(s.ids, id)
	s.mu.Unlock()
	s.n.Add(1)
	defer s.leave(id)
	f()
}

func (s *Set) leave(id uint64) {
	s.n.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.ids, id)
	s.ids = slices.Delete(s.ids, i, i+1)
}

// Here reports whether the caller runs within a stretch of the Set.
func (s *Set) Here() bool {
	if s.n.Load() == 0 || !goid.Inside(setFrame) {
		return false
	}
	id := goid.ID()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.ids, id)
}
