package chaos

import (
	"math"
	"slices"
	"time"
)

// effect is a lasting fault in force. Group.mu guards it.
type effect struct {
	name  string // the rule's text, or the fault's if it was injected
	fault Fault
	side  Side
	conns Conns
	on    *link // only on this one; nil = on those that conns covers
	exact bool  // Outage: it began at a number of bytes
	over  bool
	down  bool // Outage and Flap: it keeps the listener closed now
}

func (e *effect) covers(l *link) bool {
	return e.on == l || e.on == nil && e.conns.covers(l.id)
}

// mode is the combined effect of all effects on a lane.
type mode struct {
	stall, hole bool
	piece       int           // at most this many bytes per write
	pause       time.Duration // after each write
	rate        int64         // bytes per second, 0 = no limit
	lags        []*effect
}

// modeLocked adds up the effects on ln.
func (ln *lane) modeLocked() mode {
	m := mode{piece: math.MaxInt}
	for _, e := range ln.link.group.effects {
		if !e.covers(ln.link) || !e.side.covers(ln.side) {
			continue
		}
		switch f := e.fault; f.Kind {
		case Stall:
			m.stall = true
		case Blackhole:
			m.hole = true
		case Drip:
			m.piece = min(m.piece, int(f.Bytes))
			m.pause = max(m.pause, f.Delay)
		case Cap:
			if m.rate == 0 || f.Bytes < m.rate {
				m.rate = f.Bytes
			}
		case Latency:
			m.lags = append(m.lags, e)
		}
	}
	if m.rate > 0 { // pieces of 20 ms, so that the rate is even
		m.piece = min(m.piece, int(max(1, m.rate/50)))
	}
	return m
}

// lagLocked draws how late bytes that are read now are forwarded.
func (m *mode) lagLocked(src *source) time.Duration {
	var lag time.Duration
	for _, e := range m.lags {
		j := e.fault.Jitter
		lag += max(0, e.fault.Delay-j+time.Duration(src.draw(Span{0, int64(2 * j)})))
	}
	return lag
}

// beginLocked puts e in force.
func (g *Group) beginLocked(e *effect) {
	g.effects = append(g.effects, e)
	switch e.fault.Kind {
	case Outage:
		g.downLocked(e)
	case Flap:
		g.flapLocked(e)
	case Latency:
		for _, l := range g.links {
			for _, ln := range l.lanes {
				if e.covers(l) && e.side.covers(ln.side) {
					ln.delayLocked(e)
				}
			}
		}
		g.kickLocked(e)
	default:
		g.kickLocked(e)
	}
}

// endEffectLocked takes e out of force.
func (g *Group) endEffectLocked(e *effect) {
	if e.over {
		return
	}
	e.over = true
	g.effects = slices.DeleteFunc(g.effects, func(x *effect) bool { return x == e })
	g.upLocked(e)
	g.kickLocked(e)
}

// forgetLocked ends the effects that were in force for l alone.
func (g *Group) forgetLocked(l *link) {
	g.effects = slices.DeleteFunc(g.effects, func(e *effect) bool {
		e.over = e.over || e.on == l
		return e.over
	})
}

// kickLocked makes the lanes that e concerns look at their mode.
func (g *Group) kickLocked(e *effect) {
	for _, l := range g.links {
		if !e.covers(l) {
			continue
		}
		l.wakeLocked()
		for _, ln := range l.lanes {
			if e.side.covers(ln.side) {
				ln.writeAt = time.Time{} // an old pause does not count any more
			}
			ln.kickLocked()
		}
	}
}

// flapLocked starts a time up, followed by a time down, until e is over.
func (g *Group) flapLocked(e *effect) {
	g.afterLocked(&g.timers, e.fault.UpFor, func() {
		if e.over {
			return
		}
		g.downLocked(e)
		g.afterLocked(&g.timers, e.fault.DownFor, func() {
			if e.over {
				return
			}
			g.upLocked(e)
			g.flapLocked(e)
		})
	})
}

// downLocked begins e's share in keeping the listener closed.
func (g *Group) downLocked(e *effect) {
	if e.down {
		return
	}
	e.down = true
	if e.fault.Kind == Flap {
		g.noteLocked(Flap, e.name, nil)
	}
	if g.downs++; g.downs == 1 && g.onDown != nil {
		g.onDown()
	}
	for _, l := range g.linksLocked() {
		l.endLocked(endReset, e.exact)
	}
}

func (g *Group) upLocked(e *effect) {
	if !e.down {
		return
	}
	e.down = false
	if g.downs--; g.downs == 0 {
		g.ups.Broadcast()
	}
}
