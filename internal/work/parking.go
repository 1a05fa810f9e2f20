package work

import (
	"slices"
	"sync"
	"time"
)

const (
	// Patience is how long a task waits for the application to accept the stream and register a first handler.
	Patience = 10 * time.Second
	// Settling is how long it then waits for the right one.
	Settling = time.Second
)

// Verdict is what becomes of a task that nobody has taken.
type Verdict uint8

// The verdicts.
const (
	Waits     Verdict = iota // it is parked; Resume is called with what comes of it
	Taken                    // somebody takes it by now
	Unhandled                // nobody takes it in time
	Ended                    // what it is addressed to has ended
)

// Parking keeps tasks that nobody takes yet until somebody does, or their patience ends. The zero value is ready.
type Parking struct {
	mu       sync.Mutex  // guards what follows
	waiting  []parked    // in order of arrival
	timer    *time.Timer // set to the end of the first one's patience, if any waits; nil before the first time
	accepted time.Time   // when the application got the stream; zero = not yet
	touched  time.Time   // when a handler was last registered
	strict   bool        // all handlers are there: nobody waits
	ended    bool
}

// parked is an item that waits for a handler.
type parked struct {
	*Item
	since time.Time
}

// Park keeps a task that nobody was found for, if the verdict is Waits. A handler that was registered meanwhile is
// found now, for it may have found nobody waiting. A claimed task does not wait.
func (p *Parking) Park(it *Item) Verdict {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if it.task.Takes() {
		return Taken
	}
	until := p.patienceLocked(now)
	if !until.After(now) || it.Claimed() {
		return Unhandled
	}
	p.waiting = append(p.waiting, parked{it, now})
	if len(p.waiting) == 1 { // else the timer is set already: who came before does not wait longer
		p.armLocked(until)
	}
	return Waits
}

// Drop forgets a task that the caller has claimed.
func (p *Parking) Drop(it *Item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(w parked) bool { return w.Item == it })
	if p.timer != nil && len(p.waiting) == 0 {
		p.timer.Stop()
	}
}

// Changed says that a handler was registered.
func (p *Parking) Changed() {
	p.mu.Lock()
	p.touched = time.Now()
	p.recheckAndUnlock()
}

// Accept says that the application has the stream. strict: it has registered all handlers.
func (p *Parking) Accept(strict bool) {
	p.mu.Lock()
	if p.accepted.IsZero() {
		p.accepted = time.Now()
	}
	p.strict = p.strict || strict
	p.recheckAndUnlock()
}

// End says that the stream has ended, and reports whether that is news. Tasks that run go on.
func (p *Parking) End() (first bool) {
	p.mu.Lock()
	first = !p.ended
	p.ended = true
	p.recheckAndUnlock()
	return first
}

// recheck is called when the patience of a task ends.
func (p *Parking) recheck() {
	p.mu.Lock()
	p.recheckAndUnlock()
}

// recheckAndUnlock resumes the tasks whose verdict is known by now.
func (p *Parking) recheckAndUnlock() {
	if len(p.waiting) == 0 {
		p.mu.Unlock()
		return
	}
	type known struct {
		t Task
		v Verdict
	}
	var resume []known
	var next time.Time
	now := time.Now()
	p.waiting = slices.DeleteFunc(p.waiting, func(w parked) bool {
		v, until := p.verdictLocked(w, now)
		if v != Waits {
			resume = append(resume, known{w.task, v})
		} else if next.IsZero() || until.Before(next) {
			next = until
		}
		return v != Waits
	})
	p.timer.Stop()
	if len(p.waiting) > 0 {
		p.armLocked(next)
	}
	p.mu.Unlock()
	for _, r := range resume {
		r.t.Resume(r.v)
	}
}

// verdictLocked also returns until when a task waits.
func (p *Parking) verdictLocked(w parked, now time.Time) (v Verdict, until time.Time) {
	if p.ended {
		return Ended, now
	}
	if w.task.Takes() {
		return Taken, now
	}
	if until = p.patienceLocked(w.since); !until.After(now) {
		return Unhandled, now
	}
	return Waits, until
}

// patienceLocked returns until when a task that arrived at a given time waits.
func (p *Parking) patienceLocked(arrived time.Time) time.Time {
	until := arrived.Add(Patience)
	switch {
	case p.strict || p.ended:
		return arrived
	case !p.touched.IsZero() && !p.accepted.IsZero():
		return earlier(until, p.touched.Add(Settling))
	case !p.accepted.IsZero():
		return earlier(until, p.accepted.Add(Patience))
	}
	return until
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// armLocked sets the one timer there is.
func (p *Parking) armLocked(at time.Time) {
	if p.timer == nil {
		p.timer = time.AfterFunc(time.Until(at), p.recheck)
		return
	}
	p.timer.Reset(time.Until(at))
}
