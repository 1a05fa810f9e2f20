package conn

import (
	"net"
	"slices"
)

// attempts are the resumes of a link that are under way. Guarded by the send lock. A
// server has one at most. A client may have several, over different carriers.
type attempts []*carrier

func (a *attempts) add(c *carrier) { *a = append(*a, c) }

func (a *attempts) drop(c *carrier) {
	if i := slices.Index(*a, c); i >= 0 {
		*a = slices.Delete(*a, i, i+1)
	}
}

// cut makes all of them fail.
func (a attempts) cut() {
	for _, c := range a {
		c.cut()
	}
}

// attemptLocked begins a client's attempt over nc.
//
// All that are under way at once have the same epoch, so the server takes one of them:
// the first that reaches it. A late one does no harm. Once the server has seen the epoch
// there is a higher one, and answers to older attempts do not count any more.
func (l *Link) attemptLocked(nc net.Conn) *carrier {
	s := &l.carriers
	if len(s.attempts) == 0 || s.spent {
		s.epoch++
		s.spent = false
	}
	c := newCarrier(l, nc)
	c.epoch = s.epoch
	s.attempts.add(c)
	return c
}
