package mux

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// slotKey names one set of slots. Streams share one, calls have one per depth, messages have one per depth and parent.
// So handlers that call or publish back cannot starve each other. All deeper calls together, and all messages, have a limit
// too, beside which one of each depth is free.
type slotKey uint64 // the group above 5 bits of depth above 56 bits of parent: ids have no more

func newKey(group, depth uint8, parent uint64) slotKey {
	return slotKey(group)<<61 | slotKey(depth)<<56 | slotKey(parent)
}

func (k slotKey) group() uint8   { return uint8(k >> 61) }
func (k slotKey) depth() uint8   { return uint8(k>>56) & 31 }
func (k slotKey) parent() uint64 { return uint64(k) & frame.MaxID }

func keyOf(kind frame.Kind, depth uint8, parent uint64) slotKey {
	switch g := uint8(kind.Group()); g {
	case 1:
		return newKey(g, depth, 0)
	case 2:
		return newKey(g, depth, parent)
	default:
		return newKey(g, 0, 0)
	}
}

const (
	// linkMessages is how many times the limit of unacked messages a whole link may have.
	linkMessages = 4
	// deepCalls is which part of the limit of calls may be deeper than 0, all together.
	deepCalls = 4
)

// total counts the messages of one side on the whole link, or the calls deeper than 0. One of each depth above 0 is free, so
// that those that wait for it never keep it from going out. That does not depend on the order in which they are opened.
type total struct {
	counted int // all but the free ones
	atDepth [MaxDepth + 1]int32
}

// totals has a total for calls and one for messages.
type totals [frame.Groups]total

// add counts d more opens of k, 1 or -1.
func (t *totals) add(k slotKey, d int) {
	g, depth := k.group(), k.depth()
	if g == 0 || g == 1 && depth == 0 {
		return
	}
	n := &t[g].atDepth[depth]
	if depth == 0 || *n > 1 || *n == 1 && d > 0 {
		t[g].counted += d
	}
	*n += int32(d)
}

// full reports whether another open of k has to wait for one on the link. limit is the group's.
func (t *totals) full(k slotKey, limit int) bool {
	g, depth := k.group(), k.depth()
	if depth == 0 && g != 2 {
		return false
	}
	return t.spent(g, limit) && (depth == 0 || t[g].atDepth[depth] > 0)
}

// spent reports whether nothing of the group may be opened but what is free.
func (t *totals) spent(group uint8, limit int) bool {
	switch group {
	case 1:
		return t[1].counted >= limit/deepCalls
	case 2:
		return t[2].counted >= limit*linkMessages
	}
	return false
}

// slots counts what this side has open under one key.
type slots struct {
	key  slotKey
	used int // slots handed to woken waiters count
	wait waitList
}

// slotTable is guarded by the send lock.
type slotTable struct {
	limit [frame.Groups]int
	all   totals
	sets  map[slotKey]*slots
	calls [MaxDepth + 1]*slots // the ones looked up most
	inbox *slots               // messages of the End's scope, those of depth 0
}

func (t *slotTable) init(peer frame.Limits) {
	t.limit = [frame.Groups]int{int(peer.Streams), int(peer.Calls), int(peer.Messages)}
	t.sets = make(map[slotKey]*slots)
	for d := range t.calls {
		t.calls[d] = t.get(newKey(1, uint8(d), 0))
	}
	t.inbox = t.get(newKey(2, 0, 0))
}

func (t *slotTable) get(k slotKey) *slots {
	switch {
	case k.group() == 1 && t.calls[MaxDepth] != nil:
		return t.calls[k.depth()]
	case k == newKey(2, 0, 0) && t.inbox != nil:
		return t.inbox
	}
	sl := t.sets[k]
	if sl == nil {
		sl = &slots{key: k}
		t.sets[k] = sl
	}
	return sl
}

// setLimits takes the peer's new maxima. A lower one acts on new opens only.
func (t *slotTable) setLimits(m frame.Settings) {
	t.limit = [frame.Groups]int{int(m.Streams), int(m.Calls), int(m.Messages)}
	for _, sl := range t.sets {
		t.serve(sl)
	}
}

// full reports whether the next open of sl has to wait.
func (t *slotTable) full(sl *slots) bool {
	g := sl.key.group()
	return sl.used >= t.limit[g] || t.all.full(sl.key, t.limit[g])
}

func (t *slotTable) take(sl *slots) {
	sl.used++
	t.all.add(sl.key, 1)
}

// serve hands free slots to waiters in their order.
func (t *slotTable) serve(sl *slots) {
	for !sl.wait.empty() && !t.full(sl) {
		t.take(sl)
		sl.wait.wakeFirst(true)
	}
}

func (t *slotTable) free(sl *slots, group uint8) {
	sl.used--
	wasFull := t.all.spent(group, t.limit[group])
	t.all.add(sl.key, -1)
	switch { // the link's total was the limit: anybody may go on
	case wasFull && group == 1:
		for _, other := range slices.Backward(t.calls[:]) { // the deepest first, for which the others may wait
			t.serve(other)
		}
	case wasFull: // none is always the first
		for _, other := range t.sets {
			t.serve(other)
		}
	default:
		t.serve(sl)
	}
	t.forget(sl)
}

func (t *slotTable) wakeAll() {
	for _, sl := range t.sets {
		sl.wait.wakeAll()
	}
}

// forget drops the empty set of a stream, which may have ended, unless another has taken its place.
func (t *slotTable) forget(sl *slots) {
	if t.sets[sl.key] == sl && sl.used == 0 && sl.wait.empty() && sl.key.group() == 2 && sl.key.parent() != 0 {
		delete(t.sets, sl.key)
	}
}

// takeSlotLocked waits for a slot for o; for a stream as long as the timer says. Send lock held.
func (s *Session) takeSlotLocked(ctx context.Context, o *Open, timer *openTimer) (*slots, error) {
	if o.Kind != frame.KindStream {
		timer = nil
	}
	t := &s.opens.slots
	for {
		if err := s.drainErrLocked(o.Parent); err != nil {
			return nil, err
		}
		sl := t.get(keyOf(o.Kind, o.Depth, o.Parent))
		if sl.wait.empty() && !t.full(sl) {
			t.take(sl)
			return sl, nil
		}
		granted, err := s.awaitOpenLocked(o, &sl.wait, 1, ctx, timer)
		if granted {
			return sl, nil
		}
		t.forget(sl)
		if err != nil {
			return nil, err
		}
	}
}

// takePlaceLocked waits until a stream may be opened that the peer has not accepted. Send lock held.
func (s *Session) takePlaceLocked(ctx context.Context, o *Open, timer *openTimer) error {
	for {
		if err := s.drainErrLocked(o.Parent); err != nil {
			return err
		}
		if s.opens.unconfirmed < s.opens.backlog && s.opens.confirmWait.empty() {
			s.opens.unconfirmed++
			return nil
		}
		if granted, err := s.awaitOpenLocked(o, &s.opens.confirmWait, 1, ctx, timer); granted || err != nil {
			return err
		}
	}
}

// openTimer is the open timeout, which runs from the first wait on; nil is none.
type openTimer struct {
	after time.Duration
	end   time.Time
	t     *time.Timer
}

func (o *openTimer) c() <-chan time.Time {
	if o == nil {
		return nil
	}
	if o.t == nil {
		o.t, o.end = time.NewTimer(o.after), time.Now().Add(o.after)
	} else { // it may have fired for a wait that ended well all the same
		o.t.Reset(time.Until(o.end))
	}
	return o.t.C
}

func (o *openTimer) stop() {
	if o.t != nil {
		o.t.Stop()
	}
}

// freePlaceLocked gives a place to the opener that has waited longest.
func (s *Session) freePlaceLocked() {
	s.opens.unconfirmed--
	if !s.opens.confirmWait.empty() && s.opens.unconfirmed < s.opens.backlog {
		s.opens.unconfirmed++
		s.opens.confirmWait.wakeFirst(true)
	}
}

// confirmLocked records that the peer has accepted a stream of ours, or that the stream has ended.
func (s *Session) confirmLocked(f *flow) {
	f.heard = true
	if f.unconfirmed {
		f.unconfirmed = false
		s.freePlaceLocked()
	}
}

// peerSlots counts what the peer has open under each key. The table's lock guards it.
type peerSlots struct {
	streams int
	calls   [MaxDepth + 1]int
	inbox   int             // messages of the End's scope, those of depth 0
	scoped  map[slotKey]int // other messages
	all     totals
	labels  [frame.Groups]int // bytes of names and metadata
}

func (p *peerSlots) get(k slotKey) int {
	if n := p.often(k); n != nil {
		return *n
	}
	return p.scoped[k]
}

func (p *peerSlots) add(k slotKey, d int) {
	p.all.add(k, d)
	if n := p.often(k); n != nil {
		*n += d
		return
	}
	if p.scoped == nil {
		p.scoped = make(map[slotKey]int)
	}
	if p.scoped[k] += d; p.scoped[k] == 0 {
		delete(p.scoped, k)
	}
}

// often returns the counter of a key that every session has; nil for another.
func (p *peerSlots) often(k slotKey) *int {
	switch {
	case k.group() == 0:
		return &p.streams
	case k.group() == 1:
		return &p.calls[k.depth()]
	case k == newKey(2, 0, 0):
		return &p.inbox
	}
	return nil
}

// takePeerSlotLocked counts an open of the peer's, with its label. It returns why it must not, "" if it may. Table lock
// held.
func (s *Session) takePeerSlotLocked(f *flow) (why string) {
	p, local := &s.tab.peer, &s.cfg.Local
	limit := [frame.Groups]int{int(local.Streams), int(local.Calls), int(local.Messages)}[f.group]
	switch {
	case p.get(f.key) >= limit || p.all.full(f.key, limit):
		return [frame.Groups]string{"too many open streams", "too many calls or messages open", "too many calls or messages open"}[f.group]
	case f.label > 0 && p.labels[f.group]+f.label.bytes() > labelLimit[f.group]+labelFree[f.group]:
		return fmt.Sprintf("names and metadata of what is open are over %d bytes", labelLimit[f.group])
	}
	p.add(f.key, 1)
	p.labels[f.group] += f.label.bytes()
	return ""
}

func (s *Session) dropPeerSlotLocked(f *flow) {
	if f.refused {
		s.tab.refused--
		return
	}
	s.tab.peer.add(f.key, -1)
	s.tab.peer.labels[f.group] -= f.label.bytes()
}
