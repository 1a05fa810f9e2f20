package mux

import (
	"sync"
	"time"
)

// deadline is one of a stream's two deadlines. It is guarded by the lock its owner passes to set.
type deadline struct {
	timer   *time.Timer
	gen     uint // by it a timer that fired late sees that the deadline has moved
	expired bool
}

// set arms the deadline for t, the zero time disarms it. wake is called, with mu held, when it expires;
// for a t that has passed that is now.
func (d *deadline) set(t time.Time, mu sync.Locker, wake func()) {
	mu.Lock()
	defer mu.Unlock()
	d.gen++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.expired = false
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		wake()
		return
	}
	gen := d.gen
	d.timer = time.AfterFunc(left, func() {
		mu.Lock()
		defer mu.Unlock()
		if d.gen == gen {
			d.expired = true
			wake()
		}
	})
}

// stopLocked disarms the timer for good.
func (d *deadline) stopLocked() {
	d.gen++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
