package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/source"
)

// slots are the handshakes that run. When they are too many, the one that keeps us waiting most makes way for the
// newcomer: see slot.weightLocked.
type slots struct {
	limit, perSource int            // 0 = none
	silence          time.Duration  // how long a client may say nothing at first; 0 = as long as its handshake may take
	silentHits       *atomic.Uint64 // counts the handshakes that it ended
	freed            chan struct{}  // has an element after one has ended

	mu       sync.Mutex // guards what follows
	all      []*slot
	bySource map[netip.Addr]int // no entry is 0
}

// A slot is one handshake.
type slot struct {
	s      *slots
	src    netip.Addr      // not valid for what is not counted
	ctx    context.Context // ends with the handshake; the cause says why it ended early
	cancel context.CancelCauseFunc
	silent *time.Timer // ends it when it has said nothing; nil = never

	// Guarded by slots.mu.
	place   int // in slots.all
	heard   bool
	reading bool      // our side waits for the client
	turn    time.Time // since when it is the client's turn; zero = it is ours
	evicted bool      // it was asked to make way
}

// How long a client is safe from being evicted. What it sends first comes with its connection, anything later takes a
// round trip. Less would evict one of a crowd before it had a chance, and nobody would get in.
const (
	graceSilent = 20 * time.Millisecond
	graceTurn   = 100 * time.Millisecond
	// silentWeight is how much heavier the time of a client counts that has sent nothing.
	silentWeight = 4
	// lookAgain is how long a newcomer waits until it looks again for somebody to evict.
	lookAgain = 10 * time.Millisecond
)

var (
	errEvicted = errs.New(gantline.ResourceExhausted, prefix+"made way for another connection: as many handshakes were under way as Limits.Handshakes or Limits.HandshakesPerSource allows")
)

func newSlots(l Limits, silentHits *atomic.Uint64) *slots {
	return &slots{limit: l.Handshakes, perSource: l.HandshakesPerSource, silence: l.FirstByteTimeout, silentHits: silentHits, freed: make(chan struct{}, 1)}
}

// enter waits for a slot for a connection from addr. It returns nil when there is none for its source, or when ctx
// ends. hit is called when all are taken, or all of the source.
func (s *slots) enter(ctx context.Context, addr net.Addr, hit func(own bool)) *slot {
	src := source.Of(addr)
	if s.perSource == 0 {
		src = netip.Addr{}
	}
	var asked time.Time // when somebody was asked to make way
	for tries := 0; ; tries++ {
		now := time.Now()
		s.mu.Lock()
		full, own := s.limit > 0 && len(s.all) >= s.limit, src.IsValid() && s.bySource[src] >= s.perSource
		if !full && !own {
			sl := s.addLocked(ctx, src)
			s.mu.Unlock()
			return sl
		}
		var victim *slot
		if now.Sub(asked) > graceTurn { // else that one is about to end
			if victim = s.heaviestLocked(now, src, own); victim != nil {
				victim.evicted, asked = true, now
			}
		}
		s.mu.Unlock()
		if tries == 0 {
			hit(own)
		}
		switch {
		case victim != nil:
			victim.cancel(errEvicted)
		case own && now.Sub(asked) > graceTurn: // others must not wait for this source
			return nil
		}
		if !s.wait(ctx) {
			return nil
		}
	}
}

// wait waits until a slot may have become free, or somebody heavy enough to be evicted. It returns false when ctx ends.
func (s *slots) wait(ctx context.Context) bool {
	t := time.NewTimer(lookAgain)
	defer t.Stop()
	select {
	case <-s.freed:
	case <-t.C:
	case <-ctx.Done():
		return false
	}
	return true
}

func (s *slots) addLocked(ctx context.Context, src netip.Addr) *slot {
	sl := &slot{s: s, src: src, place: len(s.all)}
	sl.ctx, sl.cancel = context.WithCancelCause(ctx)
	s.all = append(s.all, sl)
	if src.IsValid() {
		if s.bySource == nil {
			s.bySource = make(map[netip.Addr]int)
		}
		s.bySource[src]++
	}
	if s.silence > 0 {
		sl.silent = time.AfterFunc(s.silence, sl.hush)
	}
	return sl
}

// heaviestLocked returns who makes way for a newcomer, nil if nobody is to. With own it is somebody of the same source.
func (s *slots) heaviestLocked(now time.Time, src netip.Addr, own bool) (found *slot) {
	var most time.Duration
	for _, sl := range s.all {
		if own && sl.src != src {
			continue
		}
		if w := sl.weightLocked(now); w > most {
			found, most = sl, w
		}
	}
	return found
}

// weightLocked is for how long the client keeps us waiting. It is since its turn began, however many single bytes have
// come meanwhile. It counts more if it has not sent anything, and more with each slot that its source has. Our own
// turn weighs nothing.
func (sl *slot) weightLocked(now time.Time) time.Duration {
	if !sl.reading || sl.evicted {
		return 0
	}
	d := now.Sub(sl.turn)
	switch {
	case !sl.heard && d >= graceSilent:
		d *= silentWeight
	case !sl.heard || d < graceTurn:
		return 0
	}
	if sl.src.IsValid() {
		d *= time.Duration(sl.s.bySource[sl.src])
	}
	return d
}

// hush ends a handshake whose client has not sent anything.
func (sl *slot) hush() {
	sl.s.mu.Lock()
	heard := sl.heard
	sl.s.mu.Unlock()
	if !heard {
		sl.s.silentHits.Add(1)
		sl.cancel(fmt.Errorf(prefix+"no byte came within %v, the limit Limits.FirstByteTimeout: %w", sl.s.silence, context.DeadlineExceeded))
	}
}

// leave ends the slot.
func (sl *slot) leave() {
	sl.cancel(nil)
	if sl.silent != nil {
		sl.silent.Stop()
	}
	s := sl.s
	s.mu.Lock()
	last := len(s.all) - 1
	s.all[sl.place] = s.all[last]
	s.all[sl.place].place = sl.place
	s.all[last] = nil
	s.all = s.all[:last]
	if sl.src.IsValid() {
		if s.bySource[sl.src]--; s.bySource[sl.src] == 0 {
			delete(s.bySource, sl.src)
		}
	}
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// reads is called before our side waits for the client, and got when n bytes have come.
func (sl *slot) reads() {
	sl.s.mu.Lock()
	defer sl.s.mu.Unlock()
	if sl.turn.IsZero() {
		sl.turn = time.Now()
	}
	sl.reading = true
}

func (sl *slot) got(n int) {
	sl.s.mu.Lock()
	defer sl.s.mu.Unlock()
	sl.reading = false
	sl.heard = sl.heard || n > 0
}

// wrote is called when our side has said something: what it waits for next is another turn.
func (sl *slot) wrote() {
	sl.s.mu.Lock()
	defer sl.s.mu.Unlock()
	sl.turn = time.Time{}
}

// ours says that it is not the client that the handshake waits for.
func (sl *slot) ours() { sl.got(0) }

// unseen says that what the client sends at first cannot be seen: that nothing has come says nothing.
func (sl *slot) unseen() {
	sl.s.mu.Lock()
	defer sl.s.mu.Unlock()
	sl.heard = true
}

// awaits says that the handshake only waits from now on. It is for the client's first frame, or for the End that the
// client wants back.
func (sl *slot) awaits() {
	sl.s.mu.Lock()
	defer sl.s.mu.Unlock()
	sl.heard, sl.reading, sl.turn = true, true, time.Now()
}

// count returns how many handshakes run.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
