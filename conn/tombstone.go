package conn

// Tombstone returns a small Link that Config.Find can return for l, which has ended.
// It refuses every resume as l would have done. To a client that proves the session it
// gives the position up to which l took what the client sent. It holds none of l's
// memory and needs no end.
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
