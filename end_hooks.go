package gantline

import (
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/internal/serial"
)

// hooks runs the application's hooks one after the other, on a goroutine that lives while there are some.
type hooks struct {
	serial.Queue
	states    sync.Mutex   // held while the state of the newest session is queued
	streams   atomic.Int32 // that wait for OnStream
	lastState State        // that OnState was called with; owned by the goroutine
}

// hook queues one hook of the application; a panic in it is logged (Config.Repanic lets it pass).
func (e *End) hook(name string, f func()) {
	e.hooks.Add(func() {
		defer func() {
			if v := recover(); v != nil {
				_ = e.recovered("hook", name, v)
			}
		}()
		f()
	})
}

// linkConfig is what the link of e's next session is made with.
func (e *End) linkConfig() *conn.Config {
	lc := e.cfg.link()
	up, seq := false, uint64(1)
	if s := e.session(); s != nil {
		seq = s.Seq + 1
	}
	lc.OnState = func(s State) { // one at a time
		e.hooks.states.Lock()
		defer e.hooks.states.Unlock()
		if now := e.session(); now != nil && now.Seq > seq {
			return // it has retired, and the End is where its newest session is
		}
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

// stateChanged is called with the links' states. The last one is reported when everything has ended: see host.Finished.
func (e *End) stateChanged(s State) {
	if s == StateBroken || s == StateUp {
		e.carrierChanges.Add(1)
	}
	switch {
	case s < StateUp || s == StateClosed:
		return
	case s == StateUp && e.line.Draining():
		s = StateDraining
	}
	e.hookState(s)
}

// hookState reports a state to the application, unless it knows. Nothing is reported after the end.
func (e *End) hookState(s State) {
	f := e.cfg.OnState
	if f == nil {
		return
	}
	e.hook("OnState", func() {
		if e.hooks.lastState != s && e.hooks.lastState != StateClosed {
			e.hooks.lastState = s
			f(e, s)
		}
	})
}

// hookSession reports that there is a carrier again, for a new session or the one there was.
func (e *End) hookSession(fresh bool) {
	if f := e.cfg.OnSession; f != nil {
		e.hook("OnSession", func() { f(e, fresh) })
	}
}
