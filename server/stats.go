package server

import "sync/atomic"

// Stats are the numbers of a Listener or a Server at one moment, for dashboards and alarms.
type Stats struct {
	// Peers is how many ids are in use, including those of handshakes after HELLO.
	// Suspended is how many Ends wait for their clients to come back, and
	// SuspendedBytes what they hold. Handshakes is how many handshakes are in
	// progress; Waiting how many Ends wait for AcceptEnd.
	Peers, Suspended, SuspendedBytes, Handshakes, Waiting int
	// These count since the listener was made. Accepted connections became an End;
	// Refused ones got a refusal; Failed ones broke, spoke another protocol, took
	// too long or made way for others; TurnedAway ones exceeded Limits.HandshakesPerSource.
	Accepted, Refused, Failed, TurnedAway uint64
	// Hits says how often each of Limits was hit.
	Hits Hits
}

// Hits counts how often the Limits of these names were hit. Those of peers and suspended Ends are for all listeners of a
// Server together.
type Hits struct {
	Peers, PeersPerSource           uint64 // clients refused
	Suspended                       SuspendedHits
	Handshakes, HandshakesPerSource uint64 // connections that found all of them taken
	FirstByteTimeout                uint64 // connections closed
	HandshakeTimeout                uint64 // connections closed
	Backlog                         uint64 // clients refused
}

// SuspendedHits counts the suspended Ends that were ended because of Limits.Suspended.
type SuspendedHits struct {
	Count, PerSource, Bytes, Idle uint64 // by the limit
}

// tolls is what a listener counts.
type tolls struct {
	accepted, refused, failed, turnedAway             atomic.Uint64
	handshakes, perSource, firstByte, timeout, places atomic.Uint64 // hits
}

// Stats returns the listener's numbers. They are read one after the other and
// need not fit together exactly.
func (l *Listener) Stats() Stats {
	st := Stats{
		Handshakes: l.slots.count(),
		Waiting:    len(l.queue),
		Accepted:   l.tolls.accepted.Load(),
		Refused:    l.tolls.refused.Load(),
		Failed:     l.tolls.failed.Load(),
		TurnedAway: l.tolls.turnedAway.Load(),
	}
	st.Hits.Handshakes = l.tolls.handshakes.Load()
	st.Hits.HandshakesPerSource = l.tolls.perSource.Load()
	st.Hits.FirstByteTimeout = l.tolls.firstByte.Load()
	st.Hits.HandshakeTimeout = l.tolls.timeout.Load()
	st.Hits.Backlog = l.tolls.places.Load()
	l.peers.stats(&st)
	return st
}

// stats fills in what all listeners share.
func (p *peers) stats(st *Stats) {
	s := p.sessions.Suspended()
	st.Peers, st.Suspended, st.SuspendedBytes = p.count(), s.Ends, s.Bytes
	st.Hits.Peers, st.Hits.PeersPerSource = p.census.hits[0].Load(), p.census.hits[1].Load()
	st.Hits.Suspended = SuspendedHits{Count: s.Count, PerSource: s.PerSource, Bytes: s.OverBytes, Idle: s.Idle}
}

// Stats returns the numbers of all listeners together, those that are closed included.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readyLocked()
	st := s.past
	for l := range s.listeners {
		st.add(l.Stats())
	}
	s.peers.stats(&st)
	return st
}

// add adds what listeners have each for itself.
func (s *Stats) add(t Stats) {
	for _, x := range [...]struct{ to, n *uint64 }{
		{&s.Accepted, &t.Accepted}, {&s.Refused, &t.Refused}, {&s.Failed, &t.Failed}, {&s.TurnedAway, &t.TurnedAway},
		{&s.Hits.Handshakes, &t.Hits.Handshakes}, {&s.Hits.HandshakesPerSource, &t.Hits.HandshakesPerSource},
		{&s.Hits.FirstByteTimeout, &t.Hits.FirstByteTimeout}, {&s.Hits.HandshakeTimeout, &t.Hits.HandshakeTimeout},
		{&s.Hits.Backlog, &t.Hits.Backlog},
	} {
		*x.to += *x.n
	}
	s.Handshakes += t.Handshakes
	s.Waiting += t.Waiting
}
