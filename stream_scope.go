package gantline

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A scope is what calls and messages can be addressed to: the End, or a stream of its own. It is made when
// it is first used.
type scope struct {
	end    *End
	id     uint64  // of the stream; 0 = the End
	stream *Stream // the End's own for id 0
	table  table
	inbox  inbox

	notifies notifyQueue

	mu       sync.Mutex // guards what follows
	waiting  []parked   // calls that no handler takes yet, in order of arrival
	timer    *time.Timer
	accepted time.Time // when the application got the stream; zero = not yet
	touched  time.Time // when a handler was last registered
	strict   bool      // OnStream has registered all there is: nobody waits
	closed   bool
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

func (sc *scope) isEnd() bool { return sc.id == 0 }

// find returns the route for a method: nil when nobody takes it.
func (sc *scope) find(method []byte) *route {
	own := sc.table.view()
	if r := own.byName[string(method)]; r != nil {
		return r
	}
	if !sc.isEnd() || sc.end.router == nil {
		return own.fallback
	}
	shared := sc.end.router.table.view()
	if r := shared.byName[string(method)]; r != nil {
		return r
	}
	if own.fallback != nil {
		return own.fallback
	}
	return shared.fallback
}

// patienceLocked returns until when a call that arrived at a given time waits for a handler.
func (sc *scope) patienceLocked(arrived time.Time) time.Time {
	until := arrived.Add(handlerPatience)
	switch {
	case sc.isEnd() || sc.strict || sc.closed:
		return arrived
	case !sc.touched.IsZero() && !sc.accepted.IsZero():
		return earlier(until, sc.touched.Add(settling))
	case !sc.accepted.IsZero():
		return earlier(until, sc.accepted.Add(handlerPatience))
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
func (sc *scope) park(sv *serving) (r *route, ok bool) {
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

func (sc *scope) armLocked(at time.Time) {
	if sc.timer == nil {
		sc.timer = time.AfterFunc(time.Until(at), sc.recheck)
		return
	}
	sc.timer.Reset(time.Until(at))
}

// recheck starts the calls that have a handler by now and refuses those that waited long enough.
func (sc *scope) recheck() {
	type found struct {
		sv *serving
		r  *route
	}
	var run []found
	var next time.Time
	now := time.Now()
	sc.mu.Lock()
	sc.waiting = slices.DeleteFunc(sc.waiting, func(p parked) bool {
		if sc.closed {
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
func (sc *scope) drop(sv *serving) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.waiting = slices.DeleteFunc(sc.waiting, func(p parked) bool { return p.serving == sv })
}

// changed is called after a handler was registered.
func (sc *scope) changed() {
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

// accept is called when the application has the stream. strict: OnStream has set it up.
func (sc *scope) accept(strict bool) {
	sc.mu.Lock()
	if sc.accepted.IsZero() {
		sc.accepted = time.Now()
	}
	sc.strict = sc.strict || strict
	waits := len(sc.waiting) > 0
	sc.mu.Unlock()
	if waits {
		sc.recheck()
	}
}

// over ends the scope: calls that wait are refused, those that run go on.
func (sc *scope) over(err error) {
	sc.mu.Lock()
	again := sc.closed
	sc.closed = true
	sc.mu.Unlock()
	if again {
		return
	}
	sc.recheck()
	sc.closeInbox(err)
}

// Handle registers h for calls of method addressed to this stream, in place of an earlier handler; nil
// removes it. On an End that is the End. It panics when no caller could use the name: empty, over 255 bytes,
// or beginning with ':'.
//
// Register what the first calls need in Config.Setup or Config.OnStream: they run before the peer is heard.
func (st *Stream) Handle(method string, h Handler, opts ...HandlerOption) {
	sc := st.scope()
	handle(&sc.table, method, h, opts)
	sc.changed()
}

// HandleStream registers fn for streaming calls of method, in place of an earlier handler; nil removes it.
// fn runs on a goroutine of its own per call. What it returns ends the call: nil is the end the caller's
// Recv reports as io.EOF, an error reaches the caller as *Error. Inline cannot be used. It panics as Handle
// does.
func (st *Stream) HandleStream(method string, fn func(ctx context.Context, req *Request, cs *CallStream) error, opts ...HandlerOption) {
	sc := st.scope()
	handleStream(&sc.table, method, fn, opts)
	sc.changed()
}

// Fallback registers h for calls, streaming ones excepted, whose method nobody handles: for the End's scope
// neither the End nor its Router. nil removes it.
func (st *Stream) Fallback(h Handler) {
	sc := st.scope()
	sc.table.setFallback(h)
	sc.changed()
}
