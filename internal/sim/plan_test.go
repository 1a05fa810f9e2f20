package sim

import (
	"math/rand/v2"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/memnet"
)

// plan is a schedule: all of it comes from the seed.
type plan struct {
	seed  uint64
	kind  string
	calm  bool // no fault, no stall: all times are known
	lossy bool // sessions may be lost

	latency time.Duration // one way
	wire    []memnet.Option
	client  gantline.Config
	server  gantline.Config

	faulty   int    // this many connections have a fault
	restarts []span // the server is killed and started again
	outages  []span // nobody gets through
	unheard  bool   // and the client does not learn when they begin
	migrates []time.Duration
	closer   int // who ends it all, and how

	work [2]workload // of the client; of each session of the server
}

// span is a time of the schedule.
type span struct{ from, to time.Duration }

// dice are random numbers with a few shapes.
type dice struct{ *rand.Rand }

func newDice(seed, purpose uint64) dice { return dice{rand.New(rand.NewPCG(seed, purpose))} }

// chance is true n times of 100.
func (d dice) chance(n int) bool { return d.IntN(100) < n }

// upTo is a time below most, more often a short one.
func (d dice) upTo(most time.Duration) time.Duration {
	return time.Duration(float64(most) * d.Float64() * d.Float64())
}

// size is a number of bytes: a few, a frame or several frames.
func (d dice) size() int {
	switch n := d.IntN(100); {
	case n < 45:
		return d.IntN(60)
	case n < 80:
		return d.IntN(3000)
	case n < 95:
		return d.IntN(20_000)
	default:
		return d.IntN(150_000)
	}
}

// The first faults hit what a fresh connection does, later ones the work.
func (d dice) offset() int64 {
	switch n := d.IntN(10); {
	case n < 3:
		return d.Int64N(700)
	case n < 8:
		return d.Int64N(10_000)
	default:
		return d.Int64N(100_000)
	}
}

func newPlan(seed uint64) *plan {
	d := newDice(seed, 0)
	p := &plan{seed: seed, closer: d.IntN(3)}
	switch n := d.IntN(100); {
	case n < 12:
		p.kind, p.calm = "calm", true
	case n < 62:
		p.kind, p.faulty = "cuts", 1+d.IntN(12)
	case n < 72:
		p.kind, p.faulty = "migrate", d.IntN(4)
		for range 1 + d.IntN(4) {
			p.migrates = append(p.migrates, d.upTo(300*time.Millisecond))
		}
		p.migrates = append(p.migrates, p.migrates[0]) // two that race
	case n < 88:
		p.kind, p.lossy, p.faulty = "restart", true, d.IntN(5)
		var at time.Duration
		for range 1 + d.IntN(3) {
			at += d.upTo(200 * time.Millisecond)
			down := d.upTo(2 * time.Second)
			p.restarts = append(p.restarts, span{at, at + down})
			at += down
		}
	default:
		p.kind, p.lossy, p.faulty = "outage", true, d.IntN(5)
		at := d.upTo(200 * time.Millisecond)
		p.outages = []span{{at, at + time.Minute + d.upTo(time.Minute)}}
		p.unheard = d.chance(60)
	}
	p.latency = [...]time.Duration{0, 0, time.Microsecond, time.Millisecond, 20 * time.Millisecond}[d.IntN(5)]
	p.wire = []memnet.Option{memnet.WithLatency(p.latency / 2)} // of each of a carrier's two pipes
	if d.chance(40) {
		p.wire = append(p.wire, memnet.WithMaxWrite(40+d.IntN(3000)), memnet.WithSeed(d.Uint64()))
	}
	if d.chance(20) {
		p.wire = append(p.wire, memnet.WithBuffer(512+d.IntN(20_000)))
	}
	p.client.Limits, p.server.Limits = d.limits(), d.limits()
	if d.chance(30) {
		p.client.ID = "edge"
	}
	if d.chance(30) {
		p.server.Heartbeat = time.Second
	}
	// With few places for messages, those without a subscription are nacked while nobody receives.
	roomy := p.client.Limits.Messages == 0 && p.server.Limits.Messages == 0
	p.work[0], p.work[1] = d.workload(roomy), d.workload(roomy)
	return p
}

// limits are the defaults, or ones that are often reached.
func (d dice) limits() (l gantline.Limits) {
	if d.chance(60) {
		return l
	}
	l.Frame = 16 << 10
	l.Log = 16<<10 + d.IntN(100_000)
	l.Window = 1 + d.IntN(20_000)
	l.Calls, l.Messages = 2+d.IntN(6), 1+d.IntN(6)
	l.Streams, l.AcceptBacklog = 2+d.IntN(4), 1+d.IntN(3)
	return l
}

// What an operation does besides the plain thing.
const (
	plain    = iota
	giveUp   // the context is cancelled
	timeout  // or ends by itself
	again    // a call that may be made again
	pauses   // a stream's reader is slow
	limited  // a stream's reads and writes have deadlines
	abandons // a stream is reset by its opener
	modes
)

type workload struct {
	first    int // bytes on the End's own stream
	streams  []streamPlan
	chats    []chatPlan
	calls    []callPlan
	messages []notePlan
	notifies []notePlan
}

type streamPlan struct {
	at    time.Duration
	size  int
	piece int // of a write
	mode  int
	after time.Duration
}

// chatPlan is a streaming call whose messages are sent back.
type chatPlan struct {
	at    time.Duration
	sizes []int
	pause time.Duration
}

type callPlan struct {
	at          time.Duration
	size, reply int
	delay       time.Duration // in the handler
	back        int           // bytes the handler calls back with; negative = it does not
	mode        int
	after       time.Duration
}

type notePlan struct {
	pause   time.Duration // before it
	size    int
	noAck   bool
	receive bool // for Receive, not for a subscription
}

func (d dice) workload(receive bool) (w workload) {
	const span = 250 * time.Millisecond
	if d.chance(40) {
		w.first = 1 + d.size()
	}
	for range max(0, d.IntN(5)-2) {
		c := chatPlan{at: d.upTo(span), pause: d.upTo(10 * time.Millisecond)}
		for range d.IntN(8) {
			c.sizes = append(c.sizes, d.size())
		}
		w.chats = append(w.chats, c)
	}
	for range d.IntN(4) {
		s := streamPlan{at: d.upTo(span), size: 1 + d.size(), piece: 1 + d.size(), after: d.upTo(40 * time.Millisecond)}
		if d.chance(40) {
			s.mode = pauses + d.IntN(modes-pauses)
		}
		w.streams = append(w.streams, s)
	}
	for range d.IntN(9) {
		c := callPlan{at: d.upTo(span), size: d.size(), reply: d.size(), back: -1, after: d.upTo(60 * time.Millisecond)}
		if d.chance(50) {
			c.delay = d.upTo(50 * time.Millisecond)
		}
		if d.chance(25) {
			c.back = d.size()
		}
		if d.chance(45) {
			c.mode = giveUp + d.IntN(again-giveUp+1)
		}
		w.calls = append(w.calls, c)
	}
	for range d.IntN(16) {
		w.messages = append(w.messages, notePlan{pause: d.upTo(20 * time.Millisecond), size: d.size() / 2, noAck: d.chance(10), receive: receive && d.chance(30)})
	}
	for range d.IntN(10) {
		w.notifies = append(w.notifies, notePlan{pause: d.upTo(20 * time.Millisecond), size: d.size() / 4})
	}
	return w
}
