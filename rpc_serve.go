package gantline

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// serving is one call, notify or streaming call of the peer's, from its OPEN to its answer. It is one
// allocation with the handler's context, the request and the exchange in it.
type serving struct {
	handlerContext
	req   Request
	sc    *callScope
	x     *mux.Incoming // call or notify: &own
	ms    *mux.Stream   // streaming call
	route *route        // nil until somebody takes it

	own     mux.Incoming
	missing atomic.Int32 // what has to come before it can start: its route, its body
	claimed atomic.Bool  // somebody runs it, or has refused it
	ended   atomic.Bool  // its handler has returned, or will not run
	taken   bool         // a notify that has left its scope's queue

	on         atomic.Pointer[servingList]
	next, prev *serving // guarded by on's mu
}

// accept takes a new call or notify of the peer. Reader goroutine.
func (e *End) acceptCall(s *session, st *Stream, x *mux.Incoming, sv *serving) {
	sc := st.callScope()
	sv.sc, sv.x = sc, x
	sv.init(e, s, x.Depth, x.Timeout)
	sv.Watched = x.Kind == frame.KindCall
	sv.req.Stream, sv.req.codec = sc.stream, x.Codec
	if len(x.Metadata) > 0 {
		sv.req.Metadata = parseMetadata(x.Metadata)
	}
	x.Value = sv
	if x.Complete() {
		sv.missing.Store(1)
	} else {
		sv.missing.Store(2)
	}
	sv.lookUp(x.Name)
}

// acceptStreamingCall takes a new streaming call of the peer. Reader goroutine.
func (e *End) acceptStreamingCall(s *session, st *Stream, ms *mux.Stream) {
	sc := st.callScope()
	sv := &serving{sc: sc, ms: ms}
	sv.init(e, s, ms.Depth(), ms.Timeout())
	sv.req.Stream, sv.req.codec = sc.stream, ms.Codec()
	sv.req.Metadata = parseMetadata(ms.Metadata())
	sv.missing.Store(1)
	ms.Value = sv
	sv.lookUp([]byte(ms.Name()))
}

// requestKey is the key under which a serving answers with its request.
type requestKey struct{}

// Value answers for requestKey and, as the context it is, for what handlerContext knows.
func (sv *serving) Value(key any) any {
	if key == (requestKey{}) {
		return &sv.req
	}
	return sv.handlerContext.Value(key)
}

// lookUp finds who takes the call; if nobody does it is parked or refused.
func (sv *serving) lookUp(method []byte) {
	r := sv.sc.find(method)
	if r != nil && !r.fallback {
		sv.req.Method = r.name
	} else {
		sv.req.Method = string(method)
	}
	if sv.notify() {
		sv.sc.notifies.push(sv)
	}
	ok := true
	if r == nil {
		r, ok = sv.sc.park(sv)
	}
	switch {
	case r != nil:
		sv.routed(r, true)
	case !ok:
		sv.refuse(Unimplemented, "nobody handles it")
	}
}

func (sv *serving) notify() bool { return sv.x != nil && sv.x.Kind == frame.KindNotify }

// routed is called when the handler is found.
func (sv *serving) routed(r *route, reader bool) {
	switch streaming := sv.ms != nil; {
	case r.streams && !streaming:
		r = sv.refusal(Unimplemented, "it takes streaming calls only: use OpenCall")
	case streaming && r.fallback:
		r = sv.refusal(Unimplemented, "nobody handles it")
	case streaming && !r.streams:
		r = sv.refusal(Unimplemented, "it takes no streaming calls: use Call")
	}
	sv.route = r
	sv.arrive(reader)
}

// refusal is a route that answers with an error: for a call that cannot be refused at once, because its body
// is still coming and this may not be the reader's goroutine.
func (sv *serving) refusal(code Code, text string) *route {
	return &route{streams: sv.ms != nil, handler: HandlerFunc(func(context.Context, *Request) ([]byte, error) {
		return nil, errorf(code, "%s", text)
	})}
}

// ready is called when the body is complete. Reader goroutine.
func (sv *serving) ready(*mux.Incoming) { sv.arrive(true) }

// arrive books one missing part as there and starts the call with the last one.
func (sv *serving) arrive(reader bool) {
	if sv.missing.Add(-1) > 0 {
		return
	}
	if sv.notify() {
		sv.sc.notifies.pump(reader)
	} else {
		sv.start(reader)
	}
}

// start runs the call as its handler wants it, or leaves it at the handler's gate.
func (sv *serving) start(reader bool) {
	if g := sv.route.gate; g != nil && !g.enter(sv) {
		if sv.claimed.Load() { // cancelled just before it was queued
			sv.leaveQueues()
		}
		return
	}
	if reader && sv.route.inline {
		sv.Inline = true
		sv.Session.Native.EnterUser()
		next := sv.serve()
		sv.Session.Native.LeaveUser()
		if next != nil {
			next.spawn()
		}
		return
	}
	sv.spawn()
}

// runner starts a goroutine without allocating its closure.
type runner struct {
	sv  *serving
	run func()
}

var runners sync.Pool

// spawn runs sv, and what follows it, on a goroutine of its own. The goroutine ends with the handlers; Close
// does not wait for it, Shutdown does.
func (sv *serving) spawn() {
	r, _ := runners.Get().(*runner)
	if r == nil {
		r = new(runner)
		r.run = func() {
			sv := r.sv
			r.sv = nil
			runners.Put(r)
			sv.work()
		}
	}
	r.sv = sv
	go r.run()
}

func (sv *serving) work() {
	for sv != nil {
		sv = sv.serve()
	}
}

// serve runs the handler and answers. It returns what may run next because of that.
func (sv *serving) serve() (next *serving) {
	sv.end.handlerStarted()
	returned := false
	defer func() {
		if !returned { // the handler ended this goroutine: what comes next needs another one
			if next := sv.served(); next != nil {
				next.spawn()
			}
		}
	}()
	if sv.claimed.CompareAndSwap(false, true) {
		sv.handle()
	}
	returned = true
	return sv.served()
}

// served passes the handler's places on.
func (sv *serving) served() (next *serving) {
	sv.ended.Store(true)
	sv.finish()
	sv.end.handlerDone()
	if g := sv.route.gate; g != nil {
		next = g.leave()
	}
	if !sv.notify() {
		return next
	}
	after := sv.sc.notifies.next()
	if next == nil {
		return after
	}
	if after != nil {
		after.spawn()
	}
	return next
}

// handle runs the handler. The caller is answered whatever the handler does.
func (sv *serving) handle() {
	var (
		body     []byte
		err      error
		returned bool
	)
	if sv.x != nil {
		sv.req.Body = sv.x.Body
		sv.x.Dispatched()
	}
	if sv.notify() { // the slot is the caller's again; nobody waits for the result
		sv.reply(nil, nil)
	}
	if sv.ms != nil {
		sv.ms.Accept()
		sv.req.cs = newServerCall(sv)
	}
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = sv.end.recovered("handler", sv.req.Method, v)
		} else {
			err = errorf(Internal, "the handler ended its goroutine with runtime.Goexit")
		}
		sv.answer(nil, err)
	}()
	body, err = sv.route.handler.ServeCall(sv, &sv.req)
	returned = true
	// Not in the deferred function, and the common case not by way of answer either: that would take more of a
	// new goroutine's small stack, which then has to grow for each call.
	if err == nil && sv.x != nil && len(sv.req.reply) == 0 && !sv.notify() && sv.end.checkAnswer(len(body)) == nil {
		sv.reply(nil, body)
		return
	}
	sv.answer(body, err)
}

// leaveQueues takes a call that was refused off the queue it waits in. The notifies behind one go on.
func (sv *serving) leaveQueues() {
	switch {
	case !sv.unlink() || !sv.notify():
	case !sv.taken:
		sv.sc.notifies.pump(false)
	default:
		if next := sv.sc.notifies.next(); next != nil {
			next.spawn()
		}
	}
}

// cancel is called when the caller has given up or the session is gone.
func (sv *serving) cancel(_ *mux.Incoming, err error) {
	sv.handlerContext.cancel(err)
	if sv.claimed.Load() {
		return
	}
	sv.sc.drop(sv)
	sv.refuse(Canceled, "")
}

// streamEnded is called when both directions of a streaming call have ended; err is nil when both were closed.
func (sv *serving) streamEnded(err error) {
	if err == nil {
		err = context.Canceled
	}
	sv.cancel(nil, err)
}
