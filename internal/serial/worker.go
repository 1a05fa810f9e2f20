package serial

import (
	"context"
	"sync"
)

// Worker calls a function while there is something for it to look at, on one goroutine that lives only then.
// Any number of kicks during a call cost one more call.
type Worker struct {
	ctx  context.Context
	look func()

	mu      sync.Mutex    // guards what follows
	kicked  bool          // since the last call of look began
	running bool          // the goroutine lives
	idle    chan struct{} // closed when it ends; nil while nobody waits
}

// NewWorker returns a Worker that calls look after each Kick until ctx is done. A call that has begun is not
// ended by ctx: look sees to that itself, as it decides itself whether there is anything to do.
func NewWorker(ctx context.Context, look func()) *Worker {
	return &Worker{ctx: ctx, look: look}
}

// Kick has look called once more, after the call that runs now. It does not block.
func (w *Worker) Kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return
	}
	w.kicked = true
	if !w.running {
		w.running = true
		go w.run()
	}
}

// run ends when there was no Kick since the last call of look began, or with the context. Wait waits for it.
func (w *Worker) run() {
	ended := false
	defer func() {
		if !ended { // look has ended this goroutine
			go w.run()
		}
	}()
	for w.next() {
		w.look()
	}
	ended = true
}

// next reports whether look is to be called again. If it is not, the goroutine is over.
func (w *Worker) next() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kicked && w.ctx.Err() == nil {
		w.kicked = false
		return true
	}
	w.kicked, w.running = false, false
	if w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
	return false
}

// Wait waits until look does not run and has nothing to look at. Once the context is done it does not run again.
// look itself must not call it.
func (w *Worker) Wait() {
	w.mu.Lock()
	if !w.running {
		w.mu.Unlock()
		return
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	<-idle
}
