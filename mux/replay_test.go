package mux

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// TestReplay: an OPEN that is carried again says what remains of its timeout, and nothing of a call that was
// given up runs.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		start := func(o Open) *Exchange {
			x := &Exchange{Sink: make(waitSink, 1)}
			if err := r.Start(t.Context(), x, &o, []byte("body")); err != nil {
				t.Fatal(err)
			}
			return x
		}
		start(Open{Kind: frame.KindCall, Timeout: 5 * time.Second})
		start(Open{Kind: frame.KindCall})
		start(Open{Kind: frame.KindCall, Timeout: time.Second})
		start(Open{Kind: frame.KindCall, Timeout: 9 * time.Second}).Cancel(frame.Canceled, "")
		start(Open{Kind: frame.KindMessage, Timeout: 9 * time.Second}).Cancel(frame.Canceled, "")
		if _, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStreamingCall, Timeout: 4 * time.Second}, nil); err != nil {
			t.Fatal(err)
		}
		r.ok(fData(4, flFin, 0)) // the second was answered: its OPEN has long been received
		sent := r.take()
		<-time.After(3 * time.Second)
		want := map[uint64]struct {
			kind    frame.Kind
			timeout uint32
		}{
			2: {frame.KindCall, 2000}, 4: {frame.KindCall, 0}, 6: {frame.KindCall, 1}, 8: {frame.KindVoid, 9000}, 10: {frame.KindMessage, 9000}, 12: {frame.KindStreamingCall, 1000},
		}
		for _, f := range sent {
			before := len(f.p)
			r.l.Lock()
			r.HandleReplay(f.h, f.p)
			r.l.Unlock()
			if f.h.Type != frame.TypeOpen {
				continue
			}
			o, err := frame.ParseOpen(f.p)
			if w := want[f.h.ID]; err != nil || len(f.p) != before || o.Kind != w.kind || o.Timeout != w.timeout {
				t.Errorf("%d: %v, %d ms, %v; want %v, %d ms", f.h.ID, o.Kind, o.Timeout, err, w.kind, w.timeout)
			}
			delete(want, f.h.ID)
		}
		if len(want) != 0 {
			t.Errorf("no OPEN of %v", want)
		}
		r.HandleReplay(frame.Header{Type: frame.TypeOpen, ID: 1}, nil) // not one of ours
	})
}

// TestVoid: a call that was given up is counted, released and answered, and nobody learns of it.
func TestVoid(t *testing.T) {
	r := newRaw(t, smallLimits)
	void := frame.Open{Kind: frame.KindVoid, Size: 10, Body: make([]byte, 5)}
	for id := uint64(1); id < 20; id += 6 {
		r.ok(fOpen(id, 0, void), fData(id, flEarly|flFin, 5), fOpen(id+2, 0, void), fData(id+2, flEarly, 5), fReset(id+2, frame.Canceled))
		r.want(
			rawFrame{frame.Header{Type: frame.TypeReset, ID: id}, frame.AppendReset(nil, &frame.Reset{Code: frame.Canceled})}.String(),
			rawFrame{frame.Header{Type: frame.TypeReset, ID: id + 2}, frame.AppendReset(nil, &frame.Reset{Code: frame.Canceled})}.String())
		if r.peer.earlyIn[frame.GroupCalls] != r.peer.released[frame.GroupCalls].Load() || r.peer.earlyIn[frame.GroupStreams] != 0 {
			t.Error("its bytes are in the wrong group, or not released")
		}
	}
	if len(r.acc.incoming)+len(r.acc.streams)+len(r.acc.cancelled) != 0 || r.tab.refused != 0 {
		t.Error("the acceptor heard of it, or it counts as beyond the limits")
	}
	checkRaw(t, r)
}

// TestTimeout travels in milliseconds, rounded up.
func TestTimeout(t *testing.T) {
	for _, c := range []struct {
		d  time.Duration
		ms uint32
	}{{0, 0}, {-1, 0}, {1, 1}, {time.Millisecond, 1}, {time.Millisecond + 1, 2}, {time.Hour, 3600_000}, {100 * 24 * time.Hour, 1<<32 - 1}, {1<<63 - 1, 1<<32 - 1}} {
		r := newRaw(t, nil)
		if err := r.Start(context.Background(), &Exchange{}, &Open{Kind: frame.KindCall, Timeout: c.d}, nil); err != nil {
			t.Fatal(err)
		}
		if o, err := frame.ParseOpen(r.take()[0].p); err != nil || o.Timeout != c.ms {
			t.Errorf("%v: %d ms, want %d; %v", c.d, o.Timeout, c.ms, err)
		}
	}
}
