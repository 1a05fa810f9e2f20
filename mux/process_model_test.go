package mux

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// player is a scripted session that random moves are made on.
type player struct {
	*raw
	next    uint64
	open    []*Stream
	calls   []*Incoming // not handed over
	credit  map[uint64]int
	missing map[uint64]int // of a body
}

// hear counts the credit that the session gives.
func (p *player) hear() {
	for _, f := range p.take() {
		if f.h.Type == frame.TypeCredit {
			n, _ := frame.ParseCredit(f.p)
			p.credit[f.h.ID] += int(n)
		}
	}
}

// early returns how many early bytes the pool has room for.
func (p *player) early() int {
	return int(p.cfg.Local.EarlyPool[1]) - int(p.peer.earlyIn[1]-p.peer.released[1].Load())
}

// TestProcessModel makes random moves on some sessions of one process. After each, what they have granted
// together is within the limits, and what their peers may send is within what was granted. In the end every
// body has come in, and nothing is left.
func TestProcessModel(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) { playProcess(t, rand.New(rand.NewPCG(seed, 4))) })
	}
}

func playProcess(t *testing.T, rnd *rand.Rand) {
	proc := newProcess(rnd.IntN(4<<20), rnd.IntN(6<<20))
	players := make([]*player, 6)
	fresh := func(i int) {
		r := within(t, proc, func(c *Config) { c.Local.Body, c.StreamBudget, c.BodyBudget = 1<<20, 2<<20, 3<<20 })
		r.l.rtt = 50 * time.Millisecond
		players[i] = &player{raw: r, next: 1, credit: map[uint64]int{}, missing: map[uint64]int{}}
	}
	for i := range players {
		fresh(i)
	}
	granted := 0
	for range 600 {
		p := players[rnd.IntN(len(players))]
		switch move := rnd.IntN(100); {
		case move < 8:
			p.open = append(p.open, p.read1(p.next))
			p.next += 2
		case move < 40 && len(p.open) > 0: // data, up to all that is granted
			st := p.open[rnd.IntN(len(p.open))]
			for n := rnd.IntN(p.credit[st.id] + 1); n > 0; {
				k := min(n, 64<<10)
				p.ok(fData(st.id, 0, k))
				p.credit[st.id] -= k
				n -= k
			}
		case move < 65 && len(p.open) > 0:
			if st := p.open[rnd.IntN(len(p.open))]; st.in.n > 0 {
				st.Read(make([]byte, 1+rnd.IntN(st.in.n)))
			}
		case move < 75 && len(p.open) > 0:
			<-time.After(time.Duration(rnd.IntN(50)) * time.Millisecond)
			p.ok(fData(p.open[rnd.IntN(len(p.open))].id, flBlock, 0))
		case move < 78 && len(p.open) > 0:
			i := rnd.IntN(len(p.open))
			st := p.open[i]
			p.open = append(p.open[:i], p.open[i+1:]...)
			if st.Close(); rnd.IntN(2) == 0 {
				p.ok(fReset(st.id, frame.Aborted))
			}
		case move < 88 && len(p.calls) < 40:
			size := 1 + rnd.IntN(1<<20)
			first := min(rnd.IntN(2)*rnd.IntN(size/32+1), p.early()) // nothing, or too little or enough to have begun
			p.ok(fOpen(p.next, 0, frame.Open{Kind: frame.KindCall, Size: uint32(size), Depth: uint8(rnd.IntN(3)), Body: make([]byte, first)}))
			p.missing[p.next] = size - first
			p.calls = append(p.calls, p.acc.incoming[len(p.acc.incoming)-1])
			p.next += 2
		case move < 92 && len(p.calls) > 0: // more early bytes for one that waits
			x := p.calls[rnd.IntN(len(p.calls))]
			if n := min(rnd.IntN(4<<10), p.missing[x.id]-1, 64<<10-x.asm.earlyIn, p.early()); n > 0 && p.credit[x.id] == 0 {
				p.ok(fData(x.id, flEarly, n))
				p.missing[x.id] -= n
			}
		case move < 98 && len(p.calls) > 0:
			p.finish(rnd.IntN(len(p.calls)), rnd.IntN(5) == 0)
		case move == 99 && rnd.IntN(5) == 0:
			i := rnd.IntN(len(players))
			players[i].HandleClose(errLost)
			fresh(i)
		}
		windows, bodies := 0, 0
		for _, p := range players {
			p.hear()
			w, b := p.Granted()
			windows, bodies = windows+w-p.budget.windowsBeyond, bodies+b-p.budget.bodiesBeyond
			reserved := 0
			for _, st := range p.open {
				reserved += st.reserved
				if st.window != st.reserved || st.grant+st.in.n > st.window {
					t.Fatalf("stream %d: grant %d and buffer %d, window %d, %d reserved", st.id, st.grant, st.in.n, st.window, st.reserved)
				}
			}
			if reserved != w {
				t.Fatalf("streams have reserved %d, %d are granted", reserved, w)
			}
		}
		if windows != proc.windows.used || bodies != proc.bodies.used || windows > proc.windows.limit || bodies > proc.bodies.limit {
			t.Fatalf("sessions have %d for windows and %d for bodies, the process %+v and %+v", windows, bodies, proc.windows, proc.bodies)
		}
		granted = max(granted, windows)
	}
	if granted == 0 && proc.windows.limit > 256<<10 {
		t.Error("no window was granted")
	}
	// Whoever waits gets in as others finish.
	for {
		left, moved := 0, false
		for _, p := range players {
			for i := 0; i < len(p.calls); {
				if moved = p.finish(i, false) || moved; len(p.calls) > i && p.missing[p.calls[i].id] > 0 {
					i++
				}
			}
			left += len(p.calls)
		}
		for _, p := range players {
			p.hear()
		}
		if left == 0 {
			break
		}
		if !moved {
			t.Fatalf("%d bodies wait, and nothing is granted", left)
		}
	}
	for _, p := range players {
		p.HandleClose(errLost)
	}
	proc.checkEmptied(t)
}

// finish sends what is missing of call i, if it was granted, and hands it over; or gives the call up. It
// reports whether something was done.
func (p *player) finish(i int, giveUp bool) bool {
	x := p.calls[i]
	switch {
	case giveUp:
		p.ok(fReset(x.id, frame.Canceled))
	case p.credit[x.id] == 0:
		return false
	default:
		for p.missing[x.id] > 0 {
			k := min(p.missing[x.id], 64<<10)
			p.missing[x.id] -= k
			var flags frame.Flags
			if p.missing[x.id] == 0 {
				flags = flFin
			}
			p.ok(fData(x.id, flags, k))
		}
	}
	p.calls = append(p.calls[:i], p.calls[i+1:]...)
	x.Reply(p.t.Context(), nil, nil)
	return true
}
