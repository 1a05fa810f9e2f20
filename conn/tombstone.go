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
		keys:    l.keys,
		peer:    Peer{ID: l.peer.ID, Session: l.peer.Session, Expiry: l.peer.Expiry},
		life: lifetime{
			started: make(chan struct{}),
			done:    make(chan struct{}),
			ended:   l.life.ended,
			stopped: true,
			final:   true,
			cause:   l.life.cause,
		},
	}
	t.send.cond.L = &t.mu
	t.recv.position.Store(l.recv.position.Load())
	t.life.state.Store(uint32(StateClosed))
	close(t.life.started)
	close(t.life.done)
	return t
}
