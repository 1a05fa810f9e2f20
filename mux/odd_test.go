package mux

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// flood is a frame that a peer can send for ever, and the stream that it is for.
type flood struct {
	name string
	odd  bool // no correct peer sends it
	make func(r *raw)
	one  func(i int) rawFrame
}

// ended makes stream 1 one that has ended.
func ended(r *raw) {
	r.ok(fOpen(1, flFin, frame.Open{}))
	r.acc.streams[0].CloseWrite()
	r.take()
	if r.lookup(1) != nil {
		r.t.Fatal("the stream has not ended")
	}
}

// running makes call 1 one whose handler runs.
func running(r *raw) { r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindCall})) }

// givenUp makes call 2 one of ours that was given up.
func givenUp(r *raw) {
	x := &Exchange{Sink: &countSink{}}
	if err := r.Start(r.t.Context(), x, &Open{Kind: frame.KindCall}, nil); err != nil {
		r.t.Fatal(err)
	}
	x.Cancel(frame.Canceled, "")
	r.take()
}

type countSink struct{}

func (*countSink) Complete(*Exchange) {}

func same(f rawFrame) func(int) rawFrame { return func(int) rawFrame { return f } }

func floods() []flood {
	settings := mk(frame.TypeSettings, 0, 0, frame.AppendSettings(nil, &frame.Settings{Streams: 9, Calls: 9, Messages: 9}))
	drain := mk(frame.TypeDrain, 0, 0, frame.AppendDrain(nil, &frame.Drain{}))
	open := func(r *raw) { r.ok(fOpen(1, 0, frame.Open{})) }
	halfSent := func(r *raw) {
		open(r)
		r.acc.streams[0].CloseWrite()
		r.take()
	}
	return []flood{
		{"CREDIT, ended", false, ended, same(fCredit(1, 1))},
		{"STOP, ended", false, ended, same(fStop(1, frame.OK))},
		{"RESET, ended", false, ended, same(fReset(1, frame.Canceled))},
		{"DATA, ended", true, ended, same(fData(1, 0, 1))},
		{"empty FIN, ended", true, ended, same(fData(1, flFin, 0))},
		{"CREDIT, nobody waits", false, open, same(fCredit(1, 1))},
		{"CREDIT of nothing", false, open, same(fCredit(1, 0))},
		{"CREDIT, half-sent", false, halfSent, same(fCredit(1, 1))},
		{"CREDIT of the first stream", false, func(*raw) {}, same(fCredit(0, 1))},
		{"STOP again", false, open, same(fStop(1, frame.OK))},
		{"STOP again, call", false, running, same(fStop(1, frame.OK))},
		{"STOP, half-sent", false, halfSent, same(fStop(1, frame.OK))},
		{"RESET again, call", false, running, same(fReset(1, frame.Canceled))},
		{"DATA after RESET", true, func(r *raw) { running(r); r.ok(fReset(1, frame.Canceled)) }, same(fData(1, 0, 1))},
		{"BLOCKED", false, open, same(fData(1, flBlock, 0))},
		{"BLOCKED, given up", false, givenUp, same(fData(2, flBlock, 0))},
		{"DATA without credit, given up", true, givenUp, same(fData(2, 0, 1))},
		{"DATA beyond the early window, given up", true, func(r *raw) { givenUp(r); r.ok(fData(2, flEarly, 64<<10)) }, same(fData(2, flEarly, 1))},
		{"DATA without credit, refused", true, func(r *raw) { r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindVoid})); r.take() }, same(fData(1, 0, 1))},
		{"DATA without credit, answered", true, func(r *raw) {
			r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: 1 << 20}))
			r.acc.incoming[0].TryReply(nil, nil)
		}, same(fData(1, 0, 1))},
		{"SETTINGS", false, func(*raw) {}, same(settings)},
		{"DRAIN", true, func(r *raw) { r.ok(drain) }, same(drain)},
		{"OPEN beyond the limits", false, func(r *raw) {
			for i := range r.cfg.Local.Calls {
				r.ok(fOpen(uint64(2*i+1), 0, frame.Open{Kind: frame.KindCall}))
			}
		}, func(i int) rawFrame { return fOpen(uint64(1<<20+2*i+1), flFin, frame.Open{Kind: frame.KindCall}) }},
		{"OPEN and RESET beyond the limits", false, func(r *raw) {
			for i := range r.cfg.Local.Calls {
				r.ok(fOpen(uint64(2*i+1), 0, frame.Open{Kind: frame.KindCall}))
			}
		}, func(i int) rawFrame {
			if i%2 == 1 {
				return fReset(uint64(1<<20+2*(i-1)+1), frame.Canceled)
			}
			return fOpen(uint64(1<<20+2*i+1), 0, frame.Open{Kind: frame.KindCall})
		}},
	}
}

// TestFloods: whatever a peer can repeat at no cost closes the link, with a reason that names the limit.
func TestFloods(t *testing.T) {
	for _, f := range floods() {
		t.Run(f.name, func(t *testing.T) {
			r := newRaw(t, nil)
			f.make(r)
			limit := oddity.MaxCheap
			if f.odd {
				limit = oddity.MaxOdd
			}
			n, err := 0, error(nil)
			for ; err == nil && n < 10000; n++ {
				err = r.feed(f.one(n))
				r.take()
			}
			if !errors.Is(err, frame.ResourceExhausted) || !strings.Contains(err.Error(), fmt.Sprint(limit)) {
				t.Fatalf("after %d frames: %v", n, err)
			}
			// What the peer got from here is free, and so are some frames that have an effect.
			if free := int(r.l.end)/frame.HeaderLen + 2; n <= limit || n > 2*(limit+free) {
				t.Errorf("closed at the %dth frame", n)
			}
		})
	}
}

// TestFloodsAreForgotten: as many as may be sent in a window do no harm for hours.
func TestFloodsAreForgotten(t *testing.T) {
	for _, f := range floods() {
		if strings.HasPrefix(f.name, "OPEN") {
			continue // whose ids go on
		}
		r := newRaw(t, nil)
		f.make(r)
		each := oddity.MaxCheap
		if f.odd {
			each = oddity.MaxOdd
		}
		for range 5 {
			r.l.now += int64(oddity.Window)
			for i := range each {
				if err := r.feed(f.one(i)); err != nil {
					t.Fatalf("%s: %v", f.name, err)
				}
				r.take()
			}
		}
	}
}

// TestLateFrames: a peer may send one late frame for each that it got, however many these are.
func TestLateFrames(t *testing.T) {
	for name, late := range map[string]func(id uint64) rawFrame{
		"RESET":  func(id uint64) rawFrame { return fReset(id, frame.Canceled) },
		"STOP":   func(id uint64) rawFrame { return fStop(id, frame.OK) },
		"CREDIT": func(id uint64) rawFrame { return fCredit(id, 256<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, nil)
			r.acc.onAccept = func(x *Incoming) {
				if !x.TryReply(nil, nil) {
					t.Fatal("no answer")
				}
			}
			for i := range uint64(20000) {
				id := 2*i + 1
				r.ok(fOpen(id, flFin, frame.Open{Kind: frame.KindCall}), late(id))
				r.take()
			}
			if n := r.l.budget.Count(oddity.Cheap); n != 0 {
				t.Errorf("%d were charged", n)
			}
		})
	}
}

// TestHeavyPeers: what correct peers do most of costs nothing of the budget.
func TestHeavyPeers(t *testing.T) {
	for name, do := range map[string]func(r *raw){
		"all streams are reset at once, many times": func(r *raw) {
			for i := range uint64(20) {
				for k := range uint64(r.cfg.Local.Streams) {
					r.ok(fOpen(2*(i*1024+k)+1, 0, frame.Open{}))
				}
				for k := range uint64(r.cfg.Local.Streams) {
					r.ok(fReset(2*(i*1024+k)+1, frame.Canceled))
				}
				r.take()
			}
		},
		"calls are given up": func(r *raw) {
			for i := range uint64(20000) {
				r.ok(fOpen(2*i+1, 0, frame.Open{Kind: frame.KindCall}), fReset(2*i+1, frame.Canceled))
				r.acc.incoming[i].TryReply(nil, nil)
				r.take()
			}
		},
		"each of many calls is blocked once": func(r *raw) {
			for depth := range uint8(4) {
				for i := range []uint64{700, 100, 100, 50}[depth] {
					id := 2*(uint64(depth)*1000+i) + 1
					r.ok(fOpen(id, 0, frame.Open{Kind: frame.KindCall, Depth: depth, Size: 10}), fData(id, flBlock, 0))
				}
			}
		},
		"credit for what is sent": func(r *raw) {
			r.ok(fOpen(1, 0, frame.Open{}), fCredit(1, 256<<10))
			for range 20000 {
				if _, err := r.acc.streams[0].Write(make([]byte, 1000)); err != nil {
					r.t.Fatal(err)
				}
				r.take()
				r.ok(fCredit(1, 1000))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, nil)
			do(r)
			if odd, cheap := r.l.budget.Count(oddity.Odd), r.l.budget.Count(oddity.Cheap); odd+cheap != 0 {
				t.Errorf("%d and %d were charged", odd, cheap)
			}
		})
	}
}
