package mux

import (
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestHeld: what a session holds for its peer is counted, and nothing is when all has ended.
func TestHeld(t *testing.T) {
	md := labelled(4000)
	for _, c := range []struct {
		name        string
		frames      []rawFrame
		least, most int
	}{
		{"nothing", nil, 0, 0},
		{"a call with metadata", []rawFrame{fOpen(1, flFin, frame.Open{Kind: frame.KindCall, Metadata: md})}, 8000, 10000},
		{"a large body that is announced", []rawFrame{fOpen(1, 0, frame.Open{Kind: frame.KindCall, Size: 4 << 20})}, 1, 2000},
		{"some of a large body", []rawFrame{fOpen(1, 0, frame.Open{Kind: frame.KindCall, Size: 4 << 20}), fData(1, 0, 40<<10), fData(1, 0, 40<<10)}, 80 << 10, 5 << 20},
		{"a message that nobody takes", []rawFrame{fOpen(1, flFin, frame.Open{Kind: frame.KindMessage, Body: make([]byte, 50<<10)})}, 50 << 10, 53 << 10},
		{"a part of one", []rawFrame{fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Body: make([]byte, 50<<10)})}, 50 << 10, 70 << 10},
		{"a stream that nobody reads", []rawFrame{fOpen(1, 0, frame.Open{Metadata: md, Body: make([]byte, 20<<10)}), fData(1, flEarly, 20<<10)}, 48 << 10, 52 << 10},
		{"refused ones that have not ended", []rawFrame{fOpen(1, flFin, frame.Open{}), fOpen(3, 0, frame.Open{Parent: 1, Metadata: md})}, 1, 2200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(t, nil)
			none := r.Held()
			r.ok(c.frames...)
			if n := r.Held() - none; n < c.least || n > c.most {
				t.Errorf("%d bytes are held, want %d to %d", n, c.least, c.most)
			}
			for _, x := range r.acc.incoming {
				x.Reply(t.Context(), nil, nil)
			}
			for _, st := range r.acc.streams {
				st.Reset(frame.Canceled, "")
			}
			r.take()
			for _, id := range []uint64{1, 3} {
				if e := r.lookup(id); e != nil && !e.base().recvEnd {
					r.ok(fReset(id, frame.Canceled))
				}
			}
			if n := r.Held() - none; n != 0 {
				t.Errorf("%d bytes are held of what has ended", n)
			}
			checkRaw(t, r)
		})
	}
}

// TestHeldAfterwards: bodies that the application has not taken are counted until it does, also when the session is gone.
func TestHeldAfterwards(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: 100, Body: make([]byte, 50)}), fData(1, flEarly|flFin, 50))
	r.HandleClose(nil)
	if n := r.Held(); n < 100 || n > 200 {
		t.Errorf("%d bytes are held", n)
	}
	r.acc.incoming[0].Dispatched()
	if n := r.Held(); n != 0 {
		t.Errorf("%d bytes are held of what was taken", n)
	}
}
