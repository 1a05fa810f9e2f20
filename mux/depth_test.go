package mux

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// depthStep is an open of a message, and whether there is a slot for it.
type depthStep struct {
	parent uint64
	depth  uint8
	goes   bool
}

// depthSteps opens as many messages as may be unacked with a limit of 2, and then more.
func depthSteps() (steps []depthStep) {
	add := func(goes bool, parent uint64, depth uint8) { steps = append(steps, depthStep{parent, depth, goes}) }
	for range 2 {
		add(true, 0, 0)
	}
	add(false, 0, 0)
	for range 2 {
		add(true, 0, 1) // each depth has its own
	}
	add(false, 0, 1)
	for range 2 {
		add(true, 1, 0) // and each parent
	}
	add(false, 1, 0)
	add(true, 1, 1)
	add(true, 1, 1)
	add(true, 3, 1) // 9: one of depth 1 is free, and the others are what the link may have
	add(false, 3, 1)
	add(false, 3, 0)
	for depth := uint8(2); depth <= MaxDepth; depth++ {
		add(true, 3, depth) // one more of each depth
		add(false, 3, depth)
		add(false, 0, depth)
	}
	add(false, 3, 0)
	return steps
}

func limitTwo(c *Config) { c.Local.Messages, c.Peer.Messages = 2, 2 }

// TestMessageDepths: messages of each depth and parent have slots of their own, and there is one for each depth also when
// the link has as many as it may.
func TestMessageDepths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, limitTwo)
		r.ok(fOpen(1, 0, frame.Open{}), fOpen(3, 0, frame.Open{}))
		for i, step := range depthSteps() {
			o := Open{Kind: frame.KindMessage, Parent: step.parent, Depth: step.depth, NoWait: true}
			err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &o, nil)
			if step.goes != (err == nil) || err != nil && !errors.Is(err, ErrWouldWait) {
				t.Errorf("open %d, %+v: %v", i, step, err)
			}
		}
		r.take()
		r.HandleClose(nil)
	})
}

// TestPeerMessageDepths: the peer has the same, and is refused beyond it.
func TestPeerMessageDepths(t *testing.T) {
	r := newRaw(t, limitTwo)
	id := uint64(5)
	r.ok(fOpen(1, 0, frame.Open{}), fOpen(3, 0, frame.Open{}))
	for i, step := range depthSteps() {
		r.ok(fOpen(id, flFin, frame.Open{Kind: frame.KindMessage, Parent: step.parent, Depth: step.depth}))
		switch got := r.take(); {
		case step.goes && len(got) != 0:
			t.Errorf("open %d, %+v: answered with %v", i, step, got)
		case !step.goes && (len(got) != 1 || got[0].String() != fmt.Sprintf("RESET %d ResourceExhausted", id)):
			t.Errorf("open %d, %+v: answered with %v", i, step, got)
		}
		id += 2
	}
	for _, x := range r.acc.incoming {
		x.Reply(t.Context(), nil, nil)
	}
	for _, st := range r.acc.streams {
		st.Reset(frame.Canceled, "")
		r.ok(fReset(st.ID(), frame.Canceled))
	}
	r.take()
	checkRaw(t, r)
}

// callSteps opens as many calls as may be open with a limit of 8, and then more.
func callSteps() (steps []depthStep) {
	add := func(goes bool, depth uint8) { steps = append(steps, depthStep{0, depth, goes}) }
	add(true, 3)
	add(true, 3) // of the 2 that all deeper ones share
	for range 8 {
		add(true, 0)
	}
	add(false, 0)
	add(true, 1)
	add(true, 1)
	add(false, 1)
	add(false, 3)
	for depth := uint8(2); depth <= MaxDepth; depth++ {
		if depth != 3 {
			add(true, depth) // one of each depth
		}
		add(false, depth)
	}
	add(false, 0)
	return steps
}

func limitEight(c *Config) { c.Local.Calls, c.Peer.Calls = 8, 8 }

// TestCallDepths: calls that are deeper share a part of the limit, and there is one for each depth also when that is used up.
func TestCallDepths(t *testing.T) {
	for _, kind := range []frame.Kind{frame.KindCall, frame.KindNotify, frame.KindStreamingCall} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, limitEight)
				for i, step := range callSteps() {
					o, err := Open{Kind: kind, Depth: step.depth, NoWait: true}, error(nil)
					if kind == frame.KindStreamingCall {
						_, err = r.OpenStream(t.Context(), &o, nil)
					} else {
						err = r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &o, nil)
					}
					if step.goes != (err == nil) || err != nil && !errors.Is(err, ErrWouldWait) {
						t.Errorf("open %d, %+v: %v", i, step, err)
					}
				}
				r.take()
				r.HandleClose(nil)
			})
		})
	}
}

// TestPeerCallDepths: the peer has the same, and is refused beyond it.
func TestPeerCallDepths(t *testing.T) {
	r := newRaw(t, limitEight)
	id := uint64(1)
	for i, step := range callSteps() {
		r.ok(fOpen(id, flFin, frame.Open{Kind: frame.KindCall, Depth: step.depth}))
		switch got := r.take(); {
		case step.goes && len(got) != 0:
			t.Errorf("open %d, %+v: answered with %v", i, step, got)
		case !step.goes && (len(got) != 1 || got[0].String() != fmt.Sprintf("RESET %d ResourceExhausted", id)):
			t.Errorf("open %d, %+v: answered with %v", i, step, got)
		}
		id += 2
	}
	for _, x := range r.acc.incoming {
		x.Reply(t.Context(), nil, nil)
	}
	r.take()
	checkRaw(t, r)
}

// TestCallDepthHasItsTurn: of those that wait because deeper calls are as many as may be, the deepest goes first.
func TestCallDepthHasItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, func(c *Config) { c.Peer.Calls = 4 })
		var done []uint8 // depths
		start := func(depth uint8) {
			go func() {
				if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Depth: depth}, nil); err == nil {
					done = append(done, depth)
				}
			}()
			synctest.Wait()
		}
		for _, depth := range []uint8{1, 1, 2, 5} { // ids 2, 4, 6, 8
			start(depth)
		}
		start(1)
		start(2)
		start(5)
		if len(done) != 4 {
			t.Fatalf("%v have gone out", done)
		}
		r.take()
		for i, c := range []struct {
			ends uint64
			next uint8
		}{{4, 5}, {6, 2}, {2, 1}} { // of depth 1 the one that counts; the free one of 2; the free one of 1
			r.ok(fHead(c.ends, flFin, frame.Head{}, 0))
			synctest.Wait()
			if n := len(done); n != 5+i || done[n-1] != c.next {
				t.Errorf("%v have gone out, want %d at the end", done, c.next)
			}
			r.take()
		}
		r.HandleClose(nil)
		synctest.Wait()
	})
}

// TestDepthHasItsTurn: who waits because the link has as many as it may goes on when there is room again.
func TestDepthHasItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, func(c *Config) { c.Peer.Messages = 1 })
		for i := range uint64(linkMessages + 1) {
			r.ok(fOpen(1+2*i, 0, frame.Open{}))
		}
		var done []uint64 // parents
		start := func(depth uint8, parent uint64) {
			go func() {
				if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindMessage, Depth: depth, Parent: parent}, nil); err == nil {
					done = append(done, parent)
				}
			}()
			synctest.Wait()
		}
		for i := range uint64(linkMessages) {
			start(0, 1+2*i) // ids 2, 4, 6, 8
		}
		start(3, 1) // 10, beyond the limit
		start(3, 3) // waits
		start(0, 9) // waits
		if len(done) != linkMessages+1 {
			t.Fatalf("%v have gone out", done)
		}
		r.take()
		r.ok(fHead(10, flFin, frame.Head{}, 0)) // the next of that depth
		synctest.Wait()
		if n := len(done); n != linkMessages+2 || done[n-1] != 3 {
			t.Errorf("%v have gone out, want one to 3 at the end", done)
		}
		r.take()
		r.ok(fHead(2, flFin, frame.Head{}, 0))
		synctest.Wait()
		if n := len(done); n != linkMessages+3 || done[n-1] != 9 {
			t.Errorf("%v have gone out, want one to 9 at the end", done)
		}
		r.HandleClose(nil)
		synctest.Wait()
	})
}

// TestDepthsAgree: however messages and calls of all depths and parents come and go, the receiver has room for what the
// sender sends.
func TestDepthsAgree(t *testing.T) {
	for _, limit := range []uint32{1, 2, 5, 9} {
		synctest.Test(t, func(t *testing.T) {
			c, s := newPair(t, func(client, server *Config) {
				server.Local.Messages, client.Peer.Messages = limit, limit
				server.Local.Calls, client.Peer.Calls = limit, limit
			})
			var parents []uint64
			for range 6 {
				a, _ := openPair(t, c, s)
				parents = append(parents, a.ID())
			}
			s.acc.fn = func(x *Incoming) { go func() { _ = x.Reply(context.Background(), nil, nil) }() }
			var wg sync.WaitGroup
			for worker := range uint64(40) {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(worker, 1))
					for range 50 {
						o := Open{Kind: frame.KindMessage, Depth: uint8(rnd.IntN(4) * rnd.IntN(6)), Parent: parents[rnd.IntN(len(parents))]}
						if worker%2 == 0 {
							o.Kind = frame.KindCall
						}
						if !served(t, c, &o) {
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestNestedGoesWithoutWindow: what uses up the early window may wait for a handler, which may wait for what it calls and
// publishes. So that does not wait for early window: it is opened, and its body is sent on credit.
func TestNestedGoesWithoutWindow(t *testing.T) {
	for _, kind := range []frame.Kind{frame.KindMessage, frame.KindUnackedMessage, frame.KindCall, frame.KindNotify} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, others wait %v", kind, waits), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRaw(t, smallPool)
					r.start(t.Context(), kind, 1000)
					want := []string{fmt.Sprintf("OPEN 2 FIN %v body 1000 of 1000", kind)}
					body := 500 // of the window that is left
					if waits {
						r.start(t.Context(), kind, 1000)
						body = 0 // it does not overtake there
					}
					nested := make(chan error, 1)
					o := Open{Kind: kind, Depth: 1, Name: "m"}
					go func() { nested <- r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &o, make([]byte, 800)) }()
					synctest.Wait()
					r.want(append(want, fmt.Sprintf("OPEN 4 %v body %d of 800", kind, body), "DATA 4 BLOCKED 0")...)
					r.ok(fCredit(4, uint32(800-body)))
					synctest.Wait()
					r.want(fmt.Sprintf("DATA 4 FIN %d", 800-body))
					if err := <-nested; err != nil {
						t.Error(err)
					}
					o.NoWait = true
					if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &o, make([]byte, 800)); err != ErrWouldWait {
						t.Errorf("with NoWait: %v", err)
					}
					r.HandleClose(nil)
					synctest.Wait()
				})
			})
		}
	}
}

// served opens o and reports whether it is answered with OK.
func served(t *testing.T, c *side, o *Open) bool {
	x := &Exchange{Sink: make(waitSink, 1)}
	if err := c.Start(t.Context(), x, o, nil); err != nil {
		t.Error(err)
		return false
	}
	if <-x.Sink.(waitSink); x.Err != nil || x.Head.Code != frame.OK {
		t.Errorf("%v, %v %s", x.Err, x.Head.Code, x.Head.Text)
		return false
	}
	return true
}
