package gantline

import (
	"sync"

	"github.com/gantline-project/gantline/conn"
)

// hooks runs the application's hooks of one End in order, on one goroutine that lives only while there is
// something to run.
type hooks struct {
	mu      sync.Mutex
	queue   []func() // guarded by mu
	held    bool     // nothing runs yet; guarded by mu
	running bool     // the goroutine lives; guarded by mu
}

// add queues f. It never blocks.
func (h *hooks) add(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = append(h.queue, f)
	h.startLocked()
}

// hold keeps what is queued until release.
func (h *hooks) hold() {
	h.mu.Lock()
	h.held = true
	h.mu.Unlock()
}

// release lets the queue run.
func (h *hooks) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = false
	h.startLocked()
}

// drop forgets what is queued and held: the End was never handed out.
func (h *hooks) drop() {
	h.mu.Lock()
	h.queue = nil
	h.mu.Unlock()
}

func (h *hooks) startLocked() {
	if h.held || h.running || len(h.queue) == 0 {
		return
	}
	h.running = true
	go h.run()
}

// run stops when the queue is empty.
func (h *hooks) run() {
	for {
		h.mu.Lock()
		if len(h.queue) == 0 {
			h.queue, h.running = nil, false
			h.mu.Unlock()
			return
		}
		f := h.queue[0]
		h.queue[0] = nil
		h.queue = h.queue[1:]
		h.mu.Unlock()
		f()
	}
}

// hook queues one hook of the application; a panic in it is logged (Config.Repanic lets it pass).
func (e *End) hook(name string, f func()) {
	e.hooks.add(func() {
		defer func() {
			if v := recover(); v != nil {
				_ = e.recovered("hook", name, v)
			}
		}()
		f()
	})
}

// linkConfig is what a link of e is made with.
func (e *End) linkConfig() *conn.Config {
	lc := e.cfg.link()
	up := false
	lc.OnState = func(s State) { // one at a time
		e.stateChanged(s)
		if s == StateUp && up {
			e.hookSession(false)
		}
		up = up || s == StateUp
	}
	if e.line.Renews() {
		lc.OnBroken = func(*conn.Link, error) { e.line.Kick() }
	}
	return lc
}

// stateChanged is told the links' states. The last one is told when everything has ended: see over.
func (e *End) stateChanged(s State) {
	if s == StateBroken || s == StateUp {
		e.turns.Add(1)
	}
	switch {
	case s < StateUp || s == StateClosed:
		return
	case s == StateUp && e.line.Draining():
		s = StateDraining
	}
	e.hookState(s)
}

// hookState tells the application a state, unless it knows. Nothing is told behind the end.
func (e *End) hookState(s State) {
	f := e.cfg.OnState
	if f == nil {
		return
	}
	e.hook("OnState", func() {
		if e.told != s && e.told != StateClosed {
			e.told = s
			f(e, s)
		}
	})
}

// hookSession tells that there is a carrier again, for a new session or the one there was.
func (e *End) hookSession(fresh bool) {
	if f := e.cfg.OnSession; f != nil {
		e.hook("OnSession", func() { f(e, fresh) })
	}
}
