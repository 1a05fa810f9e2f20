package gantline

// messageScope is what messager keeps of an End's or stream's scope.
type messageScope struct {
	place
	inbox inbox
}

var _ half = (*messageScope)(nil)

// messageScope returns messager's half of st's scope, which is made now if it does not exist.
func (st *Stream) messageScope() *messageScope {
	if sc, ok := st.scope.messages.Load().(*messageScope); ok {
		return sc
	}
	sc, closed := st.makeMessageScope()
	if closed != nil {
		sc.closeInbox(closed)
	}
	return sc
}

// makeMessageScope returns the half, and why the scope is over.
func (st *Stream) makeMessageScope() (sc *messageScope, closed error) {
	st.end.mu.Lock()
	defer st.end.mu.Unlock()
	sc, ok := st.scope.messages.Load().(*messageScope)
	if !ok {
		sc = &messageScope{place: st.place()}
		st.scope.messages.Store(sc)
	}
	return sc, st.scope.closed
}

// accepted implements half.
func (sc *messageScope) accepted() {}

// over implements half.
func (sc *messageScope) over(err error) { sc.closeInbox(err) }

// endMessages is what messager keeps of an End.
type endMessages struct {
	e      *End
	box    Outbox // nil = nothing is kept; set, as boxKey, before Setup runs
	boxKey string // what box knows the peer by
	keeper keeper
	holds  *holder // with box; guarded by the holders' lock
}

var _ room = (*endMessages)(nil)

func newEndMessages(e *End) *endMessages { return &endMessages{e: e} }

// messager returns what messager keeps of e.
func (e *End) messager() *endMessages { return e.messages.(*endMessages) }

// attach implements room.
func (em *endMessages) attach(s *session) { em.useOutbox(s) }

// begin implements room.
func (em *endMessages) begin(s *session) {
	if em.box != nil && s.Seq == 1 {
		s.Resending.Go(func() { em.publishKept(s) })
	}
}

// lost implements room.
func (em *endMessages) lost() {}

// over implements room.
func (em *endMessages) over() { em.keeper.end(em.e) }

// wait implements room.
func (em *endMessages) wait() { em.keeper.wait() }
