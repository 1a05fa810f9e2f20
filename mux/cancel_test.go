package mux

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// TestCancel: Complete comes at once, and the slot is free when the peer has answered the RESET.
func TestCancel(t *testing.T) {
	r := newRaw(t, smallLimits)
	for i := range uint64(10) {
		id := 2 + 2*i
		done := make(waitSink, 2)
		x := &Exchange{Sink: done}
		if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall, Name: "m"}, []byte("body")); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			r.take()
		}
		x.Cancel(frame.DeadlineExceeded, "too late")
		x.Cancel(frame.Canceled, "again")
		var se *StreamError
		if got := <-done; !errors.As(got.Err, &se) || se.Code != frame.DeadlineExceeded || se.Message != "too late" || se.Remote || got.Reusable {
			t.Errorf("result is %+v", got.Err)
		}
		if x.Sent != (i%2 == 0) {
			t.Errorf("Sent is %v", x.Sent)
		}
		sent := r.take()
		if f := sent[len(sent)-1]; f.h.Type != frame.TypeReset || f.h.ID != id {
			t.Errorf("sent %v", sent)
		}
		if r.Count() != 1 {
			t.Error("the slot is free before the peer has answered")
		}
		r.ok([]rawFrame{fData(id, flFin, 0), fReset(id, frame.Canceled), fHead(id, flFin|flEarly, frame.Head{}, 100)}[i%3])
		if len(done) != 0 {
			t.Error("Complete was called again")
		}
		r.wantIdle()
		checkRaw(t, r)
	}
}

// TestCancelDuringStart: Cancel, or the peer's answer, while the body is being sent; Start returns nil.
func TestCancelDuringStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		done := make(waitSink, 1)
		x := &Exchange{Sink: done}
		errc := make(chan error, 1)
		go func() { errc <- r.Start(t.Context(), x, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 1<<20)) }()
		synctest.Wait()
		r.take()
		x.Cancel(frame.Canceled, "")
		if err := <-errc; err != nil {
			t.Error(err)
		}
		<-done
		r.want("RESET 2 Canceled")
		r.ok(fCredit(2, 1<<20), fStop(2, frame.OK), fData(2, flFin, 0))
		r.wantIdle()
		if err := r.HandleReleased(released(0, r.pools.sent[1])); err != nil {
			t.Fatal(err)
		}
		checkRaw(t, r)
	})
}

// TestStartContext: a context that ends while the body is being sent resets the call; Complete is not called.
func TestStartContext(t *testing.T) {
	for code, ctx := range map[frame.Code]func(context.Context) (context.Context, context.CancelFunc){
		frame.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		},
		frame.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRaw(t, nil)
			ctx, cancel := ctx(t.Context())
			defer cancel()
			done := make(waitSink, 1)
			errc := make(chan error, 1)
			go func() {
				errc <- r.Start(ctx, &Exchange{Sink: done}, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 1<<20))
			}()
			synctest.Wait()
			r.take()
			if err := <-errc; err != ctx.Err() {
				t.Error(err)
			}
			r.want("RESET 2 " + code.Name())
			r.ok(fHead(2, flFin|flEarly, frame.Head{}, 5))
			if len(done) != 0 {
				t.Error("Complete was called")
			}
			if err := r.Start(ctx, &Exchange{Sink: done}, &Open{Kind: frame.KindCall}, nil); err != ctx.Err() {
				t.Errorf("Start with a context that has ended: %v", err)
			}
			r.wantIdle()
			if err := r.HandleReleased(released(0, r.pools.sent[1])); err != nil {
				t.Fatal(err)
			}
			checkRaw(t, r)
		})
	}
}

// TestCancelRaces cancels calls of all sizes at any time, on both sides; every slot, byte and budget comes
// back, and every Complete is called once.
func TestCancelRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, func(c, s *Config) { smallLimits(c); smallLimits(s) })
		for _, x := range []*side{c, s} {
			x.acc.cancel = func(x *Incoming, err error) { go x.Reply(context.Background(), nil, nil) }
		}
		c.l.delay = func() time.Duration { return 50 * time.Microsecond }
		var wg sync.WaitGroup
		for i := range 16 {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			wg.Go(func() {
				for range 60 {
					from, n := c, []int{0, 100, 60 << 10, 100 << 10, 1 << 20}[rnd.IntN(5)]
					if i%2 == 1 {
						from = s
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(2000))*time.Microsecond)
					done := make(waitSink, 2)
					x := &Exchange{Sink: done}
					if err := from.Start(ctx, x, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, n)); err == nil {
						select {
						case <-done:
						case <-ctx.Done():
							x.Cancel(frame.DeadlineExceeded, "")
							<-done
						}
						if x.Err == nil && x.Head.Code == frame.OK && len(x.Body) != n {
							t.Errorf("%d bytes came back of %d", len(x.Body), n)
						}
					} else if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					cancel()
					if len(done) != 0 {
						t.Error("Complete was called again")
					}
				}
			})
		}
		wg.Wait()
		<-time.After(time.Second) // what is in flight arrives
		checkIdle(t, c, s)
	})
}

// TestCancelMeetsAnswer: an answer that begins just when the call is given up holds nothing.
func TestCancelMeetsAnswer(t *testing.T) {
	r := newRaw(t, nil)
	x := &Exchange{Sink: make(waitSink, 1)}
	if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall}, nil); err != nil {
		t.Fatal(err)
	}
	r.take()
	r.l.Lock()
	x.done = true // Cancel has come so far; the reader has looked x up before
	r.l.Unlock()
	r.ok(fHead(2, flEarly, frame.Head{Size: 10}, 5))
	if r.l.freed[1] != 5 {
		t.Error("the first bytes are kept")
	}
	r.wantIdle()
}

// TestResetFreesBody: what a call that was given up held is free at once, its slot when it is answered.
func TestResetFreesBody(t *testing.T) {
	r := newRaw(t, nil)
	r.accepted(1, 2000, 1000)
	r.ok(fReset(1, frame.Canceled))
	if errs := idleBudget(r.Session); len(errs) > 0 || r.l.freed[1] != 1000 || r.Count() != 1 {
		t.Error(errs, r.l.freed, r.Count())
	}
}

// TestReusable: an Exchange that says so really is forgotten.
func TestReusable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, nil)
		done := make(waitSink, 1)
		x := &Exchange{Sink: done}
		reused := 0
		for i := range 500 {
			n := []int{0, 5, 60 << 10, 70 << 10, 200 << 10}[i%5]
			if err := c.Start(t.Context(), x, &Open{Kind: frame.KindCall}, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			<-done
			if x.Err != nil || len(x.Body) != n {
				t.Fatalf("%v, %d bytes of %d", x.Err, len(x.Body), n)
			}
			if x.Reusable && n > 64<<10 {
				t.Error("an exchange that may still be granted something says it is reusable")
			}
			if !x.Reusable {
				if n < 60<<10 {
					t.Errorf("a call of %d bytes is not reusable", n)
				}
				x = &Exchange{Sink: done}
				continue
			}
			reused++
			x.Clear()
		}
		if reused < 300 {
			t.Errorf("%d of 500 were reusable", reused)
		}
		checkIdle(t, c, s)
	})
}

// TestServedCallKeepsItsSlot: a streaming call that its caller has given up, in whatever way, holds its slot until its
// handler has returned, which learns of it at once.
func TestServedCallKeepsItsSlot(t *testing.T) {
	for name, giveUp := range map[string][]rawFrame{
		"RESET": {fReset(1, frame.Canceled)}, "FIN, RESET": {fData(1, flFin, 0), fReset(1, frame.Canceled)},
		"FIN, STOP": {fData(1, flFin, 0), fStop(1, 0)}, "STOP, FIN": {fStop(1, 0), fData(1, flFin, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, func(c *Config) { c.Local.Calls = 1 })
			r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindStreamingCall}))
			r.ok(giveUp...)
			if len(r.acc.ended) != 1 {
				t.Fatalf("the handler heard of its end %d times", len(r.acc.ended))
			}
			r.wantIdle()
			r.ok(fOpen(3, flFin, frame.Open{Kind: frame.KindStreamingCall}))
			if len(r.acc.streams) != 1 {
				t.Fatal("a call beyond the limit was accepted")
			}
			r.want("RESET 3 ResourceExhausted")
			r.acc.streams[0].CloseWriteHead(&frame.Head{Code: frame.Canceled})
			r.want("DATA 1 FIN 0")
			r.ok(fOpen(5, 0, frame.Open{Kind: frame.KindStreamingCall}))
			if len(r.acc.streams) != 2 || len(r.acc.ended) != 1 {
				t.Error("the slot is not free")
			}
		})
	}
}
