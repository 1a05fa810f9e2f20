package server

import "sync/atomic"

// Stats are a listener's numbers at one moment, for dashboards and alarms.
type Stats struct {
	// Peers is how many ids are in use, those of handshakes past HELLO
	// included; Handshakes how many handshakes go on; Waiting how many Ends wait for
	// AcceptEnd. Their limits are Limits.Peers, Handshakes and Backlog.
	Peers, Handshakes, Waiting int
	// Since the listener was made: Accepted connections became an End, Refused
	// ones were told no, Failed ones broke off, spoke something else or took too
	// long, and TurnedAway ones were over Limits.HandshakesPerSource.
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
