package memnet

import (
	"sync"
	"time"
)

// deadline is one of a Conn's two deadlines, guarded by the pipe's mutex.
type deadline struct {
	timer  *time.Timer // nil when none is set or it has passed
	passed bool
}

// setLocked arms the deadline for t, zero = none, and wakes cond's waiters once it passes.
func (d *deadline) setLocked(t time.Time, cond *sync.Cond) {
	d.stopLocked()
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passed = true
		cond.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		// A timer that fired while it was being replaced must not count.
		if d.timer == timer {
			d.timer, d.passed = nil, true
			cond.Broadcast()
		}
	})
	d.timer = timer
}

func (d *deadline) stopLocked() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.passed = false
}
