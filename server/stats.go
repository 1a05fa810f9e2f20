package server

import "sync/atomic"

// Stats are a listener's numbers at one moment, for dashboards and alarms.
type Stats struct {
	// Peers is how many ids are in use, including those of handshakes after HELLO.
	// Handshakes is how many handshakes are in progress; Waiting how many Ends wait
	// for AcceptEnd. Their limits are Limits.Peers, Handshakes and Backlog.
	Peers, Handshakes, Waiting int
	// These count since the listener was made. Accepted connections became an End;
	// Refused ones got a refusal; Failed ones broke, spoke another protocol or took
	// too long; TurnedAway ones exceeded Limits.HandshakesPerSource.
	Accepted, Refused, Failed, TurnedAway uint64
}

// tolls is what Stats counts.
type tolls struct {
	handshakes                            atomic.Int64
	accepted, refused, failed, turnedAway atomic.Uint64
}

// Stats returns the listener's numbers. They are read one after the other and
// need not fit together exactly.
func (l *Listener) Stats() Stats {
	return Stats{
		Peers:      l.peers.count(),
		Handshakes: int(l.tolls.handshakes.Load()),
		Waiting:    len(l.queue),
		Accepted:   l.tolls.accepted.Load(),
		Refused:    l.tolls.refused.Load(),
		Failed:     l.tolls.failed.Load(),
		TurnedAway: l.tolls.turnedAway.Load(),
	}
}
