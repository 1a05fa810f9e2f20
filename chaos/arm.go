package chaos

import (
	"slices"
	"time"
)

// arm is a rule that waits for its moment: one for the group, or one for each connection. Group.mu guards it.
type arm struct {
	rule  *Rule
	index int     // of the rule
	link  *link   // nil: the trigger is not one of a single connection
	src   *source // offsets, times and durations
	next  int64   // the offset, on a meter
	fired int
}

func (g *Group) newArm(index int, l *link) *arm {
	a := &arm{rule: &g.rules[index], index: index, link: l}
	a.src = newSource(g.seed, index, a.conn())
	return a
}

// conn returns the number of the arm's connection, 0 = all.
func (a *arm) conn() int {
	if a.link == nil {
		return 0
	}
	return a.link.id
}

// armGroupLocked arms the rules that do not belong to one connection.
func (g *Group) armGroupLocked() {
	for i := range g.rules {
		switch t := g.rules[i].Trigger; {
		case t.When == FromStart && g.rules[i].Fault.Kind.info().lasts:
			g.fireLocked(g.newArm(i, nil), false)
		case t.When == AtTotal:
			a := g.newArm(i, nil)
			a.next = a.src.draw(t.At)
			m := g.total.of(t.Side)
			m.arms = append(m.arms, a)
		case t.When == AtTime:
			g.armTimeLocked(g.newArm(i, nil), &g.timers)
		}
	}
	for i := range g.total {
		g.fireMeterLocked(&g.total[i])
	}
}

// armLinkLocked arms the rules of a new connection, and applies those that act before its first byte.
func (g *Group) armLinkLocked(l *link) {
	for i := range g.rules {
		r := &g.rules[i]
		if !r.Conns.covers(l.id) {
			continue
		}
		switch t := r.Trigger; {
		case t.When == FromStart && !r.Fault.Kind.info().lasts:
			g.fireLocked(g.newArm(i, l), true)
		case t.When == AtBytes:
			a := g.newArm(i, l)
			a.next = a.src.draw(t.At)
			m := l.bytes.of(t.Side)
			m.arms = append(m.arms, a)
		case t.When == AtAge:
			g.armTimeLocked(g.newArm(i, l), &l.timers)
		}
	}
	for i := range l.bytes {
		g.fireMeterLocked(&l.bytes[i])
	}
}

// armTimeLocked makes a fire after its time, and again if it has a period.
func (g *Group) armTimeLocked(a *arm, set *timerSet) {
	g.afterLocked(set, time.Duration(a.src.draw(a.rule.Trigger.At)), func() {
		if a.rule.Trigger.Every {
			g.armTimeLocked(a, set)
		}
		g.fireLocked(a, false)
	})
}

// fireMeterLocked fires the arms that wait for the bytes of m. The lanes that it stopped look again.
func (g *Group) fireMeterLocked(m *meter) {
	due := m.dueLocked()
	for _, a := range due {
		g.fireLocked(a, true)
	}
	if len(due) > 0 {
		g.wakeAllLocked()
	}
}

// fireLocked makes the fault of a happen. exact says that it happens at an exact number of bytes, all of which
// must reach their receivers.
func (g *Group) fireLocked(a *arm, exact bool) {
	a.fired++
	f, side := a.rule.Fault, a.rule.side()
	if f.Kind != Flap { // which is recorded when it goes down
		g.noteLocked(f.Kind, a.rule.String(), a.link)
	}
	if f.Kind.info().lasts {
		e := &effect{name: a.rule.String(), fault: f, side: side, conns: a.rule.Conns, on: a.link, exact: exact && f.Kind == Outage}
		if f.Kind.info().all {
			e.on = nil // there is one listener
		}
		g.beginLocked(e)
		if t := a.rule.Trigger; t.For != (Span{}) {
			set := &g.timers
			if e.on != nil {
				set = &e.on.timers // it ends with the connection
			}
			g.afterLocked(set, time.Duration(a.src.draw(t.For)), func() { g.endEffectLocked(e) })
		}
		return
	}
	for _, l := range g.linksLocked() {
		if a.link == l || a.link == nil && a.rule.Conns.covers(l.id) {
			g.hitLocked(l, f, side, exact, a.index, a.fired)
		}
	}
}

// hitLocked applies f, which acts once, to l. names are what the seed's numbers are for.
func (g *Group) hitLocked(l *link, f Fault, side Side, exact bool, names ...int) {
	switch f.Kind {
	case RST:
		l.endLocked(endReset, exact)
	case FIN:
		l.cutLocked(Both)
		g.afterLocked(&l.timers, finGrace, func() { l.endLocked(endClose, false) })
	case Half:
		l.cutLocked(side)
	case Flip:
		for _, ln := range l.lanes {
			if side.covers(ln.side) {
				names := append(slices.Clip(names), l.id, int(ln.side)) // lanes run at the same time: each has its own numbers
				ln.flips = append(ln.flips, &flip{left: f.Bytes, src: newSource(g.seed, names...)})
			}
		}
	}
}
