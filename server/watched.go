package server

import (
	"crypto/tls"
	"net"
	"sync/atomic"
)

// watched is a connection during its handshake: its slot learns when it is the client's turn. Package conn goes on with
// what is beneath it.
type watched struct {
	net.Conn
	slot atomic.Pointer[slot] // nil once the handshake needs no more from the client
}

// watch looks on while the handshake reads from nc and writes to it.
func watch(nc net.Conn, sl *slot) *watched {
	w := &watched{Conn: nc}
	w.slot.Store(sl)
	return w
}

// watchAny is watch for what a net.Listener has accepted, which may be TLS already.
func watchAny(nc net.Conn, sl *slot) net.Conn {
	if tc, ok := nc.(*tls.Conn); ok {
		sl.unseen()
		o := &opaque{Conn: tc}
		o.above.Conn = tc
		o.above.slot.Store(sl)
		return o
	}
	if _, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		sl.unseen()
		sl.awaits() // TLS of somebody else's: nothing can be known of it
		return nc
	}
	return watch(nc, sl)
}

func (w *watched) Read(p []byte) (int, error) {
	sl := w.slot.Load()
	if sl == nil {
		return w.Conn.Read(p)
	}
	sl.reads()
	n, err := w.Conn.Read(p)
	sl.got(n)
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	if sl := w.slot.Load(); sl != nil {
		sl.wrote()
	}
	return w.Conn.Write(p)
}

// CloseWrite ends our direction where the connection can.
func (w *watched) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Handshaken is called by package conn when the handshake needs no more from the client.
func (w *watched) Handshaken() net.Conn {
	w.done()
	return w.Conn
}

func (w *watched) done() {
	if sl := w.slot.Swap(nil); sl != nil {
		sl.awaits()
	}
}

// secured is a TLS connection during the handshake that goes on in it.
type secured struct {
	*tls.Conn
	below *watched
}

func (c *secured) Handshaken() net.Conn {
	c.below.done()
	return c.Conn
}

// opaque is a connection that does TLS itself, beneath what can be watched. Its slot learns only of what comes out of it.
type opaque struct {
	*tls.Conn
	above watched
}

func (c *opaque) Read(p []byte) (int, error)  { return c.above.Read(p) }
func (c *opaque) Write(p []byte) (int, error) { return c.above.Write(p) }
func (c *opaque) Handshaken() net.Conn        { return c.above.Handshaken() }
