package mux

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// checkIdle checks, within a synctest bubble, that two sessions on which everything has ended hold nothing:
// no slot, no reserved room, no early window, no budget, no waiter, no debt.
func checkIdle(t testing.TB, c, s *side) {
	t.Helper()
	synctest.Wait()
	for name, pair := range map[string][2]*side{"client": {c, s}, "server": {s, c}} {
		for _, err := range idle(pair[0].Session) {
			t.Errorf("%s: %s", name, err)
		}
		for g := range frame.Groups {
			sent, freed := pair[0].pools.sent[g], pair[0].pools.freed[g]
			in, out := pair[1].peer.earlyIn[g], pair[1].peer.released[g].Load()
			if sent != in || in != out || out != pair[1].l.freed[g] || freed != out {
				t.Errorf("%s: group %d: early bytes: sent %d, received %d, released %d, announced %d, freed %d",
					name, g, sent, in, out, pair[1].l.freed[g], freed)
			}
		}
	}
}

// idle tells what a session that should hold nothing holds.
func idle(s *Session) (errs []string) {
	s.l.Lock()
	defer s.l.Unlock()
	s.tab.Lock()
	defer s.tab.Unlock()
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Sprintf(format, args...))
		}
	}
	for e := range s.tab.all() {
		id := e.base().id
		check(id == 0, "stream %d (%T) is in the table, sentEnd %v, recvEnd %v", id, e, e.base().sentEnd, e.base().recvEnd)
	}
	p := &s.tab.peer
	check(p.streams == 0 && p.calls == [MaxDepth + 1]int{} && p.inbox == 0 && len(p.scoped) == 0 && p.all == totals{} && p.labels == [frame.Groups]int{}, "the peer holds slots: %+v", p)
	check(s.tab.refused == 0, "%d refused", s.tab.refused)
	for k, sl := range s.opens.slots.sets {
		check(sl.used == 0 && sl.wait.empty(), "%d slots of %v are used", sl.used, k)
		check(k.group() != 2 || k.parent() == 0, "slots of the ended parent %d are kept", k.parent())
	}
	check(s.opens.slots.all == totals{}, "%v are counted", s.opens.slots.all)
	wait := s.opens.labels.wait
	check(s.opens.labels == labelTable{wait: wait} && (wait == nil || *wait == [frame.Groups][MaxDepth + 1]waitList{}), "labels are counted: %+v", s.opens.labels)
	check(s.out.reserved == 0, "%d bytes of room are reserved", s.out.reserved)
	check(s.opens.unconfirmed == 0, "%d unconfirmed", s.opens.unconfirmed)
	check(s.out.roomWait.empty() && s.opens.confirmWait.empty(), "somebody waits for room or a place")
	check(s.out.ring.empty() && s.out.debts.head == nil, "flows are queued")
	for g := range frame.Groups {
		check(s.pools.wait[g].empty() && len(s.pools.flows[g]) == 0, "somebody waits for early window of group %d", g)
	}
	for _, w := range s.idleWaiters {
		check(len(w.ch) == 0 && !w.queued, "a free waiter is in use")
	}
	check(s.bodies.Load() == 0, "%d bytes of bodies are held", s.bodies.Load())
	errs = append(errs, idleBudget(s)...)
	return errs
}

func idleBudget(s *Session) (errs []string) {
	first := 0
	if s.first != nil {
		first = s.first.recv.reserved
	}
	windows, bodies := s.Granted()
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if n := windows - first; n != 0 {
		errs = append(errs, fmt.Sprintf("%d bytes are granted to windows", n))
	}
	if n := bodies; n != 0 {
		errs = append(errs, fmt.Sprintf("%d bytes are granted to bodies", n))
	}
	for i, l := range s.budget.lanes {
		if l.held != 0 || len(l.queue) != 0 {
			errs = append(errs, fmt.Sprintf("lane %d holds %d bodies, %d wait", i, l.held, len(l.queue)))
		}
	}
	return errs
}

// checkRaw is checkIdle for a scripted peer.
func checkRaw(t testing.TB, r *raw) {
	t.Helper()
	for _, err := range idle(r.Session) {
		t.Error(err)
	}
	for g := range frame.Groups {
		if in, out := r.peer.earlyIn[g], r.peer.released[g].Load(); in != out || int(out) != r.l.freed[g] {
			t.Errorf("group %d: early bytes: received %d, released %d, announced %d", g, in, out, r.l.freed[g])
		}
	}
}
