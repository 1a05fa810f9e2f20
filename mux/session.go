package mux

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/oddity"
)

// A Session runs the streams, calls and messages of one link. Make one with New.
//
// Its fields are grouped by concern, and each group says what guards it; what
// comes before them is constant. The package comment has the order of the locks.
type Session struct {
	l   Link
	cfg Config
	acc Acceptor

	born time.Time

	maxPayload int // of frames we send

	first *Stream // the End's own stream; nil with NoFirst

	out         sendState
	pools       earlyPools
	opens       openState
	idleWaiters []*waiter // for newWaiterLocked; send lock
	life        lifetime
	peer        peerState

	tab struct {
		sync.Mutex // guards what follows; taken inside the send lock
		table
		peer    peerSlots // opens of the peer's that are in the table
		refused int       // entries that only wait for the end of a refused open
	}

	budget budget
	idle   oddity.Allowance // for frames of the peer's without effect; reader only
	stalls stalls
	bodies atomic.Int64 // bytes allocated for bodies that the application does not have yet
	unread atomic.Int64 // bytes that streams hold for their readers; counted in the yamux dialect only
}

// lifetime says what a session still opens and serves. Guarded by the send lock
// unless atomic. None of it is ever taken back:
//
//	set by                     field     opens of ours  opens of the peer's  what is open
//	                           -         wait, go out   served               goes on
//	Drain                      draining  wait, go out   refused              goes on
//	a DRAIN of the peer's      drained   fail           served               goes on
//	Yamux.Close                shut      fail           refused              ends when written
//	HandleClose                gone      fail           do not come          has ended
//
// Draining, on either side, is about the End's own scope: what belongs to a
// stream that is open is still opened and served.
type lifetime struct {
	gone      error         // why the session ended
	shut      error         // why nothing is opened any more though it goes on; set by the yamux link
	drained   *StreamError  // the peer serves no new opens, ...
	drainedAt uint64        // ... which are those above this id
	drainAt   atomic.Uint64 // ids of the peer above it are refused, once draining
	draining  atomic.Bool
}

// peerState is what the peer has opened and sent early. The reader owns it; the
// counters that others read, or advance, are atomic.
type peerState struct {
	lastID    atomic.Uint64               // highest id the peer opened; written by the reader
	accepting atomic.Bool                 // an open is counted in lastID and not in the table yet; cleared with the table locked
	dataIn    atomic.Int64                // bytes of DATA frames that have come; written by the reader
	earlyIn   [frame.Groups]uint64        // the peer's early bytes received; reader only
	released  [frame.Groups]atomic.Uint64 // of those, released
}

// entry is what the table holds: a stream, an exchange of ours or of the peer's, or a leftover.
// Its methods other than base are called by the reader.
type entry interface {
	base() *flow
	data(h frame.Header, r *frame.Reader) error
	reset(code frame.Code, text string) // the peer's RESET, which base().peerEnd has already
	end(err error)                      // the session is gone; called once, by HandleClose
}

// New returns a session on l. l must call the session's Handle methods and Fill from now on.
func New(l Link, cfg *Config) *Session {
	c := cfg.withDefaults()
	s := &Session{born: time.Now(), l: l, cfg: c, acc: c.Acceptor, maxPayload: int(min(c.Peer.MaxPayload, frame.DefaultMaxPayload))}
	if n := int(c.Local.Log) - frame.HeaderLen; n > 0 { // a frame that waits for room must fit the log
		s.maxPayload = min(s.maxPayload, n)
	}
	s.budget.init(c.process, c.StreamBudget, c.BodyBudget)
	s.opens.slots.init(c.Peer)
	s.opens.backlog = min(maxUnconfirmed, int(c.Peer.Backlog))
	s.opens.nextID.Store(2)
	if c.Client {
		s.opens.nextID.Store(1)
	}
	if !c.NoFirst {
		s.first = s.newStream(0, frame.KindStream, c.Client)
		s.first.accepted = true
		s.tab.put(s.first)
	}
	return s
}

// First returns the stream that both sides have from the start, id 0.
func (s *Session) First() *Stream { return s.first }

// Stream returns the stream of kind 0 with this id, nil when it has ended or never was one.
func (s *Session) Stream(id uint64) *Stream {
	st, _ := s.lookup(id).(*Stream)
	if st == nil || st.kind != frame.KindStream {
		return nil
	}
	return st
}

// Streams calls yield for every open stream of kind 0 except the first, in no order.
func (s *Session) Streams(yield func(*Stream) bool) {
	s.tab.Lock()
	all := make([]*Stream, 0, s.tab.count())
	for e := range s.tab.all() {
		if st, ok := e.(*Stream); ok && st.id != 0 && st.kind == frame.KindStream {
			all = append(all, st)
		}
	}
	s.tab.Unlock()
	for _, st := range all {
		if !yield(st) {
			return
		}
	}
}

// Count returns how many streams, calls and messages are open in both directions together, the first
// stream not counted. What a DRAIN of ours has promised to serve is among them from then on until it has ended.
func (s *Session) Count() int {
	s.tab.Lock()
	defer s.tab.Unlock()
	n := s.tab.count()
	if s.tab.get(0) != nil {
		n--
	}
	if s.peer.accepting.Load() {
		n++
	}
	return n
}

func (s *Session) lookup(id uint64) entry {
	s.tab.Lock()
	e := s.tab.get(id)
	s.tab.Unlock()
	return e
}

// mine reports whether ids of id's parity are given out by this side.
func (s *Session) mine(id uint64) bool { return (id&1 == 1) == s.cfg.Client }

// wasOpened reports whether id was ever opened, by either side.
func (s *Session) wasOpened(id uint64) bool {
	if id == 0 {
		return s.first != nil
	}
	if s.mine(id) {
		return id < s.opens.nextID.Load()
	}
	return id <= s.peer.lastID.Load()
}

// HandleClose ends everything. err says why, and is what operations return from now on.
func (s *Session) HandleClose(err error) {
	if err == nil {
		err = errs.New(frame.Unavailable, "gantline: session closed")
	}
	s.l.Lock()
	if s.life.gone != nil {
		s.l.Unlock()
		return
	}
	s.life.gone = err
	s.tab.Lock()
	all := slices.AppendSeq(make([]entry, 0, s.tab.count()), s.tab.all())
	s.tab.clear()
	s.tab.Unlock()
	for _, e := range all {
		if st, ok := e.(*Stream); ok {
			st.goneLocked(err)
		}
		e.base().wakeWriterLocked()
		e.base().writers.wakeAll()
	}
	s.out.roomWait.wakeAll()
	s.opens.confirmWait.wakeAll()
	s.opens.carrierWait.wakeAll()
	for g := range s.pools.wait {
		s.pools.wait[g].wakeAll()
	}
	s.opens.slots.wakeAll()
	s.opens.labels.wakeAll()
	s.l.Unlock()
	s.stalls.close()
	giveGrants(s.budget.close())
	for _, e := range all {
		e.end(err)
	}
}

// release counts n early bytes of the peer's as consumed, and lets the link announce it. No lock held.
func (s *Session) release(group uint8, n int) {
	if n <= 0 {
		return
	}
	s.peer.released[group].Add(uint64(n))
	s.l.Release(int(group), n)
}

// checkEarly checks n early bytes that arrive against the group's pool. The reader calls it before anything is
// allocated for them. They are counted in peer.earlyIn once the frame is whole.
func (s *Session) checkEarly(id uint64, group uint8, n int) error {
	held := s.peer.earlyIn[group] - s.peer.released[group].Load()
	if limit := uint64(s.cfg.Local.EarlyPool[group]); held+uint64(n) > limit {
		return protocolError(id, "%d early bytes beside %d unreleased ones are over the pool of %d", n, held, limit)
	}
	return nil
}

// removeLocked takes f out of the table when both directions have ended. Send lock held.
func (s *Session) removeLocked(f *flow) {
	s.tab.Lock()
	if e := s.tab.get(f.id); e != nil && e.base() == f {
		if st, ok := e.(*Stream); ok {
			st.finishedLocked()
		}
		s.tab.remove(f.id)
		if !f.own && f.id != 0 {
			s.dropPeerSlotLocked(f)
		}
	}
	s.tab.Unlock()
	if f.own && f.slots != nil {
		s.opens.slots.free(f.slots, f.group)
		s.opens.labels.giveBack(f.key, f.label)
		f.slots = nil
	}
	s.confirmLocked(f)
}

// swapLocked puts e in the place of the entry with this id, whose state e has now. Send lock held.
func (s *Session) swapLocked(id uint64, e entry) {
	s.tab.Lock()
	if s.tab.get(id) != nil {
		s.tab.put(e)
	}
	s.tab.Unlock()
}
