package mux

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

var errLost = errors.New("lost")

// within returns a scripted session that grants with p; change may be nil.
func within(t testing.TB, p *process, change func(*Config)) *raw {
	return newRaw(t, func(c *Config) {
		c.process = p
		if change != nil {
			change(c)
		}
	})
}

// read1 opens stream id with one byte and reads it: the first ask.
func (r *raw) read1(id uint64) *Stream {
	r.t.Helper()
	r.ok(fOpen(id, 0, frame.Open{Body: []byte("x")}))
	st := r.acc.streams[len(r.acc.streams)-1]
	if _, err := st.Read(make([]byte, 1)); err != nil {
		r.t.Fatal(err)
	}
	return st
}

// checkEmptied checks that p has everything back.
func (p *process) checkEmptied(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.windows.used != 0 || p.bodies.used != 0 || p.beyond != 0 || p.waitingLocked() != 0 || p.tight.Load() {
		t.Errorf("%d bytes of windows, %d of bodies and %d beyond are still granted, %d wait, tight is %v",
			p.windows.used, p.bodies.used, p.beyond, p.waitingLocked(), p.tight.Load())
	}
}

// TestProcessWindows: sessions share one limit. Each has one window whatever the others took, and streams
// that get no more have the least one.
func TestProcessWindows(t *testing.T) {
	p := newProcess(1<<20, 1<<20)
	greedy := within(t, p, nil)
	for id := uint64(1); id < 12; id += 2 {
		greedy.read1(id)
	}
	greedy.want("CREDIT 1 262144", "CREDIT 3 262144", "CREDIT 5 262144", "CREDIT 7 262144", "CREDIT 9 16384", "CREDIT 11 16384")
	modest := within(t, p, nil)
	first := modest.read1(1)
	modest.read1(3)
	modest.want("CREDIT 1 262144", "CREDIT 3 16384")
	if p.windows.used != 1<<20 || p.beyond != 256<<10+3*minWindow {
		t.Errorf("%d are granted and %d beyond", p.windows.used, p.beyond)
	}
	first.Close() // what went beyond comes back first
	modest.take()
	if p.windows.used != 1<<20 || p.beyond != 3*minWindow {
		t.Errorf("%d are granted and %d beyond", p.windows.used, p.beyond)
	}
	greedy.HandleClose(errLost)
	modest.read1(5)
	modest.want("CREDIT 5 262144")
	if p.windows.used != 256<<10 || p.beyond != minWindow {
		t.Errorf("%d are granted and %d beyond", p.windows.used, p.beyond)
	}
	modest.HandleClose(errLost)
	p.checkEmptied(t)
}

// fBegun opens a call of which enough comes with the OPEN, if that fits, for it to have begun: it is granted the rest.
func fBegun(id uint64, depth uint8, size uint32) rawFrame {
	return fOpen(id, 0, frame.Open{Kind: frame.KindCall, Depth: depth, Size: size, Body: make([]byte, min(size/begunPart, 60<<10))})
}

// TestProcessBodies: a body that waits for room of the process is granted when another session gives some up,
// in the order in which sessions began to wait.
func TestProcessBodies(t *testing.T) {
	p := newProcess(1<<20, 3<<20)
	open := func(r *raw, id uint64, size uint32) *Incoming {
		r.ok(fBegun(id, 0, size))
		return r.acc.incoming[len(r.acc.incoming)-1]
	}
	a, b, c, d := within(t, p, nil), within(t, p, nil), within(t, p, nil), within(t, p, nil)
	var held []*Incoming
	for id := range uint64(3) {
		held = append(held, open(a, 1+2*id, 1<<20))
	}
	a.want("CREDIT 1 1032192", "CREDIT 3 1032192", "CREDIT 5 1032192")
	open(a, 7, 1<<20)
	a.wantIdle()
	for _, r := range []*raw{b, c, d} {
		open(r, 1, 1<<20) // the first of its lane
		r.want("CREDIT 1 1032192")
	}
	if p.bodies.used != 3<<20 || p.beyond != 3<<20 {
		t.Errorf("%d are granted and %d beyond", p.bodies.used, p.beyond)
	}
	open(b, 3, 2<<20)
	open(c, 3, 100<<10) // would fit first, and must not overtake
	open(d, 3, 4<<20)   // over the whole limit: waits for its lane alone
	give := func(x *Incoming) {
		x.asm.abandon()
	}
	give(held[0])
	a.want("CREDIT 7 1032192") // it waited first
	give(held[1])
	for _, r := range []*raw{a, b, c, d} {
		r.wantIdle()
	}
	late := within(t, p, nil)
	open(late, 1, 100<<10) // goes in as the first of its lane, and takes nothing of what the others wait for
	late.want("CREDIT 1 100800")
	if p.bodies.used != 2<<20 || p.beyond != 3<<20+100<<10 {
		t.Errorf("%d are granted and %d beyond", p.bodies.used, p.beyond)
	}
	late.HandleClose(errLost)
	give(held[2])
	b.want("CREDIT 3 2064384")
	c.wantIdle()
	give(b.acc.incoming[1])
	c.want("CREDIT 3 100800")
	give(d.acc.incoming[0])
	d.want("CREDIT 3 4132864")
	for _, r := range []*raw{a, b, c, d} {
		r.HandleClose(errLost)
	}
	p.checkEmptied(t)
}

// TestProcessTurns: a session with several bodies that wait stands after the others again once one got in, and
// a small one of it does not go before a large one that came first.
func TestProcessTurns(t *testing.T) {
	p := newProcess(0, 2<<20)
	a, b := within(t, p, nil), within(t, p, nil)
	open := func(r *raw, id uint64, depth uint8, size uint32) *assembly {
		r.ok(fBegun(id, depth, size))
		return r.acc.incoming[len(r.acc.incoming)-1].asm
	}
	first, second := open(a, 1, 0, 1<<20), open(a, 3, 1, 1<<20)
	open(a, 5, 0, 1<<20)
	open(a, 7, 0, 600<<10)
	open(a, 9, 1, 100<<10)
	open(b, 1, 0, 1<<10)
	held := open(b, 3, 0, 500<<10)
	a.want("CREDIT 1 1032192", "CREDIT 3 1032192")
	b.want("CREDIT 1 1008")
	open(b, 5, 0, 2<<20)
	keep := open(b, 7, 2, 1<<10) // the first of a lane, so that the next one waits
	b.want("CREDIT 7 1008")
	open(b, 9, 2, 1<<10)
	_ = first
	a.ok(fReset(5, frame.Canceled), fReset(7, frame.Canceled)) // a waits for 100 KiB
	b.wantIdle()
	second.abandon() // 9 is the first of its lane now
	a.want("CREDIT 9 100800")
	b.want("CREDIT 3 504000") // and stands last
	b.wantIdle()
	open(a, 11, 0, 300<<10)
	a.wantIdle() // b's 2 MiB came before
	held.abandon()
	a.wantIdle()
	keep.abandon()
	b.want("CREDIT 9 1008")
	first.abandon()
	a.want("CREDIT 11 302400")
	for _, r := range []*raw{a, b} {
		r.HandleClose(errLost)
	}
	p.checkEmptied(t)
}

// TestProcessRound: sessions take turns.
func TestProcessRound(t *testing.T) {
	p := newProcess(0, 1<<20)
	a, b, c := within(t, p, nil), within(t, p, nil), within(t, p, nil)
	for _, r := range []*raw{a, b, c} {
		for id := uint64(1); id < 8; id += 2 {
			r.ok(fBegun(id, 0, 512<<10))
		}
	}
	a.want("CREDIT 1 516096", "CREDIT 3 516096")
	b.want("CREDIT 1 516096")
	c.want("CREDIT 1 516096")
	a.acc.incoming[0].asm.abandon()
	a.want("CREDIT 5 516096")
	a.acc.incoming[1].asm.abandon()
	b.want("CREDIT 3 516096")
	a.acc.incoming[2].asm.abandon()
	a.want("CREDIT 7 516096") // the first of its lane
	c.want("CREDIT 3 516096")
	b.acc.incoming[1].asm.abandon()
	b.want("CREDIT 5 516096")
	for _, r := range []*raw{a, b, c} {
		r.wantIdle()
	}
	for _, r := range []*raw{a, b, c} {
		r.HandleClose(errLost)
	}
	p.checkEmptied(t)
}

// TestProcessWaiterLeaves: a session whose body is given up while it waits does not stop those after it, nor
// does one that is lost, or whose body does not fit a lower limit.
func TestProcessWaiterLeaves(t *testing.T) {
	for name, leave := range map[string]func(p *process, first *raw){
		"given up":    func(_ *process, first *raw) { first.ok(fReset(3, frame.Canceled)) },
		"lost":        func(_ *process, first *raw) { first.HandleClose(errLost) },
		"lower limit": func(p *process, _ *raw) { p.setLimits(0, 3<<20-1) },
		"higher limit": func(p *process, first *raw) {
			p.setLimits(0, 8<<20)
			first.want("CREDIT 3 3096576")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcess(0, 3<<20)
			all := []*raw{within(t, p, nil), within(t, p, nil), within(t, p, nil)}
			for i, size := range []uint32{2 << 20, 3 << 20, 500 << 10} {
				all[i].ok(fBegun(1, 0, 100<<10))
				all[i].take()
				all[i].ok(fBegun(3, 0, size))
			}
			all[0].want("CREDIT 3 2064384")
			all[1].wantIdle()
			all[2].wantIdle()
			leave(p, all[1])
			if p.next() != nil {
				t.Error("somebody waits though there is room")
			}
			all[2].want("CREDIT 3 504000")
			for _, r := range all {
				r.HandleClose(errLost)
			}
			p.checkEmptied(t)
		})
	}
}

// TestProcessUnsent: bodies of which nothing has come get half of what the process has, so that others find room. They
// get more as soon as something has come, or as soon as others leave half of it free.
func TestProcessUnsent(t *testing.T) {
	p := newProcess(0, 4<<20)
	idler, honest, late := within(t, p, nil), within(t, p, nil), within(t, p, nil)
	unsent := func(r *raw, id uint64) { r.ok(fOpen(id, 0, frame.Open{Kind: frame.KindCall, Size: 1 << 20})) }
	for id := uint64(1); id < 40; id += 2 {
		unsent(idler, id)
	}
	idler.want("CREDIT 1 1048576", "CREDIT 3 1048576")
	honest.ok(fBegun(1, 0, 1<<20), fBegun(3, 0, 1<<20))
	honest.want("CREDIT 1 1032192", "CREDIT 3 1032192")
	if p.bodies.used != 4<<20 || p.beyond != 0 || p.waitingLocked() != 1 {
		t.Errorf("%d are granted and %d beyond, %d wait", p.bodies.used, p.beyond, p.waitingLocked())
	}
	unsent(late, 1) // the first of its lane
	late.want("CREDIT 1 1048576")
	unsent(late, 3)
	late.ok(fBegun(5, 1, 1<<20))
	late.want("CREDIT 5 1032192")
	late.ok(fBegun(7, 1, 1<<20)) // waits in both queues
	late.wantIdle()
	if n := p.waitingLocked(); n != 2 {
		t.Errorf("%d wait, want 2", n)
	}
	idler.acc.incoming[0].asm.abandon()
	late.want("CREDIT 7 1032192") // before those that waited longer
	idler.acc.incoming[1].asm.abandon()
	idler.want("CREDIT 5 1048576") // the first of its lane again
	idler.ok(fData(7, flEarly, 1<<20/begunPart-1))
	idler.wantIdle()
	idler.ok(fData(7, flEarly, 1))
	idler.want("CREDIT 7 1032192") // there is room for one that has begun
	for _, x := range append(honest.acc.incoming, late.acc.incoming[2:]...) {
		x.asm.abandon()
	}
	idler.want("CREDIT 9 1048576")
	late.wantIdle()
	for _, r := range []*raw{idler, honest, late} {
		r.HandleClose(errLost)
	}
	p.checkEmptied(t)
}

// grown returns a session with a stream that is read as it fills, whose window has grown to 1 MiB.
func grown(t *testing.T, p *process, change func(*Config)) (*raw, *Stream) {
	t.Helper()
	r := within(t, p, change)
	r.l.rtt = 100 * time.Millisecond
	r.ok(fOpen(1, 0, frame.Open{}))
	st := r.acc.streams[0]
	go readAll(st)
	synctest.Wait()
	r.blockedAfter(time.Millisecond)
	for w := 256 << 10; w <= 512<<10; w *= 2 {
		r.send(w)
		r.blockedAfter(100 * time.Millisecond)
	}
	st.rmu.Lock()
	defer st.rmu.Unlock()
	if st.window != 1<<20 {
		t.Fatalf("the window is %d", st.window)
	}
	r.take()
	return r, st
}

// TestShrink: while the process is short a window that has grown gives back what the peer has used of it, and grants
// nothing, until it is a first one; when there is room it grows again.
func TestShrink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testProcess()
		p.windows.limit = 2 << 20
		r, st := grown(t, p, nil)
		state := func(window, used int) {
			t.Helper()
			synctest.Wait()
			st.rmu.Lock()
			defer st.rmu.Unlock()
			if n, _ := r.Granted(); st.window != window || n != used || p.windows.used != used {
				t.Errorf("the window is %d, %d is granted here and %d in all; want %d and %d", st.window, n, p.windows.used, window, used)
			}
		}
		const k = 1 << 10
		other := within(t, p, nil)
		state(1024*k, 1024*k)
		for id := uint64(3); id < 9; id += 2 { // more than three quarters are in use
			r.read1(id)
		}
		r.take()
		state(1024*k, 1792*k)
		fall := func() {
			t.Helper()
			before := st.window
			for p.tight.Load() && st.window > 256*k {
				r.send(min(st.grant, 64*k))
				if p.tight.Load() {
					r.wantIdle()
				}
				if st.grant+st.in.n > st.window {
					t.Fatalf("the window is %d with a grant of %d", st.window, st.grant)
				}
			}
			if st.window >= before || st.window < 256*k {
				t.Errorf("the window went from %d to %d", before, st.window)
			}
		}
		fall()
		for id := uint64(1); id < 7; id += 2 { // and again
			other.read1(id)
		}
		fall()
		r.send(st.grant)
		if st.grant == 0 {
			t.Error("the stream stands still")
		}
		other.HandleClose(errLost)
		for _, st := range r.acc.streams[1:] {
			st.Close()
		}
		r.send(st.grant)
		r.blockedAfter(time.Millisecond)
		r.send(st.grant)
		r.blockedAfter(100 * time.Millisecond)
		if st.window < 500*k {
			t.Errorf("the window is %d, and there is room again", st.window)
		}
		r.ok(fData(1, flFin, 0))
		synctest.Wait()
		r.HandleClose(errLost)
		p.checkEmptied(t)
	})
}

// TestGrowthLeavesRoom: windows grow within three quarters of the process, small ones within all of it.
func TestGrowthLeavesRoom(t *testing.T) {
	p := newProcess(1000, 0)
	var b budget
	b.init(p, 10_000, 0)
	if n := b.window(500); n != 500 {
		t.Fatal(n)
	}
	if n := b.grow(400); n != 250 || b.proc.tight.Load() {
		t.Errorf("it grew by %d", n)
	}
	if n := b.grow(400); n != 0 {
		t.Errorf("it grew by %d beyond three quarters", n)
	}
	if n := b.fit(750, 2000, 750); n != 1000 || !b.proc.tight.Load() {
		t.Errorf("a small window is %d", n)
	}
	if n := b.giveBack(1000, 300, 600); n != 600 {
		t.Errorf("%d of 600 in use is left", n)
	}
	if n := b.giveBack(600, 300, 0); n != 600 {
		t.Errorf("%d is left though nothing is short", n)
	}
	p.setLimits(0, 0)
	if n := b.giveBack(600, 200, 0); n != 300 {
		t.Errorf("%d is left, want half", n)
	}
	b.freeWindow(300)
	p.checkEmptied(t)
}

// TestYamuxShrinks: what a yamux stream has grown by is given back too.
func TestYamuxShrinks(t *testing.T) {
	p := newProcess(1<<20, 0)
	r := within(t, p, func(c *Config) { c.InitialCredit, c.NoFirst, c.yamux = yamuxWindow, true, true })
	r.ok(fOpen(1, 0, frame.Open{}))
	st := r.acc.streams[0]
	st.window, st.reserved = 2*yamuxWindow, r.budget.grow(yamuxWindow)
	p.setLimits(0, 0)
	r.ok(fData(1, 0, 64<<10))
	if n, err := st.Read(make([]byte, 64<<10)); n != 64<<10 || err != nil {
		t.Fatal(n, err)
	}
	if st.window != yamuxWindow || st.reserved != 0 {
		t.Errorf("the window is %d, %d reserved", st.window, st.reserved)
	}
	p.checkEmptied(t)
}

// TestProcessMoves: eight sessions with little memory between them: all calls, answers and streams get through.
func TestProcessMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *process
		var sides []*side
		var wg sync.WaitGroup
		for i := range 4 {
			c, s := newPair(t, func(c, s *Config) {
				if p == nil {
					p = c.process
					p.setLimits(1<<20, 2<<20)
				}
				c.process, s.process = p, p
			})
			c.l.rtt, s.l.rtt = time.Millisecond, time.Millisecond
			sides = append(sides, c, s)
			for k := range 6 {
				wg.Go(func() {
					x, err := call(t.Context(), c.Session, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 300<<10+i<<16))
					if err != nil || x.Err != nil || len(x.Body) != 300<<10+i<<16 {
						t.Error(err, x)
					}
				})
				a, b := openPair(t, c, s)
				wg.Go(func() { testTransfer(t, a, b, 1<<20+k) })
			}
		}
		wg.Wait()
		for _, x := range sides {
			x.l.stop(nil)
		}
		synctest.Wait()
		p.checkEmptied(t)
	})
}
