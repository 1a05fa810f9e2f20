package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
)

// moveRig is a client whose server has asked it to come again, at some moment of that, and what it has under way.
type moveRig struct {
	t   *testing.T
	h   *testServer
	c   *End
	b   mailbox
	box *memoryBox

	finish func() // lets "slow" return; once

	mu      sync.Mutex // guards what follows
	dial    func(ctx context.Context) (net.Conn, error)
	here    func() // what the test does in a callback
	pending sync.WaitGroup
	ended   map[string]error
}

func newMoveRig(t *testing.T) *moveRig {
	r := &moveRig{t: t, box: newMemoryBox(), ended: make(map[string]error)}
	subscribe := r.b.config(Config{}).Setup
	h, finish := slowServer(t, Config{Setup: func(e *End) error {
		e.HandleStream("stream", func(ctx context.Context, _ *Request, _ *CallStream) error { <-ctx.Done(); return nil })
		return subscribe(e)
	}})
	r.h, r.finish, r.dial = h, sync.OnceFunc(func() { close(finish) }), h.dial
	cfg := quiet(&Config{Outbox: r.box, Redial: func(ctx context.Context) (net.Conn, error) {
		r.mu.Lock()
		dial := r.dial
		r.mu.Unlock()
		return dial(ctx)
	}})
	nc, err := r.h.dial(t.Context())
	must(t, err)
	r.c, err = Client(t.Context(), nc, cfg)
	must(t, err)
	r.c.Subscribe("back", func(context.Context, *Message) error { r.inside(); return nil })
	r.c.Handle("inline", HandlerFunc(func(context.Context, *Request) ([]byte, error) { r.inside(); return nil, nil }), Inline())
	r.c.Handle("handler", HandlerFunc(func(context.Context, *Request) ([]byte, error) { r.inside(); return nil, nil }))
	<-time.After(time.Minute)
	return r
}

func (r *moveRig) inside() {
	r.mu.Lock()
	here := r.here
	r.here = nil
	r.mu.Unlock()
	if here != nil {
		here()
	}
}

func (r *moveRig) dials(dial func(ctx context.Context) (net.Conn, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dial = dial
}

// begin does f in the background and notes its outcome.
func (r *moveRig) begin(name string, f func() error) {
	r.pending.Go(func() {
		err := f()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended[name] = err
	})
	synctest.Wait()
}

// work begins what can be begun.
func (r *moveRig) work(when string) {
	ctx, c := context.Background(), r.c
	r.begin(when+" call", func() error { _, err := c.Call(ctx, "slow", nil); return err })
	r.begin(when+" idempotent", func() error { _, err := c.Call(ctx, "slow", nil, Idempotent()); return err })
	r.begin(when+" go", func() error { _, err := c.Go(ctx, "slow", nil).Wait(ctx); return err })
	r.begin(when+" publish", func() error { return c.Publish(ctx, "t", []byte(when)) })
	r.begin(when+" large", func() error { return c.Publish(ctx, "nobody", make([]byte, 1<<20)) })
	r.begin(when+" stream", func() error {
		st, err := c.OpenStream(ctx)
		if err == nil {
			_, err = st.Read(make([]byte, 1))
		}
		return err
	})
	r.begin(when+" stream call", func() error {
		cs, err := c.OpenCall(ctx, "stream")
		if err == nil {
			_, err = cs.Recv(ctx)
		}
		return err
	})
	r.begin(when+" ping", func() error { _, err := c.Ping(ctx); return err })
}

func blockedDial(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }

// moveMoments bring a rig to a moment of its move.
var moveMoments = []struct {
	name string
	to   func(r *moveRig)
}{
	{"before the dial", func(r *moveRig) {
		go r.h.ends[0].ShutdownWith(context.Background(), &conn.RefusedError{RetryAfter: time.Hour})
	}},
	{"dialling", func(r *moveRig) { r.dials(blockedDial); go r.h.ends[0].Shutdown(context.Background()) }},
	{"shaking hands", func(r *moveRig) {
		r.dials(func(ctx context.Context) (net.Conn, error) {
			nc, err := r.h.dial(ctx)
			nc.(*blindConn).BlockReads(true)
			return nc, err
		})
		go r.h.ends[0].Shutdown(context.Background())
	}},
	{"moved", func(r *moveRig) { go r.h.ends[0].Shutdown(context.Background()) }},
	{"moved twice", func(r *moveRig) {
		go r.h.ends[0].Shutdown(context.Background())
		<-time.After(time.Minute)
		go r.h.ends[1].Shutdown(context.Background())
	}},
	{"the older ends", func(r *moveRig) {
		go r.h.ends[0].Shutdown(context.Background())
		<-time.After(time.Minute)
		go r.h.ends[0].Close()
	}},
	{"the older is broken", func(r *moveRig) {
		first := r.h.carriers[0]
		go r.h.ends[0].Shutdown(context.Background())
		<-time.After(time.Minute)
		r.dials(blockedDial)
		_ = first.Close()
	}},
	{"both are broken", func(r *moveRig) {
		go r.h.ends[0].Shutdown(context.Background())
		<-time.After(time.Minute)
		r.dials(blockedDial)
		r.h.cut()
	}},
	{"the newest is lost", func(r *moveRig) {
		go r.h.ends[0].Shutdown(context.Background())
		<-time.After(time.Minute)
		r.dials(blockedDial)
		go r.h.ends[1].CloseWith(errShutdown)
	}},
}

// movePlaces do something in a callback.
var movePlaces = []struct {
	name string
	do   func(r *moveRig, f func())
}{
	{"the test", func(_ *moveRig, f func()) { f() }},
	{"a hook", func(r *moveRig, f func()) { r.c.hook("test", f) }},
	{"OnDone", func(r *moveRig, _ func()) { r.b.ackAll() }},
	{"OnCallDone", func(r *moveRig, _ func()) { r.finish() }},
	{"Inline", func(r *moveRig, _ func()) { r.eachEnd(func(s *End) { s.Go(context.Background(), "inline", nil) }) }},
	{"a handler", func(r *moveRig, _ func()) { r.eachEnd(func(s *End) { s.Go(context.Background(), "handler", nil) }) }},
	{"a subscription", func(r *moveRig, _ func()) {
		r.eachEnd(func(s *End) { _, _ = s.PublishAsync(context.Background(), "back", nil) })
	}},
	{"Redial", func(r *moveRig, _ func()) {
		r.dials(func(ctx context.Context) (net.Conn, error) { r.inside(); return r.h.dial(ctx) })
		r.h.cut()
	}},
}

// eachEnd does f with the server's Ends, though they drain.
func (r *moveRig) eachEnd(f func(s *End)) {
	r.h.mu.Lock()
	ends := append([]*End(nil), r.h.ends...)
	r.h.mu.Unlock()
	for _, s := range ends {
		f(s)
	}
}

func (b *mailbox) ackAll() {
	for _, m := range b.take() {
		_ = m.Ack()
	}
}

// TestEndWhileMoving: an End can be ended at every moment of a move, from every place. It is over within its bound then,
// everything that was under way has an outcome, and the outbox has what has not.
func TestEndWhileMoving(t *testing.T) {
	ways := []struct {
		name  string
		do    func(c *End) error
		bound time.Duration
	}{
		{"Close", func(c *End) error { return c.Close() }, 6 * time.Second},
		{"CloseWith", func(c *End) error { return c.CloseWith(errorf(NotFound, "x")) }, 6 * time.Second},
		{"Shutdown", func(c *End) error {
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
			defer cancel()
			return c.Shutdown(ctx)
		}, 5 * time.Second},
		{"Abort", func(c *End) error { c.Abort(errors.New("enough")); return nil }, 0},
		{"twice", func(c *End) error {
			go c.Shutdown(context.Background())
			return c.Close()
		}, 6 * time.Second},
	}
	for _, moment := range moveMoments {
		for _, place := range movePlaces {
			for _, way := range ways {
				t.Run(fmt.Sprintf("%s, %s in %s", moment.name, way.name, place.name), func(t *testing.T) {
					bubble(t, func(t *testing.T) { endWhileMoving(t, moment.to, place.do, way.do, way.bound) })
				})
			}
		}
	}
}

func endWhileMoving(t *testing.T, to func(*moveRig), place func(*moveRig, func()), way func(*End) error, bound time.Duration) {
	r := newMoveRig(t)
	c := r.c
	defer r.finish()
	_, err := c.PublishAsync(context.Background(), "t", []byte("done"), OnDone(func(error) { r.inside() }))
	must(t, err)
	c.Go(context.Background(), "slow", nil, OnCallDone(func(*PendingCall) { r.inside() }))
	r.work("before")
	to(r)
	<-time.After(time.Second)
	r.work("then")
	called, returned := make(chan struct{}), make(chan time.Duration, 1)
	here := func() {
		close(called)
		began := time.Now()
		_ = way(c)
		returned <- time.Since(began)
	}
	r.mu.Lock()
	r.here = here
	r.mu.Unlock()
	go place(r, r.inside)
	select {
	case <-called:
	case <-time.After(10 * time.Second):
		_ = c.Close() // such a callback does not come at that moment
		return
	}
	select {
	case took := <-returned:
		if took > bound {
			t.Errorf("it took %v, its bound is %v", took, bound)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not return")
	}
	select {
	case <-c.Context().Done():
	case <-time.After(time.Minute):
		_ = c.Close() // Shutdown is refused where it would wait for itself
	}
	over := make(chan struct{})
	go func() { r.pending.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(time.Minute):
		r.mu.Lock()
		defer r.mu.Unlock()
		t.Fatalf("something goes on; what has ended: %v", r.ended)
	}
	_ = c.Close()
	if c.State() != StateClosed || c.line.Busy() {
		t.Errorf("it is %v, and busy: %v", c.State(), c.line.Busy())
	}
	kept := 0
	for name, err := range r.ended {
		if errors.Is(err, ErrKept) {
			kept++
		}
		if err == nil || errors.Is(err, ErrNotSent) || errors.Is(err, ErrUnknownOutcome) || errors.Is(err, net.ErrClosed) || errors.Is(err, ErrSessionLost) ||
			errors.Is(err, Unimplemented) { // nobody has taken the large one
			continue
		}
		t.Errorf("%s ends with %v", name, err)
	}
	if n := len(r.box.texts("")); n < kept {
		t.Errorf("%d publications say that they are kept, and %d are", kept, n)
	}
}
