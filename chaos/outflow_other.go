//go:build !linux

package chaos

import (
	"net"
	"time"
)

// outflow gives bytes that were written to a socket time to be read. Systems other
// than Linux do not say where they are, and a reset discards what the receiver has
// not read.
type outflow struct{ until time.Time }

// readTime is long for a receiver that waits in a Read on the same machine.
const readTime = 20 * time.Millisecond

func newOutflow(net.Conn) *outflow {
	return &outflow{until: time.Now().Add(readTime)}
}

func (o *outflow) empty() bool { return time.Now().After(o.until) }
