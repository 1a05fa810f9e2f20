package mux

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// smallLimits announces and obeys few slots.
func smallLimits(c *Config) {
	for _, l := range []*frame.Limits{&c.Local, &c.Peer} {
		l.Streams, l.Calls, l.Messages = 3, 3, 3
	}
}

// TestSlotsWait opens more than the peer allows: the rest waits and goes on in order, one for each slot that
// becomes free, which is when both directions have ended.
func TestSlotsWait(t *testing.T) {
	for _, o := range []Open{
		{Kind: frame.KindStream, Name: "n"}, {Kind: frame.KindStreamingCall, Name: "n"},
		{Kind: frame.KindCall, Name: "n"}, {Kind: frame.KindMessage, Name: "n"},
		{Kind: frame.KindNotify, Name: "n"}, {Kind: frame.KindUnackedMessage, Name: "n"},
	} {
		t.Run(o.Kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, smallLimits)
				done := make(waitSink, 8)
				errs := make(chan error, 8)
				for range 8 {
					go func() {
						if k := o.Kind; k != frame.KindStream && k != frame.KindStreamingCall {
							errs <- r.Start(t.Context(), &Exchange{Sink: done}, &o, nil)
							return
						}
						st, err := r.OpenStream(t.Context(), &o, nil)
						errs <- err
						st.CloseWrite()
					}()
				}
				synctest.Wait()
				for id := uint64(2); id <= 16; id += 2 {
					if want := min(8, 3+int(id)/2-1); len(errs) != want {
						t.Fatalf("%d are open, want %d", len(errs), want)
					}
					r.take()
					r.ok(fCredit(id, 0))
					synctest.Wait()
					if want := min(8, 3+int(id)/2-1); len(errs) != want {
						t.Fatal("a slot was freed by one end")
					}
					r.ok(fData(id, flFin, 0))
					synctest.Wait()
				}
				r.take()
				for range 8 {
					if err := <-errs; err != nil {
						t.Error(err)
					}
				}
				checkRaw(t, r)
			})
		})
	}
}

// TestSlotSets: calls of each depth and messages of each parent have slots of their own. Of a limit of 3 no deeper calls
// are left, but for one of each depth.
func TestSlotSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallLimits)
		var parents []uint64
		for range 3 {
			st, err := r.OpenStream(t.Context(), &Open{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			parents = append(parents, st.ID())
		}
		start := func(ctx context.Context, o Open) error {
			return r.Start(ctx, &Exchange{Sink: make(waitSink, 1)}, &o, nil)
		}
		for depth := range uint8(MaxDepth + 1) {
			n := 1
			if depth == 0 {
				n = 3
			}
			for range n {
				if err := start(t.Context(), Open{Kind: frame.KindCall, Depth: depth}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, p := range append(parents, 0) {
			for range 3 {
				if err := start(t.Context(), Open{Kind: frame.KindMessage, Parent: p}); err != nil {
					t.Fatal(err)
				}
			}
		}
		// 12 messages, 4 x 3, are also what the link may have in all.
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		r.ok(fOpen(1, 0, frame.Open{}))
		go func() { errs <- start(ctx, Open{Kind: frame.KindMessage, Parent: 1}) }()
		go func() { errs <- start(ctx, Open{Kind: frame.KindCall, Depth: 4}) }()
		synctest.Wait()
		if len(errs) != 0 {
			t.Error("an open went beyond the limit")
		}
		cancel()
		for range 2 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if n := len(r.opens.slots.sets); n != 1+MaxDepth+1+4 {
			t.Errorf("%d sets of slots", n)
		}
	})
}

// TestPeerOverLimits: opens beyond what was announced are refused, each for itself.
func TestPeerOverLimits(t *testing.T) {
	for _, k := range []frame.Kind{frame.KindStream, frame.KindStreamingCall, frame.KindCall, frame.KindMessage, frame.KindNotify, frame.KindUnackedMessage} {
		t.Run(k.String(), func(t *testing.T) {
			r := newRaw(t, smallLimits)
			for id := uint64(1); id <= 9; id += 2 {
				r.ok(fOpen(id, 0, frame.Open{Kind: k, Size: 3, Body: []byte("abc")}))
			}
			r.want("RESET 7 ResourceExhausted", "RESET 9 ResourceExhausted")
			if n := len(r.acc.streams) + len(r.acc.incoming); n != 3 {
				t.Fatalf("%d were accepted", n)
			}
			// What still comes for a refused one is dropped, and released; its end frees it.
			r.ok(fData(7, flEarly, 5), fData(7, flEarly|flFin, 5), fReset(9, frame.Canceled))
			if r.tab.refused != 0 || r.Count() != 3 {
				t.Errorf("%d refused, %d in the table", r.tab.refused, r.Count())
			}
			g := k.Group()
			if held := r.peer.earlyIn[g] - r.peer.released[g].Load(); held != 9 {
				t.Errorf("%d early bytes are held, want those of the three that are open", held)
			}
			r.wantIdle()
			// One ends, so there is room for one more.
			r.ok(fReset(1, frame.Canceled))
			for _, x := range r.acc.cancelled {
				x.Reply(t.Context(), nil, nil)
			}
			if k == frame.KindStreamingCall {
				r.acc.streams[0].CloseWrite() // its handler has returned
			}
			r.want("DATA 1 FIN 0")
			r.ok(fOpen(11, flFin, frame.Open{Kind: k}), fOpen(13, flFin, frame.Open{Kind: k}))
			r.want("RESET 13 ResourceExhausted")
			if r.tab.refused != 0 {
				t.Error("a refused open that had ended is kept")
			}
		})
	}
}

// TestMessagesInAll: messages have a limit for each parent, and four times that for the link.
func TestMessagesInAll(t *testing.T) {
	r := newRaw(t, func(c *Config) { smallLimits(c); c.Local.Streams = 10 })
	id := uint64(1)
	open := func(o frame.Open) {
		r.ok(fOpen(id, flFin, o))
		id += 2
	}
	for range 5 {
		open(frame.Open{})
	}
	for i := range uint64(15) {
		open(frame.Open{Kind: frame.KindMessage, Parent: 1 + 2*(i/3)})
	}
	if n := len(r.acc.incoming); n != 12 || len(r.take()) != 3 {
		t.Fatalf("%d messages were accepted, want 12", n)
	}
	for _, x := range r.acc.incoming {
		x.Reply(t.Context(), nil, nil)
	}
	open(frame.Open{Kind: frame.KindMessage, Parent: 9})
	if len(r.acc.incoming) != 13 {
		t.Error("no message is accepted although all before were answered")
	}
}

// TestTooManyRefused: who goes on opening beyond the limits is not a correct peer.
func TestTooManyRefused(t *testing.T) {
	r := newRaw(t, smallLimits)
	id := uint64(1)
	open := frame.Open{Kind: frame.KindStreamingCall}
	for range 3 + maxRefused {
		r.ok(fOpen(id, 0, open))
		id += 2
	}
	if n := len(r.take()); n != maxRefused {
		t.Errorf("%d RESETs for %d refused", n, maxRefused)
	}
	r.bad("beyond the limits", fOpen(id, 0, open))
}

// TestRefusedWithinLimits: opens that a correct peer may have in flight, to a stream that has just ended or
// while this side drains, are refused without being held against it, however many come at once.
func TestRefusedWithinLimits(t *testing.T) {
	t.Run("ended parent", func(t *testing.T) {
		r := newRaw(t, nil)
		r.ok(fOpen(1, flFin, frame.Open{}))
		r.acc.streams[0].Close()
		r.want("DATA 1 FIN 0")
		for i := range uint64(1024) {
			r.ok(fOpen(3+2*i, flFin, frame.Open{Kind: frame.KindMessage, Parent: 1}))
		}
		for i := range uint64(1024) {
			r.ok(fOpen(3+2*(1024+i), 0, frame.Open{Kind: frame.KindCall, Parent: 1}))
		}
		for i, f := range r.take() {
			if f.String() != fmt.Sprintf("RESET %d NotFound", 3+2*i) {
				t.Fatalf("sent %v", f)
			}
		}
		for i := range uint64(1024) {
			r.ok(fReset(3+2*(1024+i), frame.Canceled))
		}
		checkRaw(t, r)
	})
	t.Run("drain", func(t *testing.T) {
		r := newRaw(t, nil)
		r.Drain(frame.Drain{Code: frame.Unavailable, Text: "later"})
		r.want("DRAIN 0")
		for i := range uint64(3 * 1024) {
			r.ok(fOpen(1+2*i, flFin, frame.Open{Kind: []frame.Kind{frame.KindStream, frame.KindCall, frame.KindMessage}[i/1024]}))
		}
		for _, f := range r.take() {
			if !strings.HasSuffix(f.String(), " Unavailable") {
				t.Fatalf("sent %v", f)
			}
		}
		checkRaw(t, r)
	})
}

// TestSettings: new maxima act on new opens, and let waiting ones go on.
func TestSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallLimits)
		errs := opens(t.Context(), r.Session, 6)
		set := func(n uint32) rawFrame {
			return mk(frame.TypeSettings, 0, 0, frame.AppendSettings(nil, &frame.Settings{Streams: n, Calls: n, Messages: n}))
		}
		for _, c := range []struct{ max, open int }{{3, 3}, {5, 5}, {0, 5}, {5, 5}, {6, 6}} {
			r.ok(set(uint32(c.max)))
			synctest.Wait()
			if len(errs) != c.open {
				t.Errorf("%d are open with a limit of %d, want %d", len(errs), c.max, c.open)
			}
		}
	})
}

// TestScopesTakeTurns: senders to four streams who always wait do not keep those to a fifth from the link's total of
// messages.
func TestScopesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := newRaw(t, func(c *Config) { c.Peer.Messages = 1 })
		last := uint64(1 + 2*linkMessages)
		send := func(parent uint64) error {
			return r.Start(ctx, &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindMessage, Parent: parent}, nil)
		}
		for parent := uint64(1); parent <= last; parent += 2 {
			r.ok(fOpen(parent, 0, frame.Open{}))
			if parent == last {
				break
			}
			go func() {
				for send(parent) == nil {
				}
			}()
			synctest.Wait()
		}
		done := false
		go func() { done = send(last) == nil }()
		for range 300 {
			synctest.Wait()
			if done {
				break
			}
			for _, f := range r.take() {
				r.ok(fHead(f.h.ID, flFin, frame.Head{}, 0))
			}
		}
		if !done {
			t.Error("a message waited while 300 others went out")
		}
		cancel()
		synctest.Wait()
		r.HandleClose(nil)
	})
}
