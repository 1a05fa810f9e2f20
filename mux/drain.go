package mux

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/oddity"
)

// Drain asks the peer to open nothing more in the End's own scope. d says why; its LastID is filled in. Later opens are
// answered with RESET Unavailable, which says that they were not executed. What is open goes on. A further call does
// nothing.
func (s *Session) Drain(d frame.Drain) {
	s.l.Lock()
	defer s.l.Unlock()
	if s.life.gone != nil || s.life.draining.Load() {
		return
	}
	// The reader records an id before it looks at draining, so every id that it lets pass is in last.
	s.life.draining.Store(true)
	d.LastID = s.peer.lastID.Load()
	s.life.drainAt.Store(d.LastID)
	p := frame.AppendDrain(make([]byte, frame.HeaderLen, 256), &d)
	frame.PutHeader(p, frame.Header{Type: frame.TypeDrain, Length: uint32(len(p) - frame.HeaderLen)})
	copy(s.l.Alloc(len(p)), p)
	s.l.Wake()
}

// handleDrain stops opens of ours. Those above the last id that is served get their RESET from the peer. Calls and
// messages do not wait for it, so that whoever sends them again elsewhere has them before anything new.
func (s *Session) handleDrain(r *frame.Reader) error {
	p, err := r.Payload()
	if err != nil {
		return err
	}
	d, err := frame.ParseDrain(p)
	if err != nil {
		return err
	}
	code := d.Code
	if code == frame.OK {
		code = frame.Unavailable
	}
	var settled func()
	again := s.Drained() != nil
	if !again {
		settled = s.acc.HandleDrain(d)
	}
	s.l.Lock()
	s.life.drainedAt = d.LastID
	if !again {
		s.life.drained = &StreamError{Code: code, Message: strings.TrimSuffix("the peer is draining and takes no new work: "+errs.Quoted(d.Text), ": "), Remote: true}
	}
	s.opens.confirmWait.wakeAll()
	s.opens.slots.wakeAll()
	s.opens.labels.wakeAll()
	s.out.roomWait.wakeAll()
	for g := range s.pools.wait {
		s.pools.wait[g].wakeAll()
	}
	s.l.Unlock()
	for _, x := range s.notServed() {
		x.refuse()
	}
	if settled != nil {
		settled()
	}
	if again {
		return s.l.Charge(oddity.Odd, "a second DRAIN")
	}
	return nil
}

// notServed returns the calls and messages of ours that the peer does not serve, in order.
func (s *Session) notServed() (all []*Exchange) {
	s.l.Lock()
	defer s.l.Unlock()
	s.tab.Lock()
	defer s.tab.Unlock()
	for e := range s.tab.all() {
		if x, ok := e.(*Exchange); ok && x.refusedLocked() {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *Exchange) int { return cmp.Compare(a.id, b.id) })
	return all
}

// Drained returns what opens of the End's own scope fail with since the peer drains; nil = it does not.
func (s *Session) Drained() error {
	s.l.Lock()
	defer s.l.Unlock()
	if s.life.drained == nil {
		return nil
	}
	return s.life.drained
}

// NotServed reports whether err says that the peer, which drains, does not serve what was opened.
func (s *Session) NotServed(err error) bool {
	var why *StreamError
	if !errors.As(err, &why) {
		return false
	}
	s.l.Lock()
	defer s.l.Unlock()
	return why == s.life.drained
}

// CloseStreams stops every stream: blocked writers fail with net.ErrClosed, and what was written is in the log. It is
// the first step of closing the End.
//
// No end of a stream is sent that its writer did not ask for. The peer reads what was written and then, with the end of
// the session, why that ended: io.EOF is for streams that are complete. first says that the End's own stream is, since
// closing the End closes it. The yamux dialect cannot tell the two apart, so there every stream gets its FIN.
func (s *Session) CloseStreams(first bool) {
	s.tab.Lock()
	all := make([]*Stream, 0, s.tab.count())
	for e := range s.tab.all() {
		if st, ok := e.(*Stream); ok {
			all = append(all, st)
		}
	}
	s.tab.Unlock()
	for _, st := range all {
		s.l.Lock()
		if st.closed == nil {
			st.closed = errClosed
			st.wakeWritersLocked()
			if !st.sentEnd && s.life.gone == nil && (s.cfg.yamux || first && st.id == 0) {
				s.oweLocked(&st.flow, oweFin)
			}
		}
		s.l.Unlock()
	}
}
