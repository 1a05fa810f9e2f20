package sim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// What may happen to a direction of a connection, after a number of bytes.
const (
	flows    = iota
	resets   // both directions die at once
	finishes // both ends read what was sent, and then the end
	halves   // this direction ends, the other goes on
	silent   // what arrives goes nowhere, and nobody learns of it
	held     // the sender is cut off; what it had sent arrives late
	faults
)

var faultNames = [...]string{"flows", "reset", "end", "half close", "silence", "held back"}

type lanePlan struct {
	stalls      []stall // by offset
	fault       int
	at          int64
	wait, later time.Duration // how long a held lane collects, and then holds
}

type stall struct {
	at int64
	d  time.Duration
}

// carrier is what happens to the n-th connection: from client to server, and back.
func (p *plan) carrier(n int) (lanes [2]lanePlan, dies time.Duration) {
	for i := range lanes {
		lanes[i].fault = flows
		lanes[i].at = math.MaxInt64
	}
	if p.calm {
		return lanes, 0
	}
	d := newDice(p.seed, 1000+uint64(n))
	for i := range lanes {
		l := &lanes[i]
		for range max(0, d.IntN(10)-4) {
			s := stall{at: d.offset(), d: d.upTo(30 * time.Millisecond)}
			if d.chance(5) {
				s.d = d.upTo(3 * time.Second)
			}
			l.stalls = append(l.stalls, s)
		}
		slices.SortFunc(l.stalls, func(a, b stall) int { return int(a.at - b.at) })
	}
	if n >= p.faulty {
		return lanes, 0
	}
	if d.chance(15) {
		return lanes, d.upTo(time.Second)
	}
	which := d.IntN(2)
	for i := range lanes {
		if i == which || d.chance(20) {
			l := &lanes[i]
			l.fault, l.at = 1+d.IntN(faults-1), d.offset()
			l.wait, l.later = d.upTo(20*time.Millisecond), d.upTo(100*time.Millisecond)
		}
	}
	return lanes, 0
}

// carrier is a connection with the adversary in its middle.
type carrier struct {
	w       *world
	n       int
	near    *memnet.Conn // the adversary's end of the client's pipe
	far     *memnet.Conn // and of the server's
	killing *time.Timer
	unheard atomic.Bool // what happens to the server's end is not reported to the client
}

// carry makes the n-th connection out of far, which leads to the server, and returns the client's end. Its goroutines
// end when both sides have closed theirs.
func (w *world) carry(n int, far *memnet.Conn) *memnet.Conn {
	a, near := memnet.Pipe(w.p.wire...)
	c := &carrier{w: w, n: n, near: near, far: far}
	lanes, dies := w.p.carrier(n)
	w.note("connection %d", n)
	if dies > 0 {
		c.killing = time.AfterFunc(dies, func() {
			w.note("connection %d: reset", n)
			c.cut()
		})
	}
	var over sync.WaitGroup
	over.Go(func() { c.run("up", near, far, lanes[0]) })
	over.Go(func() { c.run("down", far, near, lanes[1]) })
	w.wg.Go(func() {
		over.Wait()
		if c.killing != nil {
			c.killing.Stop()
		}
		near.Close()
		far.Close()
	})
	w.mu.Lock()
	w.carriers = append(w.carriers, c)
	w.mu.Unlock()
	return a
}

func (c *carrier) cut() {
	c.near.Cut()
	c.far.Cut()
}

// vanish breaks the server's end and leaves the client to its heartbeat.
func (c *carrier) vanish() {
	c.unheard.Store(true)
	c.far.Cut()
}

// run moves bytes one way, as l says.
func (c *carrier) run(name string, src, dst *memnet.Conn, l lanePlan) {
	var pos int64
	mute := false
	buf := make([]byte, 4<<10)
	for {
		for len(l.stalls) > 0 && l.stalls[0].at <= pos {
			<-time.After(l.stalls[0].d)
			l.stalls = l.stalls[1:]
		}
		if pos == l.at && l.fault != flows {
			c.w.note("connection %d %s: %s after %d bytes", c.n, name, faultNames[l.fault], pos)
			switch l.fault {
			case resets:
				c.cut()
				return
			case finishes:
				src.Close()
				dst.Close()
				return
			case halves:
				_ = dst.CloseWrite()
				mute = true
			case silent:
				mute = true
			case held:
				c.hold(name, src, dst, l)
				return
			}
			l.fault, l.at = flows, math.MaxInt64
		}
		next := l.at
		if len(l.stalls) > 0 {
			next = min(next, l.stalls[0].at)
		}
		n, err := src.Read(buf[:min(int64(len(buf)), next-pos)])
		pos += int64(n)
		if n > 0 && !mute {
			if _, err := dst.Write(buf[:n]); err != nil {
				mute = true // its receiver is gone
			}
		}
		if err != nil {
			switch {
			case mute, c.unheard.Load():
			case errors.Is(err, io.EOF):
				_ = dst.CloseWrite()
			default:
				dst.Cut()
			}
			return
		}
	}
}

// hold collects what src sends, cuts it off, and delivers it to dst later.
func (c *carrier) hold(name string, src, dst *memnet.Conn, l lanePlan) {
	var kept []byte
	buf := make([]byte, 4<<10)
	_ = src.SetReadDeadline(time.Now().Add(l.wait))
	for {
		n, err := src.Read(buf)
		kept = append(kept, buf[:n]...)
		if err != nil {
			break
		}
	}
	src.Cut()
	<-time.After(l.later)
	_, err := dst.Write(kept)
	c.w.note("connection %d %s: %d bytes arrive late: %v", c.n, name, len(kept), err)
	_ = dst.CloseWrite()
}

// note adds a line to what a failure prints.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(format, args...)
}

func (w *world) noteLocked(format string, args ...any) {
	if len(w.trace) < 300 {
		w.trace = append(w.trace, fmt.Sprintf("%12v  %s", time.Since(w.began), fmt.Sprintf(format, args...)))
	}
}
