package routes

import "sync"

// Rest counts goroutines that races have started. The zero value is ready, and nil counts nothing.
type Rest struct {
	mu   sync.Mutex // guards what follows
	n    int
	none chan struct{} // closed when there is none; nil while nobody waits
}

func (r *Rest) add() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
}

func (r *Rest) done() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n == 0 && r.none != nil {
		close(r.none)
		r.none = nil
	}
}

// Wait waits until there is none.
func (r *Rest) Wait() {
	r.mu.Lock()
	if r.n == 0 {
		r.mu.Unlock()
		return
	}
	if r.none == nil {
		r.none = make(chan struct{})
	}
	none := r.none
	r.mu.Unlock()
	<-none
}
