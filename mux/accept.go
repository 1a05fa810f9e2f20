package mux

import (
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// maxRefused is how many opens beyond the limits may wait for their end at a time. A correct peer does not
// open that many.
const maxRefused = 1000

// handleOpen takes an OPEN of the peer. Everything is checked before the stream is registered.
func (s *Session) handleOpen(h frame.Header, r *frame.Reader) error {
	p, err := r.Payload()
	if err != nil {
		return err
	}
	o, err := frame.ParseOpen(p)
	if err != nil {
		return err
	}
	switch {
	case s.mine(h.ID):
		return protocolError(h.ID, "OPEN with an id of the wrong parity")
	case h.ID <= s.peer.lastID.Load() && !s.cfg.yamux:
		return protocolError(h.ID, "OPEN with an id not above the last one, %d", s.peer.lastID.Load())
	case o.Depth > MaxDepth:
		return protocolError(h.ID, "call depth %d is over %d", o.Depth, MaxDepth)
	case len(o.Body) > int(s.cfg.Local.EarlyStream):
		return protocolError(h.ID, "%d early bytes are over the stream's early window of %d", len(o.Body), s.cfg.Local.EarlyStream)
	case o.Parent != 0 && !s.wasOpened(o.Parent):
		return protocolError(h.ID, "OPEN under stream %d, which was never opened", o.Parent)
	case o.Size != 0 && int(o.Size) < len(o.Body), o.Size != 0 && h.Flags&frame.FlagFin != 0 && int(o.Size) != len(o.Body):
		return protocolError(h.ID, "OPEN announces a body of %d bytes and brings %d", o.Size, len(o.Body))
	}
	fin := h.Flags&frame.FlagFin != 0
	group := uint8(o.Kind.Group())
	if err := s.checkEarly(h.ID, group, len(o.Body)); err != nil {
		return err
	}
	s.peer.earlyIn[group] += uint64(len(o.Body))
	s.peer.accepting.Store(true) // before a Drain can name it as served
	s.peer.lastID.Store(max(h.ID, s.peer.lastID.Load()))

	if o.Kind == frame.KindVoid { // its opener gave it up before it arrived
		return s.refuse(h.ID, &o, fin, frame.Canceled, "")
	}
	if code, text := s.refusal(h.ID, &o); code != frame.OK {
		return s.refuse(h.ID, &o, fin, code, text)
	}
	if o.Kind == frame.KindStream || o.Kind == frame.KindStreamingCall {
		st := s.newStream(h.ID, o.Kind, false)
		st.describeWire(&o)
		st.opened(fin)
		if why := s.register(&st.flow, st, &o); why != "" {
			return s.refuse(h.ID, &o, fin, frame.ResourceExhausted, why)
		}
		st.takeFirst(o.Body, fin)
		s.acc.AcceptStream(st)
		return nil
	}
	x := s.acc.NewExchange(o.Kind)
	x.init(s, h.ID, &o)
	x.opened(fin)
	if why := s.register(&x.flow, x, &o); why != "" {
		return s.refuse(h.ID, &o, fin, frame.ResourceExhausted, why)
	}
	return x.open(&o, fin)
}

// refusal returns why an open is answered with RESET, OK if it is not.
func (s *Session) refusal(id uint64, o *frame.Open) (frame.Code, string) {
	if o.Parent == 0 {
		if s.life.draining.Load() && id > s.life.drainAt.Load() {
			return frame.Unavailable, "draining: not executed"
		}
		return frame.OK, ""
	}
	if p, ok := s.lookup(o.Parent).(*Stream); !ok || p.kind != frame.KindStream {
		return frame.NotFound, "the stream it is addressed to has ended"
	}
	if o.Kind == frame.KindStream {
		return frame.InvalidArgument, "a stream cannot be opened under another"
	}
	return frame.OK, ""
}

// register takes the slot and puts e into the table. It returns why not when the peer has as many as it may.
func (s *Session) register(f *flow, e entry, o *frame.Open) (why string) {
	f.label = labelSize(len(o.Name) + len(o.Metadata))
	s.tab.Lock()
	defer s.tab.Unlock()
	if why = s.takePeerSlotLocked(f); why != "" {
		return why
	}
	s.tab.put(e)
	s.peer.accepting.Store(false)
	return ""
}

// refuse answers an open with RESET, and leaves a leftover until the peer has ended its direction. The leftover
// takes a slot while the peer has any, so that only opens beyond the limits count as such.
func (s *Session) refuse(id uint64, o *frame.Open, fin bool, code frame.Code, text string) error {
	x := &leftover{}
	s.initFlow(&x.flow, id, o.Kind, o.Depth, o.Parent, false)
	x.opened(fin)
	s.release(x.group, len(o.Body))
	s.l.Lock()
	defer s.l.Unlock()
	s.tab.Lock()
	tooMany := false
	if s.takePeerSlotLocked(&x.flow) != "" {
		x.refused = true
		s.tab.refused++
		tooMany = s.tab.refused > maxRefused
	}
	s.tab.put(x)
	s.peer.accepting.Store(false)
	s.tab.Unlock()
	if tooMany {
		return protocolError(id, "more than %d opens beyond the limits announced", maxRefused)
	}
	s.oweResetLocked(&x.flow, code, text)
	if x.refused && !s.cfg.yamux { // a yamux peer does not know the limits
		return s.l.Charge(oddity.Cheap, "OPEN beyond the limits announced")
	}
	return nil
}

// leftover stands for a stream this side is done with while the peer's end is still to come.
type leftover struct {
	flow
	asm   *assembly // of the answer that had begun to come; nil = nothing was granted
	early int       // early bytes that came since; reader only
}

// dropped charges n bytes of body that the peer may not have sent when this side gave up. What it may is on its way.
func (x *leftover) dropped(n int, early bool) error {
	over := false
	switch {
	case early:
		x.early += n
		over = x.early > int(x.s.cfg.Local.EarlyStream)
	case x.asm != nil:
		x.asm.mu.Lock()
		over = x.asm.overLocked(n, false)
		x.asm.grant -= n
		x.asm.mu.Unlock()
	default:
		over = n > 0 && !x.s.cfg.yamux
	}
	if !over {
		return nil
	}
	return x.s.l.Charge(oddity.Odd, "DATA beyond credit for what was given up")
}

func (x *leftover) data(h frame.Header, r *frame.Reader) error {
	n := r.Len()
	if h.Flags&frame.FlagHead != 0 { // the block does not count as body
		p, err := r.Payload()
		if err != nil {
			return err
		}
		_, body, err := frame.ParseHead(p)
		if err != nil {
			return err
		}
		n = len(body)
	} else if err := r.Skip(); err != nil {
		return err
	}
	if err := x.dropped(n, h.Flags&frame.FlagEarly != 0); err != nil {
		return err
	}
	if h.Flags&frame.FlagEarly != 0 {
		if n == 0 {
			return errEarlyNothing(x.id)
		}
		if err := x.s.checkEarly(x.id, x.group, n); err != nil {
			return err
		}
		x.s.peer.earlyIn[x.group] += uint64(n)
		x.s.release(x.group, n)
	}
	if h.Flags&frame.FlagFin != 0 {
		x.ended()
	}
	return nil
}

func (x *leftover) ended() {
	x.s.l.Lock()
	defer x.s.l.Unlock()
	x.s.endRecvLocked(&x.flow)
}

func (x *leftover) reset(frame.Code, string) { x.ended() }
func (x *leftover) end(error)                {}

func timeoutOf(o *frame.Open) time.Duration { return time.Duration(o.Timeout) * time.Millisecond }
