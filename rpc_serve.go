package gantline

import (
	"context"
	"sync/atomic"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/throttle"
	"github.com/gantline-project/gantline/internal/work"
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

	own   mux.Incoming
	item  work.Item   // where it waits until it may run, and who has claimed it
	ended atomic.Bool // its handler has returned, or will not run
}

var _ work.Task = (*serving)(nil)

// acceptCall takes a new call or notify of the peer. Reader goroutine.
func (e *End) acceptCall(s *session, st *Stream, x *mux.Incoming, sv *serving) {
	sv.sc, sv.x = st.callScope(), x
	sv.init(e, s, x.Depth, x.Timeout)
	if sv.Watched = x.Kind == frame.KindCall; !sv.Watched {
		sv.OnNest(&sv.item) // only notifies wait for each other
	}
	sv.req.Stream, sv.req.codec = st, x.Codec
	if len(x.Metadata) > 0 {
		sv.req.Metadata = parseMetadata(x.Metadata)
	}
	x.Value = sv
	if x.Complete() {
		sv.lookUp(x.Name, 1)
	} else {
		sv.lookUp(x.Name, 2)
	}
}

// acceptStreamingCall takes a new streaming call of the peer. Reader goroutine.
func (e *End) acceptStreamingCall(s *session, st *Stream, ms *mux.Stream) {
	sv := &serving{sc: st.callScope(), ms: ms}
	sv.init(e, s, ms.Depth(), ms.Timeout())
	sv.req.Stream, sv.req.codec = st, ms.Codec()
	sv.req.Metadata = parseMetadata(ms.Metadata())
	ms.Value = sv
	sv.lookUp([]byte(ms.Name()), 1)
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

func (sv *serving) notify() bool { return sv.x != nil && sv.x.Kind == frame.KindNotify }

// ready is called when the body is complete. Reader goroutine.
func (sv *serving) ready(*mux.Incoming) { sv.arrive(true) }

// arrive says that one part is there. What may run because of that does, on a goroutine of its own; Close does not wait
// for that, Shutdown does. On the reader's goroutine an Inline handler runs here.
func (sv *serving) arrive(reader bool) {
	it := sv.item.Arrive()
	if it == nil {
		return
	}
	if sv := it.Task().(*serving); reader && sv.route.Inline {
		sv.Inline = true
		sv.Session.Native.EnterUser()
		next := it.Run()
		sv.Session.Native.LeaveUser()
		next.Go()
		return
	}
	it.Go()
}

// Order implements work.Task.
func (sv *serving) Order() *work.Order {
	if sv.notify() {
		return &sv.sc.notifies
	}
	return nil
}

// Gate implements work.Task. Notifies run one at a time, and their order must not wait for calls.
func (sv *serving) Gate() *work.Gate {
	if g := sv.route.Gate; g != nil || sv.route.Inline || sv.notify() {
		return g
	}
	return sv.end.rpc().running
}

// Serve implements work.Task: it runs the handler. The caller is answered whatever the handler does.
func (sv *serving) Serve() {
	var (
		body     []byte
		err      error
		returned bool
	)
	sv.end.handlerStarted()
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
		sv.served()
	}()
	body, err = sv.route.Handler.ServeCall(sv, &sv.req)
	returned = true
	// Not in the deferred function, and the common case not by way of answer either: that would take more of a
	// new goroutine's small stack, which then has to grow for each call.
	if err == nil && sv.x != nil && len(sv.req.reply) == 0 && !sv.notify() && sv.end.checkAnswer(len(body)) == nil {
		sv.reply(nil, body)
	} else {
		sv.answer(body, err)
	}
	sv.served()
}

// served records that the handler has returned and the call is answered.
func (sv *serving) served() {
	sv.ended.Store(true)
	sv.finish()
	sv.end.handlerDone()
}

// answer sends what the handler returned.
func (sv *serving) answer(body []byte, err error) {
	if sv.notify() {
		if err != nil {
			sv.end.log.Say(throttle.NotifyFailed, "method", sv.req.Method, "error", err)
		}
		return
	}
	if err == nil {
		err = sv.end.checkAnswer(len(body))
	}
	var head *frame.Head
	if err != nil || len(sv.req.reply) > 0 {
		if head = sv.head(err); head.Code != OK {
			body = nil
		}
	}
	if sv.ms != nil {
		sv.req.cs.finish(head)
		return
	}
	sv.reply(head, body)
}

// head is how an answer with an error or metadata begins.
func (sv *serving) head(err error) *frame.Head {
	h := headOf(err)
	block, err := appendMetadata(nil, sv.req.reply)
	if err != nil {
		h, block = headOf(errorf(Internal, "reply metadata: %s", cleanText(err))), nil
	}
	h.Metadata = block
	return &h
}

// reply ends the exchange. It waits for room only where that keeps nobody but the handler, and only with a body.
func (sv *serving) reply(head *frame.Head, body []byte) {
	if sv.Inline || len(body) == 0 {
		sv.end.answer(sv.x, head, body)
		return
	}
	_ = sv.x.Reply(context.Background(), head, body) // ends with the session too, and when the caller gives up
}

// refuse answers a call that no handler runs for, at once. Reader goroutine.
func (sv *serving) refuse(code Code, text string) {
	if !sv.item.Claim() {
		return
	}
	sv.sc.parked.Drop(&sv.item)
	sv.finish()
	if sv.ms != nil {
		sv.ended.Store(true)
		_ = sv.ms.Reset(code, text)
	} else {
		if sv.notify() {
			sv.end.log.Say(throttle.NotifyDropped, "method", sv.req.Method, "reason", text)
		}
		sv.end.refuse(sv.x, code, text)
	}
	sv.item.Withdraw()
}

// cancel is called when the caller has given up or the session is gone.
func (sv *serving) cancel(_ *mux.Incoming, err error) {
	sv.handlerContext.cancel(err)
	sv.refuse(Canceled, "")
}

// streamEnded is called when both directions of a streaming call have ended; err is nil when both were closed.
func (sv *serving) streamEnded(err error) {
	if err == nil {
		err = context.Canceled
	}
	sv.cancel(nil, err)
}
