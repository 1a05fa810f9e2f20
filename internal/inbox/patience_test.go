package inbox

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestPatience: what nobody claims is given up after 10 s, unless somebody has received before.
func TestPatience(t *testing.T) {
	const s = time.Second
	type step struct {
		after time.Duration // since the last step
		do    func(r *testRoom)
		want  string // what was given up in that time
	}
	put := func(names string) func(*testRoom) { return func(r *testRoom) { r.fill(names) } }
	end := func(r *testRoom) { r.end(errEnded) }
	receive := func(r *testRoom) { r.receive() }
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"one", []step{{0, put("x1"), ""}, {10*s - 1, nil, ""}, {1, nil, "x1 10s"}}},
		{"one after the other", []step{{0, put("x1"), ""}, {s, put("x2 x3"), ""}, {s, put("x4"), ""}, {20 * s, nil, "x1 10s, x2 11s, x3 11s, x4 12s"}}},
		{"arriving", []step{{0, put("x1?"), ""}, {20 * s, nil, "x1 10s"}}},
		{"received", []step{{0, put("x1 x2"), ""}, {5 * s, receive, ""}, {20 * s, nil, ""}, {0, put("x3"), ""}, {time.Hour, nil, ""}}},
		{"received before", []step{{0, receive, ""}, {0, put("x1"), ""}, {time.Hour, nil, ""}}},
		{"claimed by a taker", []step{{0, put("a1 x2"), ""}, {5 * s, func(r *testRoom) { r.subscribe('a', nil) }, ""}, {20 * s, nil, "x2 10s"}}},
		{"given back", []step{
			{0, func(r *testRoom) { r.subscribe('a', nil); r.fill("a1?") }, ""},
			{5 * s, func(r *testRoom) { r.takers['a'].Halt() }, ""},
			{20 * s, nil, "a1 15s"},
		}},
		{"ended", []step{{0, receive, ""}, {0, put("x1"), ""}, {time.Minute, end, ""}, {20 * s, nil, "x1 1m10s ended"}}},
		{"ended while it waits", []step{{0, put("x1"), ""}, {5 * s, end, ""}, {20 * s, nil, "x1 15s ended"}}},
		{"over", []step{{0, func(r *testRoom) { r.over = true }, ""}, {0, put("x1"), ""}, {0, end, ""}, {20 * s, nil, ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, large)
				for _, st := range tt.steps {
					<-time.After(st.after)
					synctest.Wait()
					equal(t, "given up", r.takeGaveUp(), st.want)
					if st.do != nil {
						st.do(r)
					}
				}
			})
		})
	}
}

// TestOverflow: beside takers, unclaimed messages have half of the limits.
func TestOverflow(t *testing.T) {
	const none = -1
	for _, tt := range []struct {
		name   string
		limits Limits // a message has 10 bytes
		shared bool
		puts   int
		full   int // the first that is refused
		want   Overflow
	}{
		{"half of the messages", Limits{8, 1000}, true, 10, 4, Overflow{Messages: 4, Bytes: 40}},
		{"half of an odd number", Limits{9, 1000}, true, 10, 4, Overflow{Messages: 4, Bytes: 40}},
		{"one at least", Limits{1, 1000}, true, 10, 1, Overflow{Messages: 1, Bytes: 10}},
		{"half of the bytes", Limits{1000, 100}, true, 10, 5, Overflow{Messages: 5, Bytes: 50}},
		{"not quite half of the bytes", Limits{1000, 99}, true, 10, 4, Overflow{Messages: 4, Bytes: 40}},
		{"no takers", Limits{8, 100}, false, 20, none, Overflow{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(t, tt.limits)
				r.shared = tt.shared
				for i := range tt.puts {
					m, full := r.put(fmt.Sprint("x", i))
					if (full != nil) != (tt.full != none && i >= tt.full) {
						t.Fatalf("message %d: %+v", i, full)
					}
					if full == nil {
						continue
					}
					tt.want.Limits = tt.limits
					if *full != tt.want {
						t.Errorf("message %d: %+v, want %+v", i, *full, tt.want)
					}
					if r.in.Drop(&m.item, true) {
						t.Error("it was queued all the same")
					}
				}
				r.end(errEnded)
				r.receive()
				r.over = true
			})
		})
	}
}

// TestOverflowAndTakers: the limits are not those of takers.
func TestOverflowAndTakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, Limits{8, 1000})
		block := make(chan struct{})
		a := r.subscribe('a', func(*message) { <-block })
		r.fill(names("x", 4))
		r.fill(names("a", 100))
		if _, full := r.put("x4"); full == nil || full.Paused {
			t.Errorf("the fifth: %+v", full)
		}
		close(block)
		synctest.Wait()
		equal(t, "a", a.took(), names("a", 100))
	})
}

// TestOverflowPaused: a Receive that is called at least every 10 s may have all.
func TestOverflowPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, Limits{8, 1000})
		r.shared = true
		r.receive()
		n := 0
		put := func(count int, full bool) {
			t.Helper()
			for range count {
				if _, o := r.put(fmt.Sprint("x", n)); (o != nil) != full || full && !o.Paused {
					t.Errorf("message %d: %+v", n, o)
				}
				n++
			}
		}
		put(6, false)
		<-time.After(Patience - 1)
		put(1, false)
		<-time.After(1)
		put(1, true)
		if m, err := r.in.Receive(t.Context()); err != nil || m.name != "x0" {
			t.Errorf("got %v, %v", m, err)
		}
		put(1, false) // the clock begins again
		<-time.After(Patience)
		put(1, true)
		for range 3 {
			if _, err := r.in.Receive(t.Context()); err != nil {
				t.Error(err)
			}
		}
		put(2, false)
		r.receive()
		put(4, false) // below the half nothing is counted
		<-time.After(time.Hour)
		put(1, false)
		<-time.After(Patience)
		put(1, true)
	})
}

// TestOverflowAfterDrop: the clock of a Receive that pauses runs only while half is held.
func TestOverflowAfterDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, Limits{8, 1000})
		r.shared = true
		r.receive()
		ms := r.fill(names("x", 5)) // the fifth starts it
		<-time.After(Patience / 2)
		for _, m := range ms {
			r.in.Drop(&m.item, true)
		}
		r.fill("x5 x6 x7 x8")
		<-time.After(Patience / 2)
		r.fill("x9")
		<-time.After(Patience)
		if _, full := r.put("x10"); full == nil || *full != (Overflow{5, 50, Limits{8, 1000}, true}) {
			t.Errorf("at the end: %+v", full)
		}
	})
}
