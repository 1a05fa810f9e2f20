package server

import (
	"cmp"
	"time"

	"github.com/gantline-project/gantline"
)

// Limits bounds what strangers may make a listener hold. The zero value of each field is its default, and Stats.Hits
// counts under its name how often it was hit. gantline.Limits bounds what one End may hold.
//
//	limit                default   unit         over it
//	Peers                10,000    Ends         refused with ResourceExhausted, to try again later
//	PeersPerSource       64        Ends         refused with ResourceExhausted, to try again later
//	Suspended.Count      = Peers   Ends         the End of whoever has most is lost
//	Suspended.PerSource  64        Ends         the source's oldest is lost
//	Suspended.Bytes      128 MiB   bytes        the largest End of the source that holds most is lost
//	Suspended.Idle       5 s       time         the End is lost
//	Handshakes           256       connections  the one that keeps the listener waiting longest is closed
//	HandshakesPerSource  8         connections  the same of that source; if none is slow, the new one is closed
//	FirstByteTimeout     2 s       time         closed
//	HandshakeTimeout     5 s       time         closed
//	Backlog              256       Ends         refused with ResourceExhausted, to try again later
//
// A source is an IPv4 address or an IPv6 /64, which is what one customer usually has. Loopback, unix sockets and
// addresses that are not IP are no source: what is per source does not concern them. Behind a proxy all connections come
// from one address, so set what is per source to -1 there.
type Limits struct {
	// Peers is how many Ends may have a connection at a time, over all listeners of a Server. Suspended Ends do not
	// count: they have limits of their own, and return whenever their clients do. Negative means no limit.
	Peers int
	// PeersPerSource is the same for one source. An End counts for the source that it was made from. Negative means no
	// limit.
	PeersPerSource int
	// Suspended is about the Ends whose connection broke and whose clients may come back, over all listeners of a Server.
	// Of negative fields there is no limit.
	Suspended gantline.SuspendLimits
	// Handshakes is how many may run at a time, TLS and Config.Setup included. When there are as many, the connection is
	// closed whose client keeps the listener waiting longest. One that has sent nothing counts four times its time, and
	// each counts as often as its source has handshakes. While all are in order, further connections wait: one in the
	// listener, the rest in the operating system's backlog. Negative means no limit.
	Handshakes int
	// HandshakesPerSource is how many handshakes may come from one source. When there are as many, one of them that is
	// slow makes way, or the newcomer is closed, and its client may try again. Negative means no limit.
	HandshakesPerSource int
	// FirstByteTimeout is how long a client may send nothing at all. With gantline.Config.Yamux, and with connections
	// that do TLS themselves, HandshakeTimeout is the only limit. Negative means none.
	FirstByteTimeout time.Duration
	// HandshakeTimeout is how long a handshake may take, TLS and Config.Setup included, before the connection
	// is closed. Negative means the default. What follows TLS takes at most 5 s in any case.
	HandshakeTimeout time.Duration
	// Backlog is how many Ends may wait for AcceptEnd. When it is full, a handshake that is ready waits for
	// half of HandshakeTimeout before the client is welcomed; then it is refused. An End that died while it waited keeps
	// its place until AcceptEnd has returned it. Negative means 1.
	Backlog int
}

// The defaults of Limits. They are the numbers of docs/LIMITS.md.
const (
	DefaultPeers               = 10_000
	DefaultPeersPerSource      = 64
	DefaultHandshakes          = 256
	DefaultHandshakesPerSource = 8
	DefaultFirstByteTimeout    = 2 * time.Second
	DefaultHandshakeTimeout    = 5 * time.Second
	DefaultBacklog             = 256
)

// withDefaults fills in what is zero; 0 then means no limit, except within Suspended.
func (l Limits) withDefaults() Limits {
	l.Suspended.Count = cmp.Or(l.Suspended.Count, l.Peers)
	count := func(v *int, def int) { *v = max(cmp.Or(*v, def), 0) }
	count(&l.Peers, DefaultPeers)
	count(&l.PeersPerSource, DefaultPeersPerSource)
	count(&l.Handshakes, DefaultHandshakes)
	count(&l.HandshakesPerSource, DefaultHandshakesPerSource)
	count(&l.Backlog, DefaultBacklog)
	l.Backlog = max(l.Backlog, 1)
	l.FirstByteTimeout = max(cmp.Or(l.FirstByteTimeout, DefaultFirstByteTimeout), 0)
	if l.HandshakeTimeout <= 0 {
		l.HandshakeTimeout = DefaultHandshakeTimeout
	}
	return l
}
