package chaos

import (
	"errors"
	"net"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// connBuffer is the buffer of a Conn each way, between its user and the wrapped net.Conn, in bytes.
const connBuffer = 64 << 10

// A Conn is a net.Conn whose bytes pass through rules on their way to and from another net.Conn. As with a
// socket, a Write returns when its bytes are buffered, and they may still be lost after that. All methods may
// be called from any goroutine.
type Conn struct {
	pipe *memnet.Conn // the user's end; lanes work between the other one and nc
	nc   net.Conn
	link *link // nil: it was born closed
}

var _ net.Conn = (*Conn)(nil)

// Wrap puts nc, whose writes go up, under rules of its own. If it fails, with a *RuleError, nc is not touched.
// Otherwise nc belongs to the Conn, whose goroutines end when the connection does; Close of its Group waits for
// them. Group.Wrap says what nc must be able to do.
func Wrap(nc net.Conn, cfg *Config) (*Conn, error) {
	g, err := NewGroup(cfg)
	if err != nil {
		return nil, err
	}
	return g.wrap(nc, Up, g.closeLocked), nil
}

// Wrap puts nc under the rules of g and gives it the next number. writes says which way its writes go: Up for a
// connection that was dialed, Down for one that was accepted. From then on nc belongs to the Conn. It must obey
// deadlines and lose nothing when one ends a Write (tls.Conn does lose bytes: wrap what is below it). A reset
// is a real one if nc has SetLinger, as TCP has; else it is a Close. Without CloseWrite the end of one
// direction ends both.
//
// After Close of the group it returns a Conn that is closed.
func (g *Group) Wrap(nc net.Conn, writes Side) *Conn { return g.wrap(nc, writes, nil) }

func (g *Group) wrap(nc net.Conn, writes Side, last func()) *Conn {
	outer, inner := memnet.Pipe(memnet.WithBuffer(connBuffer))
	c := &Conn{pipe: outer, nc: nc}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = outer.Close()
		_ = nc.Close()
		return c
	}
	if writes == Down {
		c.link = g.newLinkLocked(nc, inner)
		c.link.user = c.link.lanes[1]
	} else {
		c.link = g.newLinkLocked(inner, nc)
		c.link.user = c.link.lanes[0]
	}
	c.link.from = nc.LocalAddr().String()
	c.link.last = last
	go c.link.run(nil)
	return c
}

// ID returns the connection's number in its group, 0 if it was born closed.
func (c *Conn) ID() int {
	if c.link == nil {
		return 0
	}
	return c.link.id
}

// Group returns the connection's group, for its counters and for Inject. It is nil
// if the Conn was born closed.
func (c *Conn) Group() *Group {
	if c.link == nil {
		return nil
	}
	return c.link.group
}

// NetConn returns the wrapped net.Conn. Others may use only its addresses.
func (c *Conn) NetConn() net.Conn { return c.nc }

// LocalAddr returns the wrapped net.Conn's.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr returns the wrapped net.Conn's.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Read is that of net.Conn. After a reset it returns ECONNRESET, once everything before the reset was read.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.pipe.Read(b)
	return n, c.named(err)
}

// Write is that of net.Conn; see Conn for what it promises.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.pipe.Write(b)
	return n, c.named(err)
}

// CloseWrite ends the direction of this end's writes; reading continues.
func (c *Conn) CloseWrite() error { return c.named(c.pipe.CloseWrite()) }

// Close ends both directions and does not wait: what was written before is still sent, for a second at most.
// Group.Close waits. A second Close returns net.ErrClosed.
func (c *Conn) Close() error {
	err := c.pipe.Close()
	if c.link != nil && err == nil {
		c.link.userClosed()
	}
	return c.named(err)
}

// userClosed ends the link when all that the user wrote is sent, or after a while.
func (l *link) userClosed() {
	g := l.group
	g.mu.Lock()
	defer g.mu.Unlock()
	switch l.closing = true; {
	case l.user.stopped:
		l.endLocked(endClose, false)
	case l.ending == endNone:
		g.afterLocked(&l.timers, finGrace, func() { l.endLocked(endClose, false) })
	}
}

// SetDeadline is that of net.Conn, for this end.
func (c *Conn) SetDeadline(t time.Time) error { return c.named(c.pipe.SetDeadline(t)) }

// SetReadDeadline is that of net.Conn, for this end.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.named(c.pipe.SetReadDeadline(t)) }

// SetWriteDeadline is that of net.Conn, for this end.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.named(c.pipe.SetWriteDeadline(t)) }

// named puts the wrapped addresses into an error of the pipe.
func (c *Conn) named(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) {
		return err
	}
	return &net.OpError{Op: op.Op, Net: "chaos", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: op.Err}
}
