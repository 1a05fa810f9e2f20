package server

import (
	"context"
	"sync"
	"time"
)

// A tally counts goroutines, and can be waited for with a context. The zero
// value is ready.
type tally struct {
	mu   sync.Mutex    // guards what follows
	n    int           // goroutines
	zero chan struct{} // closed when n becomes 0; nil while nobody waits
}

func (t *tally) add() {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
}

func (t *tally) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

// wait returns when the goroutines are gone, or with ctx's error.
func (t *tally) wait(ctx context.Context) error {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	zero := t.zero
	t.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// quiet is how long a limit that was hit is not logged again.
const quiet = 10 * time.Second

// A throttle keeps a flood of strangers out of the log.
type throttle struct {
	mu     sync.Mutex // guards what follows
	last   time.Time
	missed int
}

// allow reports whether to log now, and how often it said no since it last said
// yes.
func (t *throttle) allow() (missed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.last.IsZero() && now.Sub(t.last) < quiet {
		t.missed++
		return 0, false
	}
	missed, t.missed, t.last = t.missed, 0, now
	return missed, true
}
