package server

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/conn"
)

// census counts the Ends that have a connection, in all and by source. Guarded by peers.mu, but for hits.
type census struct {
	limit, perSource int // 0 = none
	here             int
	bySource         map[netip.Addr]int // no entry is 0
	hits             [2]atomic.Uint64   // refusals because of limit and perSource
}

// comeLater is how long a client is asked to wait that was refused because there are too many.
const comeLater = 2 * time.Second

// exhausted is a refusal because of a limit.
func exhausted(format string, args ...any) error {
	err := refusal(gantline.ResourceExhausted, format, args...)
	err.(*conn.RefusedError).RetryAfter = comeLater
	return err
}

// refuse says why there is no place for one more from src; nil if there is one. old makes way for it, unless it is nil.
func (c *census) refuse(src netip.Addr, old *peer) error {
	here, own := c.here, c.bySource[src]
	if old != nil && !old.away {
		here--
		if old.src == src {
			own--
		}
	}
	switch {
	case c.limit > 0 && here >= c.limit:
		c.hits[0].Add(1)
		return exhausted("the server has %d peers, its limit Limits.Peers: try again later", c.limit)
	case c.perSource > 0 && src.IsValid() && own >= c.perSource:
		c.hits[1].Add(1)
		return exhausted("the server has %d peers from this address, its limit Limits.PeersPerSource: try again later", c.perSource)
	}
	return nil
}

// add counts x, which has a connection now, or with -1 not any more.
func (c *census) add(x *peer, n int) {
	c.here += n
	if !x.src.IsValid() {
		return
	}
	if c.bySource == nil {
		c.bySource = make(map[netip.Addr]int)
	}
	if c.bySource[x.src] += n; c.bySource[x.src] == 0 {
		delete(c.bySource, x.src)
	}
}

// changed is called when e was suspended, or when its client is back.
func (p *peers) changed(e *gantline.End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	away := e.State() == gantline.StateBroken // now, however the calls overtake each other
	if gone := p.awaited[e]; gone != nil && away {
		gone()
	}
	x := p.byID[e.PeerID()]
	if x == nil || x.end != e || x.away == away {
		return
	}
	if x.away = away; away {
		p.census.add(x, -1)
	} else {
		p.census.add(x, 1)
	}
}
