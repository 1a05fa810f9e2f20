package gantline

import (
	"context"

	"github.com/gantline-project/gantline/internal/work"
)

// callScope is what rpc keeps of an End's or stream's scope: its handlers, and the calls that wait.
type callScope struct {
	place
	table    table
	notifies work.Order   // they run one at a time
	parked   work.Parking // calls to a stream that no handler takes yet; its lock is taken before End.mu and the table's
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
			sc.parked.Accepted() // nobody waits for a lock that nobody knows
		}
		st.scope.calls.Store(sc)
	}
	return sc
}

// find returns the route for a method: nil when nobody takes it.
func (sc *callScope) find(method []byte) *route {
	var shared *table
	if r := sc.end.cfg.Router; r != nil && sc.isEnd() {
		shared = r.handlers()
	}
	return sc.table.Find(method, shared)
}

// changed is called after a handler was registered. Calls to the End do not wait for one.
func (sc *callScope) changed() {
	if !sc.isEnd() {
		sc.parked.Changed()
	}
}

// accepted implements half.
func (sc *callScope) accepted() { sc.parked.Accepted() }

// over implements half: calls that wait are refused, those that run go on.
func (sc *callScope) over(error) { sc.parked.Recheck() }

// The texts of refusals.
const (
	textUnhandled   = "nobody handles it"
	textStreamEnded = "the stream it is addressed to has ended"
)

// lookUp finds who takes the call, which has so many parts to wait for, that one included. If nobody does, the call is
// parked or refused.
func (sv *serving) lookUp(method []byte, parts int32) {
	sv.route = sv.sc.find(method)
	if sv.route != nil && !sv.route.Fallback {
		sv.req.Method = sv.route.Name
	} else {
		sv.req.Method = string(method)
	}
	sv.item.Begin(sv, sv.Depth, parts)
	switch sv.verdict() {
	case work.Taken:
		sv.routed(sv.route, true)
	case work.Unhandled:
		sv.refuse(Unimplemented, textUnhandled)
	case work.Ended:
		sv.refuse(NotFound, textStreamEnded)
	}
}

// verdict is what becomes of a call that has just been looked up. If it is to wait, it does.
func (sv *serving) verdict() work.Verdict {
	switch {
	case sv.route != nil:
		return work.Taken
	case sv.sc.isEnd():
		return work.Unhandled
	}
	return sv.sc.parked.Park(&sv.item)
}

// Look implements work.Task. The lock of the scope's Parking is held.
func (sv *serving) Look() work.Verdict {
	if sv.sc.stream.scopeEnded() != nil {
		return work.Ended
	}
	if sv.route = sv.sc.find([]byte(sv.req.Method)); sv.route != nil {
		return work.Taken
	}
	if sv.sc.stream.scopeStrict() {
		return work.Unhandled
	}
	return work.Waits
}

// Resume implements work.Task: the call was parked.
func (sv *serving) Resume(v work.Verdict) {
	switch v {
	case work.Unhandled:
		sv.turnAway(Unimplemented, textUnhandled, false)
	case work.Ended:
		sv.turnAway(NotFound, textStreamEnded, false)
	default:
		sv.routed(sv.route, false)
	}
}

// routed is called when the handler is found.
func (sv *serving) routed(r *route, reader bool) {
	switch streaming := sv.ms != nil; {
	case r.Streams && !streaming:
		sv.turnAway(Unimplemented, "it takes streaming calls only: use OpenCall", reader)
	case streaming && r.Fallback:
		sv.turnAway(Unimplemented, textUnhandled, reader)
	case streaming && !r.Streams:
		sv.turnAway(Unimplemented, "it takes no streaming calls: use Call", reader)
	default:
		sv.route = r
		sv.arrive(reader)
	}
}

// turnAway refuses the call. Only the reader knows that the rest of its body does not arrive just now; elsewhere a route
// that answers with the error waits for that, and for nothing else.
func (sv *serving) turnAway(code Code, text string, reader bool) {
	if reader || sv.ms != nil {
		sv.refuse(code, text)
		return
	}
	sv.route = &route{Inline: true, Handler: HandlerFunc(func(context.Context, *Request) ([]byte, error) {
		return nil, errorf(code, "%s", text)
	})}
	sv.arrive(false)
}
