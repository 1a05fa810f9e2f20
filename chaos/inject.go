package chaos

import "slices"

// Inject makes f happen now: to the connections with these numbers, or to all if none is given. It returns how
// many live connections it affected; numbers of connections that are over are skipped. A lasting fault
// continues until Heal; without numbers it also affects later connections. Inject fails with a *RuleError for a
// fault that makes no sense, and for Outage and Flap with numbers.
func (g *Group) Inject(f Fault, ids ...int) (int, error) {
	if why := f.refusal(); why != "" {
		return 0, &RuleError{Rule: f.String(), Reason: why}
	}
	info := f.Kind.info()
	if info.all && len(ids) > 0 {
		return 0, &RuleError{Rule: f.String(), Reason: f.Kind.String() + " acts on all connections: name none"}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, errClosed
	}
	g.injected++
	r := Rule{Fault: f}
	var hit []*link
	for _, l := range g.linksLocked() {
		if l.ending == endNone && (len(ids) == 0 || slices.Contains(ids, l.id)) {
			hit = append(hit, l)
		}
	}
	switch {
	case len(ids) == 0:
		if f.Kind != Flap { // which is recorded when it goes down
			g.noteLocked(f.Kind, f.String(), nil)
		}
		if info.lasts {
			g.beginLocked(&effect{name: f.String(), fault: f, side: r.side()})
			return len(hit), nil
		}
	default:
		for _, l := range hit {
			g.noteLocked(f.Kind, f.String(), l)
		}
	}
	for _, l := range hit {
		if info.lasts {
			g.beginLocked(&effect{name: f.String(), fault: f, side: r.side(), on: l})
		} else {
			g.hitLocked(l, f, r.side(), false, -1, g.injected)
		}
	}
	return len(hit), nil
}

// Cut resets the connections with these numbers, or all of them, now, and returns how many. It is Inject of an
// RST, which cannot fail; after Close it returns 0.
func (g *Group) Cut(ids ...int) int {
	n, _ := g.Inject(Fault{Kind: RST}, ids...)
	return n
}

// Heal ends the lasting faults in force, of the given kinds or of every kind. It returns how many ended,
// whether a rule or Inject began them. Rules whose moment is still to come stay. What a Blackhole has swallowed
// is lost: such a connection never forwards again.
func (g *Group) Heal(ks ...Kind) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, e := range slices.Clone(g.effects) {
		if len(ks) == 0 || slices.Contains(ks, e.fault.Kind) {
			g.endEffectLocked(e)
			n++
		}
	}
	return n
}
