package mux

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// ErrOpenTimeout is what OpenStream returns after Config.OpenTimeout: a *StreamError.
var ErrOpenTimeout error = &StreamError{Code: frame.ResourceExhausted, Message: "open timed out: the peer neither accepted nor ended enough of the streams opened before"}

// ErrWouldWait is what Start and OpenStream return for an Open with NoWait that cannot go out at once: a *StreamError.
var ErrWouldWait error = &StreamError{Code: frame.FailedPrecondition, Message: "it would have to wait for the peer, which cannot be done on the goroutine that it is called on: use another one"}

// openState is what this side has open, and what waits to be opened. Guarded by
// the send lock unless atomic.
type openState struct {
	slots       slotTable
	labels      labelTable
	backlog     int // most of our streams that the peer has not accepted; constant
	unconfirmed int // of them; places handed to woken waiters count
	confirmWait waitList
	carrierWait waitList      // opens that wait for a carrier; see Config.AwaitCarrier
	away        int           // how many those are, and were until they look again
	nextID      atomic.Uint64 // written with the send lock held
}

// check refuses what the wire cannot carry.
func (o *Open) check(s *Session, stream bool, size int) error {
	code, text := frame.InvalidArgument, ""
	switch {
	case s.cfg.yamux && (o.Kind != frame.KindStream || o.Name != "" || len(o.Metadata) > 0):
		return errYamuxOnly
	case o.Kind > frame.KindUnackedMessage || stream != (o.Kind == frame.KindStream || o.Kind == frame.KindStreamingCall):
		text = fmt.Sprintf("a %v cannot be opened like this", o.Kind)
	case len(o.Name) > frame.MaxName:
		text = fmt.Sprintf("name of %d bytes is over the limit of %d", len(o.Name), frame.MaxName)
	case len(o.Metadata) > frame.MaxMetadata:
		text = fmt.Sprintf("metadata of %d bytes is over the limit of %d", len(o.Metadata), frame.MaxMetadata)
	case o.Parent != 0 && (o.Kind == frame.KindStream || !s.wasOpened(o.Parent)):
		text = fmt.Sprintf("a %v cannot be opened under stream %d", o.Kind, o.Parent)
	case o.Depth > MaxDepth:
		code, text = frame.ResourceExhausted, fmt.Sprintf("call is nested deeper than %d", MaxDepth)
	case size > int(s.cfg.Peer.Body):
		code, text = frame.ResourceExhausted, fmt.Sprintf("body of %d bytes is over the peer's limit of %d (Limits.Body there)", size, s.cfg.Peer.Body)
	case len(o.Metadata) > 0:
		if err := frame.CheckMetadata(o.Metadata); err != nil {
			text = err.Error()
		}
	}
	if text == "" {
		return nil
	}
	return &StreamError{Code: code, Message: text}
}

// opening is what one open holds on its way into the log. All of it is given back when the open fails.
type opening struct {
	s     *Session
	place bool // among the unconfirmed
	slots *slots
	label labelSize
	early int // taken from the pool; 0 for what goes without, see goesWithout
	room  int // reserved
}

func (g *opening) undoLocked() {
	s := g.s
	if g.place {
		s.freePlaceLocked()
	}
	if g.slots != nil {
		group := g.slots.key.group()
		s.opens.slots.free(g.slots, group)
		s.opens.labels.giveBack(g.slots.key, g.label)
		s.pools.sent[group] -= uint64(g.early)
		s.servePoolLocked(int(group)) // those after it may need less
	}
	s.out.reserved -= g.room
	s.l.Wake() // others may fit in the room now
}

// acquireLocked waits for all that an open needs. That is a slot, early window for n body bytes, and room for a
// frame of size bytes.
func (s *Session) acquireLocked(ctx context.Context, o *Open, n, size int, timer *openTimer) (g opening, err error) {
	g.s = s
	if err = g.acquireLocked(ctx, o, n, size, timer); err == nil {
		err = s.drainErrLocked(o.Parent)
	}
	if err != nil {
		g.undoLocked()
	}
	return g, err
}

func (g *opening) acquireLocked(ctx context.Context, o *Open, n, size int, timer *openTimer) (err error) {
	s := g.s
	if g.slots, err = s.takeSlotLocked(ctx, o, timer); err != nil {
		return err
	}
	if g.label, err = s.takeLabelLocked(ctx, o, g.slots.key, timer); err != nil {
		return err
	}
	if o.Kind == frame.KindStream {
		if err = s.takePlaceLocked(ctx, o, timer); err != nil {
			return err
		}
		g.place = true
	}
	group := g.slots.key.group()
	for n > 0 && g.early == 0 && !s.goesWithoutLocked(o, n) {
		if err := s.drainErrLocked(o.Parent); err != nil {
			return err
		}
		granted := false
		if s.pools.wait[group].empty() && s.poolRoomLocked(group) >= n {
			s.pools.sent[group] += uint64(n)
			granted = true
		} else if granted, err = s.awaitOpenLocked(o, &s.pools.wait[group], n, ctx, nil); err != nil {
			return err
		}
		if granted {
			g.early = n
		}
	}
	for g.room == 0 {
		if err := s.drainErrLocked(o.Parent); err != nil {
			return err
		}
		if s.out.roomWait.empty() && s.roomLocked() >= size {
			return nil
		}
		s.l.Wake()
		granted, err := s.awaitOpenLocked(o, &s.out.roomWait, size, ctx, nil)
		if err != nil {
			return err
		}
		if granted {
			g.room = size
		}
	}
	return nil
}

// goesWithoutLocked reports whether o is opened without n body bytes rather than wait for early window. What uses that up may
// wait for a handler, and the handler for o, if o is nested. The rest of o goes out on credit, which waits for no other depth.
func (s *Session) goesWithoutLocked(o *Open, n int) bool {
	group := o.Kind.Group()
	return o.Depth > 0 && o.Kind != frame.KindStreamingCall && !o.NoWait &&
		(!s.pools.wait[group].empty() || s.poolRoomLocked(uint8(group)) < n)
}

// firstRoom returns how many body bytes an OPEN may bring.
func (s *Session) firstRoom(o *Open) int {
	p := &s.cfg.Peer
	return max(0, min(int(p.EarlyStream), int(p.EarlyPool[o.Kind.Group()]), s.maxPayload-openLen(o)))
}

// appendOpenLocked gives f its id, registers e and appends the OPEN frame. That is one critical section, so
// that ids stand in the log in order, and an answer always finds its stream.
func (s *Session) appendOpenLocked(f *flow, e entry, o *Open, body []byte, total int, fin bool) {
	f.id = s.opens.nextID.Load()
	s.opens.nextID.Store(f.id + 2)
	var name [frame.MaxName]byte // a []byte of the string without an allocation
	w := frame.Open{Kind: o.Kind, Depth: o.Depth, Codec: o.Codec, Parent: o.Parent, Size: uint32(total),
		Name: name[:copy(name[:], o.Name)], Metadata: o.Metadata, Body: body}
	if o.Timeout > 0 {
		w.Timeout = uint32(min((o.Timeout-1)/time.Millisecond+1, 1<<32-1))
	}
	n := frame.OpenLen(&w) + len(body)
	var flags frame.Flags
	if fin {
		flags = frame.FlagFin
	}
	b := s.l.Alloc(frame.HeaderLen + n)
	frame.PutHeader(b, frame.Header{Type: frame.TypeOpen, Flags: flags, Length: uint32(n), ID: f.id})
	frame.AppendOpen(b[:frame.HeaderLen], &w)
	s.tab.Lock()
	s.tab.put(e)
	s.tab.Unlock()
	f.early -= len(body)
	s.livelyLocked(frame.HeaderLen + n)
	s.l.Wake()
	if fin {
		s.endSendLocked(f)
	}
}

// openLen returns the payload bytes of an OPEN beside its body.
func openLen(o *Open) int { return openFixed + len(o.Name) + len(o.Metadata) }

var openFixed = frame.OpenLen(&frame.Open{})

// OpenStream opens a stream or a streaming call, without waiting for the peer's answer. The peer learns of it with
// the next flush. It may still refuse the stream, and the first Read or Write then fails. body is sent with the open
// and must fit one frame.
//
// OpenStream waits while the peer's limit of streams or calls is reached, and while too many streams are not accepted;
// for a stream up to Config.OpenTimeout in all. With Config.AwaitCarrier it waits for a carrier as well. ctx ends these
// waits, and those for early window and room.
//
// Errors: ctx's, ErrOpenTimeout, ErrWouldWait, *StreamError (Unavailable once the peer drains, InvalidArgument for what the wire
// cannot carry), or why the session is gone.
func (s *Session) OpenStream(ctx context.Context, o *Open, body []byte) (*Stream, error) {
	if err := o.check(s, true, 0); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if limit := s.firstRoom(o); len(body) > limit {
		return nil, &StreamError{Code: frame.InvalidArgument, Message: fmt.Sprintf("first bytes of %d are over the %d that fit an open", len(body), limit)}
	}
	s.l.Lock()
	defer s.l.Unlock()
	timer := openTimer{after: s.cfg.OpenTimeout}
	defer timer.stop()
	g, err := s.acquireCarriedLocked(ctx, o, len(body), frame.HeaderLen+openLen(o)+len(body), &timer)
	if err != nil {
		return nil, err
	}
	s.out.reserved -= g.room
	st := s.newStream(0, o.Kind, true)
	st.describe(o)
	st.slots, st.key, st.label = g.slots, g.slots.key, g.label
	st.accepted, st.unconfirmed = true, g.place
	st.openPos = s.l.Appended()
	s.appendOpenLocked(&st.flow, st, o, body, 0, false)
	return st, nil
}

// drainErrLocked refuses opens of the End's own scope once the peer drains.
func (s *Session) drainErrLocked(parent uint64) error {
	if s.life.gone != nil {
		return s.life.gone
	}
	if s.life.shut != nil {
		return s.life.shut
	}
	if s.life.drained != nil && parent == 0 {
		return s.life.drained
	}
	return nil
}
