package gantline

import (
	"slices"
	"sync"
	"time"
)

// callScope is what rpc keeps of an End's or stream's scope: its handlers, and the calls that wait for one.
type callScope struct {
	place
	table    table
	notifies notifyQueue

	mu      sync.Mutex // guards what follows; taken before End.mu
	waiting []parked   // calls that no handler takes yet, in order of arrival
	timer   *time.Timer
	since   time.Time // when the application got the stream, as far as it matters here; zero = not yet
	touched time.Time // when a handler was last registered
}

var _ half = (*callScope)(nil)

// callScope returns rpc's half of st's scope, which is made now if it does not exist.
func (st *Stream) callScope() *callScope {
	if sc, ok := st.scope.calls.Load().(*callScope); ok {
		return sc
	}
	st.end.mu.Lock()
	defer st.end.mu.Unlock()
	sc, ok := st.scope.calls.Load().(*callScope)
	if !ok {
		sc = &callScope{place: st.place()}
		if st.scope.accepted {
			sc.since = time.Now()
		}
		st.scope.calls.Store(sc)
	}
	return sc
}

// parked is a call that waits for a handler.
type parked struct {
	*serving
	since time.Time
}

const (
	// handlerPatience is how long a call to a stream waits for the application to accept the stream and
	// register a first handler.
	handlerPatience = 10 * time.Second
	// settling is how long it then waits for the right one.
	settling = time.Second
)

// find returns the route for a method: nil when nobody takes it.
func (sc *callScope) find(method []byte) *route {
	own := sc.table.view()
	if r := own.byName[string(method)]; r != nil {
		return r
	}
	if !sc.isEnd() || sc.end.cfg.Router == nil {
		return own.fallback
	}
	shared := sc.end.cfg.Router.handlers().view()
	if r := shared.byName[string(method)]; r != nil {
		return r
	}
	if own.fallback != nil {
		return own.fallback
	}
	return shared.fallback
}

// patienceLocked returns until when a call that arrived at a given time waits for a handler.
func (sc *callScope) patienceLocked(arrived time.Time) time.Time {
	until := arrived.Add(handlerPatience)
	switch {
	case sc.isEnd() || sc.stream.scopeStrict() || sc.stream.scopeEnded() != nil:
		return arrived
	case !sc.touched.IsZero() && !sc.since.IsZero():
		return earlier(until, sc.touched.Add(settling))
	case !sc.since.IsZero():
		return earlier(until, sc.since.Add(handlerPatience))
	}
	return until
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// park keeps a call that find has found no handler for: false when it is to be refused at once. A handler
// that was registered in the meantime is returned instead, for it may have found nobody waiting.
func (sc *callScope) park(sv *serving) (r *route, ok bool) {
	if sc.isEnd() {
		return nil, false
	}
	now := time.Now()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if r := sc.find([]byte(sv.req.Method)); r != nil {
		return r, true
	}
	until := sc.patienceLocked(now)
	if !until.After(now) {
		return nil, false
	}
	sc.waiting = append(sc.waiting, parked{sv, now})
	sc.armLocked(until)
	return nil, true
}

func (sc *callScope) armLocked(at time.Time) {
	if sc.timer == nil {
		sc.timer = time.AfterFunc(time.Until(at), sc.recheck)
		return
	}
	sc.timer.Reset(time.Until(at))
}

// recheck starts the calls that have a handler by now and refuses those that waited long enough.
func (sc *callScope) recheck() {
	type found struct {
		sv *serving
		r  *route
	}
	var run []found
	var next time.Time
	now := time.Now()
	sc.mu.Lock()
	closed := sc.stream.scopeEnded() != nil
	sc.waiting = slices.DeleteFunc(sc.waiting, func(p parked) bool {
		if closed {
			run = append(run, found{p.serving, p.refusal(NotFound, "the stream it is addressed to has ended")})
			return true
		}
		if r := sc.find([]byte(p.req.Method)); r != nil {
			run = append(run, found{p.serving, r})
			return true
		}
		until := sc.patienceLocked(p.since)
		if !until.After(now) {
			run = append(run, found{p.serving, p.refusal(Unimplemented, "nobody handles it")})
			return true
		}
		if next.IsZero() || until.Before(next) {
			next = until
		}
		return false
	})
	if sc.timer != nil {
		sc.timer.Stop()
	}
	if len(sc.waiting) > 0 {
		sc.armLocked(next)
	}
	sc.mu.Unlock()
	for _, f := range run {
		f.sv.routed(f.r, false)
	}
}

// drop forgets a waiting call that was cancelled.
func (sc *callScope) drop(sv *serving) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.waiting = slices.DeleteFunc(sc.waiting, func(p parked) bool { return p.serving == sv })
}

// over implements half: calls that wait are refused, those that run go on.
func (sc *callScope) over(error) { sc.recheck() }

// changed is called after a handler was registered.
func (sc *callScope) changed() {
	if sc.isEnd() {
		return
	}
	sc.mu.Lock()
	sc.touched = time.Now()
	waits := len(sc.waiting) > 0
	sc.mu.Unlock()
	if waits {
		sc.recheck()
	}
}

// accepted implements half.
func (sc *callScope) accepted() {
	sc.mu.Lock()
	if sc.since.IsZero() {
		sc.since = time.Now()
	}
	waits := len(sc.waiting) > 0
	sc.mu.Unlock()
	if waits {
		sc.recheck()
	}
}
