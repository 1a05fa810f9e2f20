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

// Verdict is what becomes of a task.
type Verdict uint8

// The verdicts.
const (
	Waits     Verdict = iota // nobody takes it yet
	Taken                    // somebody takes it
	Unhandled                // nobody takes it, and nobody will in time
	Ended                    // what it is addressed to has ended
)

// Parking keeps tasks that nobody takes yet until somebody does, or their patience ends. The zero value is ready.
type Parking struct {
	mu       sync.Mutex  // guards what follows
	waiting  []parked    // in order of arrival
	timer    *time.Timer // set to the end of the first one's patience, if any waits; nil before the first time
	accepted time.Time   // when the application got the stream; zero = not yet
	touched  time.Time   // when a handler was last registered
}

// parked is an item that waits for a handler.
type parked struct {
	*Item
	since time.Time
}

// Park looks once more for who takes a task, for a handler that was registered meanwhile has found nobody waiting. It
// keeps the task if the verdict is Waits. A claimed one does not wait.
func (p *Parking) Park(it *Item) Verdict {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := it.task.Look(); v != Waits {
		return v
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

// Accepted says that the application has the stream.
func (p *Parking) Accepted() {
	p.mu.Lock()
	if p.accepted.IsZero() {
		p.accepted = time.Now()
	}
	p.recheckAndUnlock()
}

// Recheck looks at all tasks that wait, because what their Look says has changed.
func (p *Parking) Recheck() {
	p.mu.Lock()
	p.recheckAndUnlock()
}

// Len returns how many tasks wait.
func (p *Parking) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// recheckAndUnlock resumes the tasks that do not wait any more.
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
	now := time.Now()
	p.waiting = slices.DeleteFunc(p.waiting, func(w parked) bool {
		v := w.task.Look()
		if v == Waits && !p.patienceLocked(w.since).After(now) {
			v = Unhandled
		}
		if v != Waits {
			resume = append(resume, known{w.task, v})
		}
		return v != Waits
	})
	p.timer.Stop()
	if len(p.waiting) > 0 {
		p.armLocked(p.patienceLocked(p.waiting[0].since))
	}
	p.mu.Unlock()
	for _, r := range resume {
		r.t.Resume(r.v)
	}
}

// patienceLocked returns until when a task that arrived at a given time waits. Who came before waits no longer.
func (p *Parking) patienceLocked(arrived time.Time) time.Time {
	until := arrived.Add(Patience)
	switch {
	case p.accepted.IsZero():
		return until
	case !p.touched.IsZero():
		return earlier(until, p.touched.Add(Settling))
	}
	return earlier(until, p.accepted.Add(Patience))
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
		p.timer = time.AfterFunc(time.Until(at), p.Recheck)
		return
	}
	p.timer.Reset(time.Until(at))
}
