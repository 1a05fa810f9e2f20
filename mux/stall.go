package mux

import (
	"fmt"
	"sync"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// stallTime is how long a body may make no progress though its sender may send.
	stallTime = 30 * time.Second
	// stallPeriod is how often the session looks.
	stallPeriod = 10 * time.Second
	// stallTraffic is how much else may come within a period: a slow link carries one after the other.
	stallTraffic = 32 << 10
)

// stalls watches the bodies that are being received. A peer that begins bodies and never ends them would keep what they
// hold as long as it likes.
type stalls struct {
	mu      sync.Mutex // guards what follows, and the assemblies' own part; an assembly's lock may be taken inside
	first   *assembly  // of those being watched
	timer   *time.Timer
	armed   bool
	closed  bool
	came    int64  // what had come of everything when it was looked last
	carrier uint64 // by which
}

// stallState is an assembly's part. The stalls' lock guards it.
type stallState struct {
	next, prev *assembly
	watched    bool
	seen       int // bytes of the body when it was looked last
	idle       int // how often nothing more had come
}

// watch begins to watch a.
func (w *stalls) watch(a *assembly) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	a.stall = stallState{watched: true, next: w.first, seen: -1}
	if w.first != nil {
		w.first.stall.prev = a
	}
	w.first = a
	if w.armed {
		return
	}
	w.armed = true
	if w.timer == nil {
		s := a.f.s
		w.timer = time.AfterFunc(stallPeriod, s.lookForStalls)
	} else {
		w.timer.Reset(stallPeriod)
	}
}

// forget ends watch.
func (w *stalls) forget(a *assembly) {
	w.mu.Lock()
	w.forgetLocked(a)
	w.mu.Unlock()
}

func (w *stalls) forgetLocked(a *assembly) {
	if !a.stall.watched {
		return
	}
	if p := a.stall.prev; p != nil {
		p.stall.next = a.stall.next
	} else {
		w.first = a.stall.next
	}
	if n := a.stall.next; n != nil {
		n.stall.prev = a.stall.prev
	}
	a.stall = stallState{}
}

// close ends it all.
func (w *stalls) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed, w.first = true, nil
	if w.timer != nil {
		w.timer.Stop()
	}
}

// look returns the bodies that have made no progress for too long. up says that the peer is heard, over which carrier,
// and came what has come from it in all.
func (w *stalls) look(carrier uint64, up bool, came int64) (late []*assembly) {
	w.mu.Lock()
	defer w.mu.Unlock()
	up = up && carrier == w.carrier && came-w.came < stallTraffic
	w.carrier, w.came = carrier, came
	for a := w.first; a != nil; {
		next := a.stall.next
		switch stands, over := a.standsStill(&a.stall.seen); {
		case over:
			w.forgetLocked(a)
		case !stands || !up:
			a.stall.idle = 0
		default:
			if a.stall.idle++; a.stall.idle >= int(stallTime/stallPeriod) {
				w.forgetLocked(a)
				late = append(late, a)
			}
		}
		a = next
	}
	if w.armed = w.first != nil && !w.closed; w.armed {
		w.timer.Reset(stallPeriod)
	}
	return late
}

// standsStill reports whether nothing has come of the body since there were seen bytes, though its sender may go on.
// over says that it is complete or given up.
func (a *assembly) standsStill(seen *int) (stands, over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := *seen
	*seen = len(a.buf)
	return was == len(a.buf) && !(a.asked && !a.charged), a.closed
}

// lookForStalls is what the timer runs. It drops the bodies that make no progress.
func (s *Session) lookForStalls() {
	s.l.Lock()
	carrier, up := s.l.Hears()
	s.l.Unlock()
	text := fmt.Sprintf("the body made no progress for %v", stallTime)
	for _, a := range s.stalls.look(carrier, up, s.peer.dataIn.Load()) {
		e := s.lookup(a.f.id)
		if e == nil || e.base() != a.f {
			continue
		}
		switch x := e.(type) {
		case *Incoming:
			x.drop(frame.DeadlineExceeded, text)
		case *Exchange:
			x.cancel(frame.DeadlineExceeded, text, false)
		}
	}
}

// drop answers x with RESET and gives its body up, unless it is complete or answered. Any goroutine.
func (x *Incoming) drop(code frame.Code, text string) {
	s := x.s
	s.l.Lock()
	if s.life.gone != nil || x.recvEnd || x.settledLocked() {
		s.l.Unlock()
		return
	}
	x.canceled = true // first, so that the reader drops what it completes now
	s.oweResetLocked(&x.flow, code, text)
	s.l.Unlock()
	x.asm.abandon()
	s.acc.CancelExchange(x, &StreamError{Code: code, Message: text})
}
