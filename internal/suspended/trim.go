package suspended

import "time"

const (
	// lookPeriod is how often what waits is looked at again. Whoever waits for its peer may still be written to.
	lookPeriod = time.Second
	// lookStep is how many are looked at together.
	lookStep = 256
	// expireStep is how many are dropped by one goroutine. To drop one runs the application's code, which may take long.
	expireStep = 64
)

// trimLocked takes out what is too much. The caller ends it when it has unlocked.
func (p *Pool[K, V]) trimLocked() (out []victim[V]) {
	take := func(it *item[K, V], why Limit) {
		out = append(out, victim[V]{it.value, why})
		p.hits[why]++
		p.removeLocked(it)
	}
	if limit := p.limits.PerSource; limit > 0 {
		for len(p.list) > 0 && p.orders[most].top().n > limit {
			take(p.orders[most].top().oldest(), PerSource)
		}
	}
	if limit := p.limits.Count; limit > 0 {
		for len(p.list) > limit {
			order := most
			if p.idle > 0 {
				order = mostIdle
			}
			take(p.orders[order].top().oldest(), Count)
		}
	}
	if limit := p.limits.Bytes; limit > 0 {
		for p.bytes > limit {
			take(p.orders[mostBytes].top().byBytes.top(), Bytes)
		}
	}
	return out
}

// end drops what was taken out. What is coming back waits on if that fails.
func (p *Pool[K, V]) end(out []victim[V]) {
	for _, x := range out {
		if p.drop(x.value, x.limit) {
			continue
		}
		p.mu.Lock()
		p.hits[x.limit]--
		p.updateLocked(x.value)
		p.mu.Unlock()
	}
}

// limitIdleLocked gives the oldest of s that have done nothing less time if there are more than few. The newest of them
// was just added.
func (p *Pool[K, V]) limitIdleLocked(s *source[K, V]) {
	if s.few == nil {
		s.few = s.idle.last
	}
	if p.limits.Idle <= 0 || s.idle.n-s.surplus <= p.limits.Few {
		return
	}
	it := s.few
	s.few = it.of.next
	s.surplus++
	it.surplus, it.due = true, time.Now().Add(p.limits.Idle)
	p.surplus.add(it, ofAll)
	if p.surplus.n == 1 { // else the timer is set already
		p.setExpiryLocked()
	}
}

// setExpiryLocked sets the timer for the first of surplus.
func (p *Pool[K, V]) setExpiryLocked() {
	d := max(time.Until(p.surplus.first.due), 0)
	if p.expiry == nil {
		p.expiry = time.AfterFunc(d, p.expire)
	} else {
		p.expiry.Reset(d)
	}
}

// expire drops what has done nothing and has waited long enough.
func (p *Pool[K, V]) expire() {
	p.mu.Lock()
	var out []victim[V]
	for n := 0; p.surplus.n > 0 && !p.surplus.first.due.After(time.Now()) && n < expireStep; n++ {
		v := p.surplus.first.value
		p.updateLocked(v) // it may have been used meanwhile
		if it := p.items[v]; it != nil && it.surplus {
			out = append(out, victim[V]{v, Idle})
			p.hits[Idle]++
			p.removeLocked(it)
		}
	}
	if p.surplus.n > 0 {
		p.setExpiryLocked()
	}
	p.mu.Unlock()
	p.end(out)
}

// lookAgain looks at all that wait, in steps.
func (p *Pool[K, V]) lookAgain() {
	var out []victim[V]
	for done := false; !done; {
		p.mu.Lock()
		for n := 0; n < lookStep && p.next < len(p.list); n++ {
			it := p.list[p.next]
			p.updateLocked(it.value)
			if p.next < len(p.list) && p.list[p.next] == it { // else another one has its place now
				p.next++
			}
		}
		out = append(out, p.trimLocked()...)
		if done = p.next >= len(p.list); done {
			p.next = 0
			if len(p.list) > 0 {
				p.looking.Reset(lookPeriod)
			} else {
				p.looking = nil
			}
		}
		p.mu.Unlock()
	}
	p.end(out) // last: it may take long
}
