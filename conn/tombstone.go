package conn

// Tombstone returns a small Link that stands for l, which has ended, in the
// answers of Config.Find: a resume that proves the session is refused with the
// position up to which l took what the client sent, and everything else is
// refused as l would have. It holds none of l's memory and needs no end.
func (l *Link) Tombstone() *Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &Link{
		localID: l.localID,
		secret:  l.secret,
		bound:   l.bound,
		owner:   l.owner,
		peer:    Peer{ID: l.peer.ID, Session: l.peer.Session, Expiry: l.peer.Expiry},
		started: make(chan struct{}),
		done:    make(chan struct{}),
		ended:   l.ended,
		stopped: true,
		overrun: true,
		cause:   l.cause,
	}
	t.cond.L = &t.mu
	t.received.Store(l.received.Load())
	t.state.Store(uint32(StateClosed))
	close(t.started)
	close(t.done)
	return t
}
