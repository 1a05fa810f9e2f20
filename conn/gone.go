package conn

import (
	"net"
	"time"
)

// husk is what is left of a carrier that is gone while its link waits for another. It
// holds none of c's buffers, which a peer may have made as large as a frame.
func (c *carrier) husk() *carrier {
	return &carrier{l: c.l, nc: gone{c.nc.LocalAddr(), c.nc.RemoteAddr()}, epoch: c.epoch, why: c.why, writerDone: c.writerDone, joined: c.joined}
}

// gone is a net.Conn that was closed.
type gone struct{ local, remote net.Addr }

func (g gone) LocalAddr() net.Addr  { return g.local }
func (g gone) RemoteAddr() net.Addr { return g.remote }

func (gone) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (gone) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (gone) Close() error                     { return net.ErrClosed }
func (gone) SetDeadline(time.Time) error      { return net.ErrClosed }
func (gone) SetReadDeadline(time.Time) error  { return net.ErrClosed }
func (gone) SetWriteDeadline(time.Time) error { return net.ErrClosed }
