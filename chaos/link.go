package chaos

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// link is one connection: two net.Conns and a lane each way between them. Group.mu guards it. Its goroutine is
// run, which owns closing both net.Conns.
type link struct {
	group *Group
	id    int
	from  string // the dialing end, for people
	bytes meters
	lanes [2]*lane // up, down

	dialed bool               // run has begun to dial the target, or need not
	ready  bool               // the target is there
	ending ending             // decided; lanes stop for it
	exact  bool               // what was forwarded must arrive before the reset
	lost   bool               // a Blackhole swallowed bytes: TCP never delivers a stream with a hole
	ctx    context.Context    // ends with the link
	cancel context.CancelFunc // by endLocked, stops a dial
	wake   chan struct{}      // for run, one token
	timers timerSet
	// user is the lane that reads from a Conn's user; closing is set when the user closed.
	user    *lane
	closing bool
	last    func() // called with mu held when the link is over; may be nil
}

// ending is how both net.Conns of a link are closed.
type ending uint8

const (
	endNone ending = iota
	endClose
	endReset
)

// newLinkLocked registers a connection between the dialing end a and the target b. b is nil if run has to dial
// it. The caller starts run.
func (g *Group) newLinkLocked(a, b net.Conn) *link {
	g.lastID++
	l := &link{group: g, id: g.lastID, from: a.RemoteAddr().String(), wake: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for i, side := range []Side{Up, Down} {
		l.lanes[i] = &lane{
			link: l, side: side,
			jitter: newSource(g.seed, -2, l.id, int(side)),
			wake:   make(chan struct{}, 1),
		}
	}
	l.lanes[0].src, l.lanes[1].dst = a, a
	l.lanes[0].dst, l.lanes[1].src = b, b
	l.ready, l.dialed = b != nil, b != nil
	g.counters.Connections++
	g.links[l.id] = l
	switch {
	case g.closed:
		l.endLocked(endClose, false)
	case g.downs > 0:
		g.counters.Refused++
		l.endLocked(endReset, false)
	default:
		g.armLinkLocked(l)
	}
	g.wg.Add(1)
	return l
}

// run drives the link until it is over. dial is nil if the target is there.
func (l *link) run(dial func(context.Context) (net.Conn, error)) {
	g := l.group
	defer g.wg.Done()
	var wg sync.WaitGroup
	wg.Go(l.lanes[0].run)
	if dial == nil || l.dial(dial) {
		wg.Go(l.lanes[1].run)
	}
	wg.Wait()
	l.finish()
}

// dial connects to the target, but not through a Blackhole, and reports whether it is there.
func (l *link) dial(dial func(context.Context) (net.Conn, error)) bool {
	g := l.group
	g.mu.Lock()
	for l.ending == endNone && (l.lanes[0].modeLocked().hole || l.lanes[1].modeLocked().hole || l.lost) {
		g.mu.Unlock()
		<-l.wake
		g.mu.Lock()
	}
	over := l.ending != endNone
	l.dialed = true
	g.mu.Unlock()
	if over {
		return false
	}
	nc, err := dial(l.ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		if l.ending == endNone {
			g.countDialLocked(err)
			l.endLocked(endReset, false)
		}
		return false
	}
	l.lanes[0].dst, l.lanes[1].src = nc, nc
	l.ready = true
	l.wakeLocked()
	return true
}

// endLocked decides how the link ends; the first decision counts.
func (l *link) endLocked(how ending, exact bool) {
	if l.ending != endNone {
		return
	}
	l.ending, l.exact = how, exact
	l.cancel()
	l.wakeLocked()
	for _, ln := range l.lanes {
		ln.kickLocked()
	}
}

// cutLocked ends lanes in order: their receivers get EOF, and later bytes are swallowed.
func (l *link) cutLocked(side Side) {
	for _, ln := range l.lanes {
		if side.covers(ln.side) && !ln.cut {
			ln.cut = true
			ln.kickLocked()
		}
	}
}

// wakeLocked makes waiting lanes and a waiting dial look again; it does not disturb I/O.
func (l *link) wakeLocked() {
	for _, ch := range []chan struct{}{l.wake, l.lanes[0].wake, l.lanes[1].wake} {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// finish closes both net.Conns when the lanes have stopped.
func (l *link) finish() {
	g := l.group
	g.mu.Lock()
	l.endLocked(endClose, false) // if both lanes reached their end
	how, exact := l.ending, l.exact
	a, b := l.lanes[0].src, l.lanes[0].dst
	g.mu.Unlock()
	settled := how != endReset || !exact || l.settle(a, b)
	for _, nc := range []net.Conn{a, b} {
		if nc != nil {
			end(nc, how)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !settled {
		g.counters.Unsettled++
	}
	for _, ln := range l.lanes {
		ln.dropLocked()
	}
	g.stopTimersLocked(&l.timers)
	delete(g.links, l.id)
	g.forgetLocked(l)
	if l.last != nil {
		l.last()
	}
}

// end closes nc. Only TCP and this module's memory network can be reset; anything else is closed.
func end(nc net.Conn, how ending) {
	if how == endReset {
		switch c := nc.(type) {
		case interface{ SetLinger(int) error }:
			_ = c.SetLinger(0)
		case *memnet.Conn:
			c.CutAfter(0) // what is on its way arrives
		}
	}
	_ = nc.Close()
}

// settle waits until the bytes written to the net.Conns have left this process's kernel buffers. A reset
// discards what is in them. It reports whether they have left.
func (l *link) settle(ncs ...net.Conn) bool {
	patience := l.group.settle
	if patience < 0 {
		return true
	}
	limit := time.Now().Add(patience)
	for _, nc := range ncs {
		if nc == nil {
			continue
		}
		o := newOutflow(nc)
		for pause := 20 * time.Microsecond; !o.empty(); pause = min(2*pause, time.Millisecond) {
			if time.Now().After(limit) || !l.sleep(pause) {
				return false
			}
		}
	}
	return true
}

// sleep waits; it returns false at once when the group is closed.
func (l *link) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.group.closing:
		return false
	}
}
