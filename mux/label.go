package mux

import (
	"context"

	"github.com/gantline-project/gantline/frame"
)

// A label is the name and metadata of an open. labelLimit is how many bytes the labels of all that one side has open may
// have, by group. The opener counts all but one call and one message of each depth above 0, so that those who wait for it
// never keep it from going out. The other side lets pass what these may have at most. The numbers are in docs/LIMITS.md.
var (
	labelLimit = [frame.Groups]int{2 << 20, 1 << 20, 1 << 20}
	labelFree  = [frame.Groups]int{0, MaxDepth * maxLabel, MaxDepth * maxLabel}
)

const maxLabel = frame.MaxName + frame.MaxMetadata

// labelSize is how many bytes the name and metadata of an open have. What its opener does not count has labelUncounted
// beside them.
type labelSize uint16

const labelUncounted labelSize = 1 << 15

// bytes returns how many they are.
func (a labelSize) bytes() int { return int(a &^ labelUncounted) }

// labelTable counts the labels of what this side has open. Guarded by the send lock.
type labelTable struct {
	used [frame.Groups]int
	free [frame.Groups][MaxDepth + 1]bool      // whether there is one of the depth that is not counted
	wait *[frame.Groups][MaxDepth + 1]waitList // made when somebody waits; nil before
}

// take returns what an open of n bytes has, if it may have that now.
func (t *labelTable) take(group, depth uint8, n int) (a labelSize, ok bool) {
	switch {
	case t.used[group]+n <= labelLimit[group]:
		t.used[group] += n
		return labelSize(n), true
	case depth > 0 && !t.free[group][depth]:
		t.free[group][depth] = true
		return labelSize(n) | labelUncounted, true
	}
	return 0, false
}

// giveBack frees what an open of k had.
func (t *labelTable) giveBack(k slotKey, a labelSize) {
	g := k.group()
	waits := t.used[g] > labelLimit[g]-maxLabel // else everybody has room
	if a&labelUncounted != 0 {
		t.free[g][k.depth()] = false
	} else {
		t.used[g] -= a.bytes()
	}
	if waits {
		t.serve(g)
	}
}

// serve lets those go on who wait. The deepest come first, for which the others may wait.
func (t *labelTable) serve(group uint8) {
	if t.wait == nil {
		return
	}
	for depth := MaxDepth; depth >= 0; depth-- {
		for q := &t.wait[group][depth]; !q.empty(); {
			a, ok := t.take(group, uint8(depth), q.head.need)
			if !ok {
				break
			}
			q.head.label = a
			q.wakeFirst(true)
		}
	}
}

// takeLabelLocked waits until the label of o, which has a slot of k, has room. A stream waits as long as the
// timer says. Send lock held.
func (s *Session) takeLabelLocked(ctx context.Context, o *Open, k slotKey, timer *openTimer) (a labelSize, err error) {
	if o.Kind != frame.KindStream {
		timer = nil
	}
	n, t := len(o.Name)+len(o.Metadata), &s.opens.labels
	for n > 0 {
		if err := s.drainErrLocked(o.Parent); err != nil {
			return 0, err
		}
		if t.wait == nil || t.wait[k.group()][k.depth()].empty() {
			if a, ok := t.take(k.group(), k.depth(), n); ok {
				return a, nil
			}
		}
		if o.NoWait {
			return 0, ErrWouldWait
		}
		if t.wait == nil {
			t.wait = new([frame.Groups][MaxDepth + 1]waitList)
		}
		w := s.newWaiterLocked()
		granted, err := s.awaitOnLocked(w, &t.wait[k.group()][k.depth()], n, ctx, timer.c())
		a = w.label
		s.freeWaiterLocked(w)
		if granted {
			return a, nil
		}
		if err != nil {
			t.serve(k.group()) // those after it may need less
			return 0, err
		}
	}
	return 0, nil
}

// wakeAll lets all that wait look at what has ended.
func (t *labelTable) wakeAll() {
	if t.wait == nil {
		return
	}
	for g := range t.wait {
		for depth := range t.wait[g] {
			t.wait[g][depth].wakeAll()
		}
	}
}
