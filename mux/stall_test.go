package mux

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// each calls f every 5 s of d, which is when something may go on.
func each(d time.Duration, f func(at time.Duration)) {
	for at := time.Duration(0); at < d; at += 5 * time.Second {
		<-time.After(5 * time.Second)
		if f != nil {
			f(at + 5*time.Second)
		}
	}
	synctest.Wait()
}

// TestStalledBodies: a body of the peer's of which nothing has come for 30 s, though it could, is dropped, and its opener
// learns why. What it held is free, and what still comes of it is dropped.
func TestStalledBodies(t *testing.T) {
	open := func(k frame.Kind, size uint32, first int) rawFrame {
		return fOpen(1, 0, frame.Open{Kind: k, Size: size, Body: make([]byte, first)})
	}
	for _, c := range []struct {
		name   string
		frames []rawFrame
	}{
		{"nothing came", []rawFrame{open(frame.KindCall, 1<<20, 0)}},
		{"a part came", []rawFrame{open(frame.KindCall, 1<<20, 100), fData(1, 0, 100)}},
		{"all but the end came", []rawFrame{open(frame.KindCall, 100, 100)}},
		{"all but the end came later", []rawFrame{open(frame.KindCall, 100, 0), fData(1, 0, 100)}},
		{"no size", []rawFrame{open(frame.KindCall, 0, 100)}},
		{"a notify", []rawFrame{open(frame.KindNotify, 1<<20, 1)}},
		{"a message", []rawFrame{open(frame.KindMessage, 1<<20, 1)}},
		{"a message without an ack", []rawFrame{open(frame.KindUnackedMessage, 1<<20, 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, nil)
				r.ok(c.frames...)
				x := r.acc.incoming[0]
				x.Want()
				r.take()
				each(30*time.Second, nil)
				r.wantIdle()
				each(10*time.Second, nil)
				r.want("RESET 1 DeadlineExceeded")
				if len(r.acc.cancelled) != 1 || len(r.acc.ready) != 0 {
					t.Fatalf("%d were cancelled, %d are ready", len(r.acc.cancelled), len(r.acc.ready))
				}
				if errs := idleBudget(r.Session); len(errs) > 0 {
					t.Error(errs)
				}
				if err := x.Reply(t.Context(), nil, nil); err != ErrReplied {
					t.Errorf("Reply: %v", err)
				}
				if c.frames[0].String() != "OPEN 1 Call body 100 of 100" && x.asm.size != 100 {
					r.ok(fData(1, flFin|flEarly, 1))
				} else {
					r.ok(fReset(1, frame.Canceled))
				}
				if len(r.acc.cancelled) != 1 || len(r.acc.ready) != 0 {
					t.Errorf("%d were cancelled, %d are ready", len(r.acc.cancelled), len(r.acc.ready))
				}
				checkRaw(t, r)
				each(time.Minute, nil)
				r.wantIdle()
			})
		})
	}
}

// TestStalledAnswer: the same of an answer; the caller has DeadlineExceeded.
func TestStalledAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		x := &Exchange{Sink: make(waitSink, 1)}
		if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall, Name: "m"}, nil); err != nil {
			t.Fatal(err)
		}
		r.ok(fHead(2, flEarly, frame.Head{Size: 1 << 20}, 100))
		r.take()
		each(40*time.Second, nil)
		r.want("RESET 2 DeadlineExceeded")
		<-x.Sink.(waitSink)
		var why *StreamError
		if !errors.As(x.Err, &why) || why.Code != frame.DeadlineExceeded || why.Remote {
			t.Errorf("the caller has %v", x.Err)
		}
		r.ok(fData(2, flFin, 100))
		checkRaw(t, r)
	})
}

// with changes the link, whose timer looks at it.
func (r *raw) with(change func()) {
	r.l.Lock()
	defer r.l.Unlock()
	change()
}

// TestBodiesThatMayTakeTime: a body is not dropped while it goes on, however slowly, nor when it is not its sender who
// lets it wait.
func TestBodiesThatMayTakeTime(t *testing.T) {
	call := fOpen(1, 0, frame.Open{Kind: frame.KindCall, Size: 1 << 20, Body: make([]byte, 100)})
	for _, c := range []struct {
		name   string
		change func(c *Config)
		begin  func(r *raw)
		every5 func(r *raw, at time.Duration)
	}{
		{"a byte now and then", nil, func(r *raw) { r.ok(call) }, func(r *raw, at time.Duration) {
			if at%(25*time.Second) == 0 {
				r.ok(fData(1, 0, 1))
			}
		}},
		{"no carrier", nil, func(r *raw) { r.ok(call) }, func(r *raw, at time.Duration) { r.with(func() { r.l.away = true }) }},
		{"cuts now and then", nil, func(r *raw) { r.ok(call) }, func(r *raw, at time.Duration) {
			if at%(25*time.Second) == 0 {
				r.with(func() { r.l.carrier++ })
			}
		}},
		{"user code on the reader", nil, func(r *raw) { r.ok(call) }, func(r *raw, at time.Duration) { r.with(func() { r.l.busy = true }) }},
		{"a slow link is full of others", nil, func(r *raw) { r.ok(call) }, func(r *raw, at time.Duration) {
			id := 1 + 2*uint64(at/time.Second)
			r.ok(fOpen(id, 0, frame.Open{}), fData(id, flEarly, 20<<10), fReset(id, frame.Canceled))
			r.acc.streams[len(r.acc.streams)-1].Reset(frame.Canceled, "")
		}},
		{"a message that nobody wants", nil, func(r *raw) {
			r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: 1 << 20, Body: make([]byte, 100)}))
		}, nil},
		{"no room for it here", smallBudget, func(r *raw) {
			for id := uint64(3); id < 9; id += 2 { // complete, and nobody takes them
				r.ok(fOpen(id-2, 0, frame.Open{Kind: frame.KindCall, Size: 1 << 20, Body: make([]byte, 60<<10)}))
				for left := 1<<20 - 60<<10; left > 0; left -= 4 << 10 {
					var end frame.Flags
					if left == 4<<10 {
						end = flFin
					}
					r.ok(fData(id-2, end, 4<<10))
				}
			}
			r.ok(fOpen(7, 0, frame.Open{Kind: frame.KindCall, Size: 1 << 20, Body: make([]byte, 100)}))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, c.change)
				c.begin(r)
				r.take()
				each(5*time.Minute, func(at time.Duration) {
					if c.every5 != nil {
						c.every5(r, at)
					}
				})
				for _, f := range r.take() {
					if f.h.Type == frame.TypeReset && f.h.ID == 1 {
						t.Errorf("%v", f)
					}
				}
				if len(r.acc.cancelled) != 0 {
					t.Errorf("%d were cancelled", len(r.acc.cancelled))
				}
				r.HandleClose(nil)
			})
		})
	}
}
