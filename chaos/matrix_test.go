package chaos

import (
	"io"
	"math/bits"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scene is a connection at the moment when its fault has just happened. It has the numbers of bytes that were
// forwarded each way, and of those sent after them.
type scene struct {
	*bench
	pair
	up, down         int // forwarded, all of them still to be received
	moreUp, moreDown int // sent after them
}

// trigger brings a connection to the moment. side is where its sent bytes wait.
type trigger struct {
	text string
	side Side
	// drive returns false if the machine was too slow for the time of the rule.
	drive func(t *testing.T, sc *scene, k Kind) bool
}

// byBytes sends upAll and then downAll bytes, of which up and down pass.
func byBytes(up, upAll, down, downAll int) func(*testing.T, *scene, Kind) bool {
	return func(t *testing.T, sc *scene, k Kind) bool {
		put(t, sc.c, 0, upAll)
		if downAll > 0 { // in this order, so that a sum is the same each time
			eventually(t, "the other direction is through", func() bool { return sc.Counters().BytesUp == int64(up) })
			put(t, sc.s, 0, downAll)
		}
		*sc = scene{sc.bench, sc.pair, up, down, upAll - up, downAll - down}
		return true
	}
}

// byRandom sends 1500 bytes; the rule has chosen after which of them it happens.
func byRandom(t *testing.T, sc *scene, k Kind) bool {
	put(t, sc.c, 0, 1500)
	if k == Flap {
		return true // its event is not at the offset, but when it goes down
	}
	sc.fired(t, k, 1)
	sc.up = int(sc.Events()[0].Up)
	if sc.moreUp = 1500 - sc.up; sc.up < 900 || sc.up > 1100 {
		t.Errorf("it happened at %d", sc.up)
	}
	return true
}

// byTime waits for the time; 100 bytes pass each way before it.
func byTime(t *testing.T, sc *scene, k Kind) bool {
	put(t, sc.c, 0, 100)
	put(t, sc.s, 0, 100)
	sc.up, sc.down = 100, 100
	both := func() bool { c := sc.Counters(); return c.BytesUp == 100 && c.BytesDown == 100 }
	eventually(t, "both ways work, or it is too late", func() bool { return sc.Counters().Faults[k] > 0 || both() })
	if sc.Counters().Faults[k] > 0 {
		return false
	}
	sc.fired(t, k, 1)
	return true
}

var triggers = []trigger{
	{"@up:1000", Up, byBytes(1000, 1500, 0, 0)},
	{"@down:1000", Down, byBytes(0, 0, 1000, 1500)},
	{"@both:1000", Down, byBytes(600, 600, 400, 900)},
	{"@total.up:1000", Up, byBytes(1000, 1500, 0, 0)},
	{"@total.down:70000", Down, byBytes(0, 0, 70000, 70500)},
	{"@total.both:1000", Down, byBytes(600, 600, 400, 900)},
	{"@up:900-1100", Up, byRandom},
	{"@up.every:1000", Up, byBytes(1000, 1500, 0, 0)},
	{"@age:150ms", 0, byTime},
	{"@t:200ms-250ms", 0, byTime},
	{"@every:500ms", 0, byTime},
}

// outcomes says for each fault what the two ends notice of it.
var outcomes = []struct {
	fault string
	check func(t *testing.T, sc *scene, side Side)
}{
	{"rst", func(t *testing.T, sc *scene, _ Side) { wantEnds(t, sc, syscall.ECONNRESET) }},
	{"fin", func(t *testing.T, sc *scene, _ Side) { wantEnds(t, sc, io.EOF) }},
	{"half", func(t *testing.T, sc *scene, side Side) {
		from, to := sc.ends(side)
		forwarded, _, back := sc.counts(side)
		wantEnd(t, to, 0, forwarded, io.EOF)
		put(t, to, back, 10)
		want(t, from, 0, back+10)
	}},
	{"flip", func(t *testing.T, sc *scene, side Side) {
		from, to := sc.ends(side)
		forwarded, more, _ := sc.counts(side)
		if more == 0 {
			put(t, from, forwarded, 10)
			more = 10
		}
		got := make([]byte, forwarded+more)
		if _, err := io.ReadFull(to, got); err != nil {
			t.Fatal(err)
		}
		flips := int(sc.Counters().Faults[Flip]) // on a busy machine a rule with a period has had more than one
		all, first := 0, 0
		for i, want := range pattern(0, len(got)) {
			n := bits.OnesCount8(got[i] ^ want)
			if all += n; i == forwarded {
				first = n
			}
		}
		if all > flips || flips == 1 && (all != 1 || first != 1) {
			t.Errorf("%d bits differ, %d of them in byte %d; %d were to be flipped", all, first, forwarded, flips)
		}
	}},
	{"stall", func(t *testing.T, sc *scene, side Side) {
		from, to := sc.ends(side)
		forwarded, more, back := sc.counts(side)
		want(t, to, 0, forwarded)
		put(t, from, forwarded+more, 10)
		want(t, from, 0, back)
		wantQuiet(t, sc.c, sc.s)
		eventually(t, "what was held back passes", func() bool {
			sc.Heal(Stall) // a rule with a period begins another one
			c := sc.Conns()[0]
			return c.Up+c.Down == int64(forwarded+more+10+back)
		})
		want(t, to, forwarded, more+10)
	}},
	{"blackhole", func(t *testing.T, sc *scene, side Side) {
		from, to := sc.ends(side)
		forwarded, more, back := sc.counts(side)
		want(t, to, 0, forwarded)
		want(t, from, 0, back)
		put(t, from, 0, 10)
		eventually(t, "all is swallowed", func() bool {
			c := sc.Counters()
			return c.DroppedUp+c.DroppedDown == int64(more+10)
		})
		wantQuiet(t, sc.c, sc.s)
		sc.Heal()
		put(t, to, 0, 10)
		wantQuiet(t, sc.c, sc.s)
		from.Close()
		eventually(t, "the end gets through", func() bool {
			sc.Heal() // a rule with a period begins another one
			return len(sc.Conns()) == 0
		})
		wantEnd(t, to, 0, 0, syscall.ECONNRESET)
	}},
	{"drip:1/3ms", func(t *testing.T, sc *scene, side Side) { wantSlow(t, sc, side, 6, 12*time.Millisecond) }},
	{"cap:1K/s", func(t *testing.T, sc *scene, side Side) { wantSlow(t, sc, side, 50, 25*time.Millisecond) }},
	{"latency:40ms+-5ms", func(t *testing.T, sc *scene, side Side) { wantSlow(t, sc, side, 1, 30*time.Millisecond) }},
	{"outage", func(t *testing.T, sc *scene, _ Side) {
		wantEnds(t, sc, syscall.ECONNRESET)
		if nc, err := net.Dial("tcp", sc.Addr()); err == nil {
			nc.Close()
			t.Error("a dial worked")
		} else if !strings.Contains(err.Error(), "refused") {
			t.Errorf("a dial failed with %v, want refused", err)
		}
		sc.Heal()
		eventually(t, "a dial works again", sc.dials)
	}},
	{"flap:20ms/20ms", func(t *testing.T, sc *scene, _ Side) {
		for _, nc := range []net.Conn{sc.c, sc.s} {
			if _, err := io.Copy(io.Discard, nc); !isReset(err) {
				t.Errorf("Read failed with %v, want ECONNRESET", err)
			}
		}
		sc.fired(t, Flap, 2)
		sc.Heal()
		eventually(t, "a dial works again", sc.dials)
	}},
}

// counts returns the bytes forwarded and the further bytes sent on a side, and the bytes forwarded back.
func (sc *scene) counts(side Side) (forwarded, more, back int) {
	if side == Up {
		return sc.up, sc.moreUp, sc.down
	}
	return sc.down, sc.moreDown, sc.up
}

func (sc *scene) dials() bool {
	nc, err := net.Dial("tcp", sc.Addr())
	if err != nil {
		return false
	}
	nc.Close()
	return true
}

func wantEnds(t *testing.T, sc *scene, end error) {
	t.Helper()
	wantEnd(t, sc.s, 0, sc.up, end)
	wantEnd(t, sc.c, 0, sc.down, end)
}

// wantSlow expects the next n bytes of a side to take at least this long.
func wantSlow(t *testing.T, sc *scene, side Side, n int, least time.Duration) {
	t.Helper()
	from, to := sc.ends(side)
	forwarded, more, _ := sc.counts(side)
	want(t, to, 0, forwarded)
	start := sc.Group.start.Add(sc.Events()[0].At)
	if more == 0 {
		start = time.Now()
		put(t, from, forwarded, n)
	}
	want(t, to, forwarded, n)
	if took := time.Since(start); took < least {
		t.Errorf("%d bytes took %v, want at least %v", n, took, least)
	}
}

// TestMatrix makes every fault happen by every trigger, over real sockets. A byte offset is exact for every one
// of them.
func TestMatrix(t *testing.T) {
	for _, o := range outcomes {
		for _, tr := range triggers {
			r := MustParse(o.fault + tr.text)[0]
			side := tr.side
			if side == 0 {
				side = Up
			}
			if r.Fault.Kind.info().own && r.side() == Both {
				r.Fault.Side = side
			}
			t.Run(r.String(), func(t *testing.T) {
				t.Parallel()
				sc := newScene(t, r, tr)
				sc.fired(t, r.Fault.Kind, 1)
				o.check(t, sc, side)
			})
		}
	}
}

// newScene tries again with twice the time when the machine was too slow.
func newScene(t *testing.T, r Rule, tr trigger) *scene {
	t.Helper()
	for range 5 {
		b := newBench(t, &Config{Rules: []Rule{r}, Seed: 3})
		if p, ok := b.pairBefore(t, r.Fault.Kind); ok {
			sc := &scene{bench: b, pair: p}
			if tr.drive(t, sc, r.Fault.Kind) {
				return sc
			}
		}
		r.Trigger.At.Min *= 2
		r.Trigger.At.Max *= 2
	}
	t.Fatal("the machine is too slow")
	return nil
}

// pairBefore returns a connection if it is there before a fault happens.
func (b *bench) pairBefore(t *testing.T, k Kind) (pair, bool) {
	t.Helper()
	c, err := b.tryDial()
	if err != nil {
		return pair{}, false
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	eventually(t, "the connection is there, or it is too late", func() bool {
		return len(b.accepted) > 0 || b.Counters().Faults[k] > 0
	})
	if len(b.accepted) == 0 {
		return pair{}, false
	}
	return pair{c, b.accept(t)}, true
}
