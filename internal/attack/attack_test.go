package attack

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// What must hold in every attack.
const (
	memoryLimit  = 512 << 20 // of the server's process, bytes
	lineLimit    = 400       // lines of its log in one attack of a second,
	linesMore    = 10        // and for each second more: 1 of each kind that an attack can cause
	perByte      = 64        // bytes that it may allocate for one that was sent
	perConn      = 256 << 10 // and for each connection
	heapSlack    = 2 << 20
	settleWithin = 12 * time.Second // of the end of all sessions; messages that nobody has received wait for 10 s
	goroutines   = 12               // more or less, of the honest client's comings and goings
)

// attack is one row of the catalogue.
type attack struct {
	name string
	// conns is how many run at a time, each again and again until the time is over.
	conns int
	run   func(a *attacker, i int)
	// honestly is set when what is allocated is the application's, whose handlers answer within the limits.
	honestly bool
	// ends is set when the server must close what attacks it.
	ends bool
}

// catalogue returns all attacks.
func catalogue() (all []attack) {
	for _, rows := range [][]attack{floods, lengths, streams, bodies, strangers, resumes, handlers} {
		all = append(all, rows...)
	}
	return all
}

// TestAttacks runs the catalogue against one server, one attack after the other.
func TestAttacks(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, and takes a minute")
	}
	arena := open(t)
	t.Logf("%-28s %9s %6s %6s %10s %9s %6s %9s %11s %9s", "attack", "sent", "conns", "ended", "allocated", "memory", "lines", "heap left", "calls", "p99")
	quiet := arena.quiet()
	t.Logf("%-28s %9s %6s %6s %10s %8dM %6d %9s %11d %9v", "none", "", "", "", "", quiet.most>>20, quiet.lines, "", quiet.fare.Calls, quiet.fare.P99)
	for _, at := range catalogue() {
		t.Run(at.name, func(t *testing.T) { arena.in(t).suffer(quiet, attackTime, at) })
	}
}

// arena is where attacks take place.
type arena struct {
	t              testing.TB
	server, honest *process
	addr           string
}

func open(t testing.TB) *arena {
	server := start(t, "server", "GOMEMLIMIT=256MiB")
	var v vitals
	server.ask("begin", &v)
	a := &arena{t: t, server: server, addr: v.Addr, honest: start(t, "honest", addrEnv+"="+v.Addr)}
	var f fare
	a.honest.ask("begin", &f)
	pause(100 * time.Millisecond) // until the processes are warm
	return a
}

func (a *arena) in(t testing.TB) *arena {
	b := *a
	b.t, b.server.t, b.honest.t = t, t, t
	return &b
}

// report is what one attack has led to.
type report struct {
	fare      fare
	allocated uint64 // bytes
	most      int    // memory, bytes
	lines     int64
	took      time.Duration
	before    vitals
}

// during measures what happens meanwhile.
func (a *arena) during(do func()) report {
	a.t.Helper()
	var before, after vitals
	var f fare
	a.server.ask("rest", &before)
	a.server.ask("begin", &before)
	before.Heap = a.heap()
	a.honest.ask("begin", &f)
	start := time.Now()
	do()
	took := time.Since(start)
	a.honest.ask("end", &f)
	a.server.ask("end", &after)
	return report{fare: f, allocated: after.Allocated - before.Allocated, most: after.Most, lines: after.Lines - before.Lines, took: took, before: before}
}

func (a *arena) heap() uint64 {
	var v vitals
	a.server.ask("rest", &v)
	return v.Heap
}

// pause lets the other processes go on.
func pause(d time.Duration) { <-time.After(d) }

func (a *arena) quiet() report {
	return a.during(func() { pause(attackTime) })
}

// suffer runs one attack, and checks what must hold.
func (a *arena) suffer(quiet report, long time.Duration, attacks ...attack) {
	t := a.t
	t.Helper()
	by, r := a.attacked(long, attacks)
	for tries := 0; tries < 10 && (by.conns.Load() == 0 || r.fare.Calls == 0); tries++ { // a machine that stood still
		by, r = a.attacked(long, attacks)
	}
	honestly := slices.ContainsFunc(attacks, func(at attack) bool { return at.honestly })
	left, settled := a.settles(r.before)
	sent, conns := by.sent.Load(), by.conns.Load()
	name := attacks[0].name
	if len(attacks) > 1 {
		name = "all at once"
	}
	t.Logf("%-28s %8.1fM %6d %6d %9.1fM %8dM %6d %8.1fM %11d %9v", name, float64(sent)/(1<<20), conns, by.ended.Load(), float64(r.allocated)/(1<<20),
		r.most>>20, r.lines, float64(left)/(1<<20), r.fare.Calls, r.fare.P99)

	if err := by.failed.Load(); err != nil && conns == 0 {
		t.Logf("%s: connections failed: %v", name, *err)
	}
	for _, err := range r.fare.Errors {
		t.Errorf("the honest client: %s", err)
	}
	if r.fare.Resumes > 0 {
		t.Errorf("the honest client has lost its connection %d times", r.fare.Resumes)
	}
	if by.wrong.Load() {
		t.Error("an attack has ended the session of another client")
	}
	if r.fare.Calls == 0 {
		t.Error("the honest client made no call")
	}
	if r.most > memoryLimit {
		t.Errorf("the server's process had %d MiB", r.most>>20)
	}
	if r.lines > lineLimit+linesMore*int64(r.took.Seconds()) {
		t.Errorf("the server wrote %d lines into its log", r.lines)
	}
	own := uint64(float64(quiet.allocated)*1.5*r.took.Seconds()/quiet.took.Seconds()) + heapSlack // the honest client's
	if most := perByte*uint64(sent) + perConn*uint64(conns) + own; !honestly && r.allocated > most {
		t.Errorf("%d bytes on %d connections made the server allocate %d, more than %d", sent, conns, r.allocated, most)
	}
	if len(attacks) == 1 && attacks[0].ends && by.ended.Load() == 0 {
		t.Error("the server has closed none of the connections that attack it")
	}
	if settled != "" {
		t.Errorf("%v after the last session is over: %s", settleWithin, settled)
	}
}

// attacked runs attacks at once, for so long.
func (a *arena) attacked(long time.Duration, attacks []attack) (*attacker, report) {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	by := &attacker{ctx: ctx, addr: a.addr}
	return by, a.during(func() {
		var all sync.WaitGroup
		for _, at := range attacks {
			for i := range at.conns {
				all.Go(func() {
					for by.on() {
						at.run(by, i)
					}
				})
			}
		}
		all.Wait()
	})
}

// settles waits until the server is what it was, and says what it has instead if that does not come.
func (a *arena) settles(before vitals) (left int64, wrong string) {
	for end := time.Now().Add(expiry + settleWithin); ; pause(50 * time.Millisecond) {
		var v vitals
		a.server.ask("rest", &v)
		left = int64(v.Heap) - int64(before.Heap)
		switch {
		case v.Goroutines > before.Goroutines+goroutines:
			wrong = fmt.Sprintf("%d goroutines instead of %d", v.Goroutines, before.Goroutines)
		case left > heapSlack:
			wrong = fmt.Sprintf("%d bytes of heap more than the %d before", left, before.Heap)
		default:
			return left, ""
		}
		if time.Now().After(end) {
			return left, wrong
		}
	}
}
