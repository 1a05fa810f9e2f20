package gantline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// callbackWait bounds the waits with a context in these tests, callbackClose those of Close.
const (
	callbackWait  = 3 * time.Second
	callbackClose = 5200 * time.Millisecond
)

// callbackRig is a connection whose one End, e, has a callback that runs a method. The other is p.
type callbackRig struct {
	t      *testing.T
	place  *callbackPlace
	h      *testServer
	client bool // e is the client's
	e, p   *End
	box    *memoryBox // both sides' outbox, if the place needs one

	armed  atomic.Bool // the callback is to run the method
	method func(r *callbackRig, e *End)
	ran    chan struct{} // closed when it has

	pending *PendingCall // of e; they wait for ever
	pub     *Publication
	cs      *CallStream
	stop    func() // of a subscription of e's whose function runs
}

// run is what the callback calls. The method runs once.
func (r *callbackRig) run(e *End) {
	if e != nil && r.armed.CompareAndSwap(true, false) {
		r.method(r, e)
		close(r.ran)
	}
}

// ofTest runs the callback when it is not e's, which may not be known yet.
func (r *callbackRig) ofTest() { r.run(r.e) }

// callbackMethod is one that can wait.
type callbackMethod struct {
	name string
	do   func(ctx context.Context, r *callbackRig, e *End) error
	// closes: it ends the End. open: it works inside a callback as long as it need not wait.
	// old: it waits for something of the session that there was at first.
	closes, open, old bool
}

var callbackMethods = []callbackMethod{
	{name: "Close", closes: true, do: func(_ context.Context, _ *callbackRig, e *End) error { return e.Close() }},
	{name: "CloseWith", closes: true, do: func(_ context.Context, _ *callbackRig, e *End) error { return e.CloseWith(Aborted) }},
	{name: "Shutdown", do: func(ctx context.Context, _ *callbackRig, e *End) error { return e.Shutdown(ctx) }},
	{name: "Call", do: func(ctx context.Context, _ *callbackRig, e *End) error {
		_, err := e.Call(ctx, "echo", nil)
		return err
	}},
	{name: "Publish", do: func(ctx context.Context, _ *callbackRig, e *End) error { return e.Publish(ctx, "t", nil) }},
	{name: "Ping", do: func(ctx context.Context, _ *callbackRig, e *End) error { _, err := e.Ping(ctx); return err }},
	{name: "Receive", do: func(ctx context.Context, _ *callbackRig, e *End) error { _, err := e.Receive(ctx); return err }},
	{name: "Migrate", do: func(ctx context.Context, _ *callbackRig, e *End) error { return e.Migrate(ctx) }},
	{name: "AcceptStream", do: func(ctx context.Context, _ *callbackRig, e *End) error { _, err := e.AcceptStream(ctx); return err }},
	{name: "PendingCall.Wait", old: true, do: func(ctx context.Context, r *callbackRig, _ *End) error { _, err := r.pending.Wait(ctx); return err }},
	{name: "Publication.Wait", old: true, do: func(ctx context.Context, r *callbackRig, _ *End) error { return r.pub.Wait(ctx) }},
	{name: "Send", old: true, do: func(ctx context.Context, r *callbackRig, _ *End) error { return r.cs.Send(ctx, nil) }},
	{name: "Recv", old: true, do: func(ctx context.Context, r *callbackRig, _ *End) error { _, err := r.cs.Recv(ctx); return err }},
	{name: "Accept", do: func(ctx context.Context, _ *callbackRig, e *End) error {
		ln := e.Listener("none")
		defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
		_, err := ln.Accept()
		return err
	}},
	{name: "stop", open: true, do: func(_ context.Context, r *callbackRig, _ *End) error { r.stop(); return nil }},
	{name: "Notify", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error { return e.Notify(ctx, "echo", nil) }},
	{name: "Go", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error { e.Go(ctx, "echo", nil); return nil }},
	{name: "PublishAsync", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error {
		_, err := e.PublishAsync(ctx, "t", nil)
		return err
	}},
	{name: "Publish NoAck", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error { return e.Publish(ctx, "t", nil, NoAck()) }},
	{name: "OpenStream", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error { _, err := e.OpenStream(ctx); return err }},
	{name: "OpenCall", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error { _, err := e.OpenCall(ctx, "hang"); return err }},
	{name: "PublishAsync large", open: true, do: func(ctx context.Context, _ *callbackRig, e *End) error {
		_, err := e.PublishAsync(ctx, "t", make([]byte, 1<<20))
		return err
	}},
	{name: "more than fits", do: func(ctx context.Context, _ *callbackRig, e *End) error {
		for range 5000 { // over all limits of what may be open
			if _, err := e.PublishAsync(ctx, "hang", nil); err != nil {
				return err
			}
		}
		return nil
	}},
}

// TestCallbacksMayWait: in every callback of the API every method that can wait returns within its bound. On a goroutine
// that the End needs, whatever would wait for the peer fails at once, and Close leaves what it cannot wait for until the
// callback has returned.
func TestCallbacksMayWait(t *testing.T) {
	for i := range callbackPlaces {
		place := &callbackPlaces[i]
		for _, role := range []string{"client", "server"} {
			if place.role != "" && place.role != role {
				continue
			}
			for _, m := range callbackMethods {
				if place.only != nil && !place.only(m) || place.early && (m.old || m.name == "stop") {
					continue
				}
				t.Run(place.name+"/"+role+"/"+m.name, func(t *testing.T) {
					t.Parallel()
					bubble(t, func(t *testing.T) { tryCallback(t, place, role == "client", m) })
				})
			}
		}
	}
}

// tryCallback is one cell of the table.
func tryCallback(t *testing.T, place *callbackPlace, client bool, m callbackMethod) {
	r := &callbackRig{t: t, place: place, client: client, ran: make(chan struct{})}
	r.method = func(r *callbackRig, e *End) {
		ctx, cancel := context.WithTimeout(context.Background(), callbackWait)
		defer cancel()
		began := time.Now()
		err := m.do(ctx, r, e)
		took := time.Since(began)
		switch {
		case m.closes || place.early && m.name == "Shutdown":
			if took > callbackClose {
				t.Errorf("it took %v: %v", took, err)
			}
		case place.free:
			if took > callbackWait+callbackClose {
				t.Errorf("it took %v: %v", took, err)
			}
		case took > 0:
			t.Errorf("it took %v where nothing can be waited for: %v", took, err)
		case place.over || place.lost && m.old || m.open && err == nil:
		case CodeOf(err) != FailedPrecondition:
			t.Errorf("the error is %v, want one that is FailedPrecondition", err)
		}
	}
	r.armed.Store(place.early)
	r.connect()
	if place.trigger != nil {
		go place.trigger(r)
	}
	r.within(time.Minute, "the method", r.ran)
	if m.closes {
		r.within(2*callbackClose, "the End", r.e.Context().Done())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.e.Close()
		if r.p != nil {
			_ = r.p.Close()
		}
	}()
	r.within(4*callbackClose, "Close from elsewhere", ended)
	<-time.After(callbackWait) // the function of stop's subscription ends
}

// within ends the process when done is not closed in time: what hangs would hold up the end of the test for ever.
func (r *callbackRig) within(d time.Duration, what string, done <-chan struct{}) {
	r.t.Helper()
	select {
	case <-done:
	case <-time.After(d):
		stack := make([]byte, 1<<20)
		panic(fmt.Sprintf("%s: %s is not over after %v\n%s", r.t.Name(), what, d, stack[:runtime.Stack(stack, true)]))
	}
}

// connect makes the Ends, and begins what e can wait for.
func (r *callbackRig) connect() {
	t := r.t
	var own, other Config
	other.Router = new(Router)
	other.Router.Handle("echo", echo)
	other.Router.Handle("fail", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return nil, Unavailable }))
	other.Router.Handle("hang", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) { <-ctx.Done(); return nil, nil }))
	other.Router.HandleStream("hangs", func(ctx context.Context, _ *Request, _ *CallStream) error { <-ctx.Done(); return nil })
	other.Router.Subscribe("t", func(context.Context, *Message) error { return nil })
	other.Router.Subscribe("hang", func(context.Context, *Message) error { return ErrAckLater })
	if r.place.config != nil {
		r.place.config(r, &own)
	}
	scfg, ccfg := &other, &own
	if !r.client {
		scfg, ccfg = &own, &other
	}
	if ccfg.ID == "" {
		ccfg.ID = "client"
	}
	r.h = newTestServer(t, scfg)
	if ccfg.Redial == nil {
		ccfg.Redial = r.h.dial
	}
	nc, err := r.h.dial(context.Background())
	must(t, err)
	c, err := Client(context.Background(), nc, quiet(ccfg))
	synctest.Wait()
	if r.place.early {
		if r.p = c; r.client && len(r.h.ends) > 0 { // else stop ends it
			r.p = r.h.ends[0]
		} else if r.client {
			r.p = nil
		}
		return
	}
	must(t, err)
	r.e, r.p = c, r.h.ends[0]
	if !r.client {
		r.e, r.p = r.p, c
	}
	r.pending = r.e.Go(context.Background(), "hang", nil)
	r.pub, err = r.e.PublishAsync(context.Background(), "hang", nil)
	must(t, err)
	r.cs, err = r.e.OpenCall(context.Background(), "hangs")
	must(t, err)
	r.stop = r.e.Subscribe("busy", func(context.Context, *Message) error { <-time.After(callbackWait / 2); return nil })
	_, err = r.p.PublishAsync(context.Background(), "busy", nil)
	must(t, err)
	synctest.Wait()
	r.armed.Store(true)
}

// errOfCallback is what a callback returns that has nothing to say.
var errOfCallback = errors.New("from the callback")
