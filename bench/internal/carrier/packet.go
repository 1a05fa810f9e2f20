package carrier

import (
	"net"
	"os"
	"sync"
	"time"
)

// packetQueue is how many bytes may wait for a narrow link before packets are dropped, as a router does.
const packetQueue = 256 << 10

// Packets returns both ends of a datagram link in memory with the carrier's delay and bandwidth.
func (c *Carrier) Packets() (near, far net.PacketConn) {
	up, down := newPacketWay(c.Kind), newPacketWay(c.Kind)
	return &packetConn{in: down, out: up, local: packetAddr("near")}, &packetConn{in: up, out: down, local: packetAddr("far")}
}

type packet struct {
	b  []byte
	at time.Time
}

// packetWay is one direction.
type packetWay struct {
	kind Kind

	mu      sync.Mutex // guards all below
	changed sync.Cond
	packets []packet
	queued  int
	busy    time.Time
	closed  bool
	due     time.Time // deadline of ReadFrom
}

func newPacketWay(k Kind) *packetWay {
	w := &packetWay{kind: k}
	w.changed.L = &w.mu
	return w
}

type packetAddr string

func (packetAddr) Network() string  { return "slow" }
func (a packetAddr) String() string { return string(a) }

type packetConn struct {
	in, out *packetWay
	local   packetAddr
}

func (c *packetConn) WriteTo(p []byte, _ net.Addr) (int, error) {
	w := c.out
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, net.ErrClosed
	}
	at := time.Now()
	if w.kind.Rate > 0 {
		if w.queued+len(p) > packetQueue {
			return len(p), nil // dropped
		}
		if w.busy.After(at) {
			at = w.busy
		}
		at = at.Add(time.Duration(len(p)) * time.Second / time.Duration(w.kind.Rate))
		w.busy = at
	}
	w.queued += len(p)
	w.packets = append(w.packets, packet{append([]byte(nil), p...), at.Add(w.kind.Delay)})
	w.changed.Signal()
	return len(p), nil
}

func (c *packetConn) ReadFrom(p []byte) (int, net.Addr, error) {
	w := c.in
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		until := w.due
		switch {
		case w.closed:
			return 0, nil, net.ErrClosed
		case passed(w.due):
			return 0, nil, os.ErrDeadlineExceeded
		case len(w.packets) > 0 && passed(w.packets[0].at):
			n := copy(p, w.packets[0].b)
			w.queued -= len(w.packets[0].b)
			w.packets[0] = packet{}
			w.packets = w.packets[1:]
			return n, c.remote(), nil
		case len(w.packets) > 0 && (until.IsZero() || w.packets[0].at.Before(until)):
			until = w.packets[0].at
		}
		waitLocked(&w.changed, until)
	}
}

func (c *packetConn) remote() net.Addr {
	if c.local == "near" {
		return packetAddr("far")
	}
	return packetAddr("near")
}

func (c *packetConn) set(f func(w *packetWay)) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	f(c.in)
	c.in.changed.Broadcast()
}

func (c *packetConn) Close() error {
	c.set(func(w *packetWay) { w.closed = true })
	return nil
}

func (c *packetConn) LocalAddr() net.Addr { return c.local }

func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.set(func(w *packetWay) { w.due = t })
	return nil
}

// SetWriteDeadline has nothing to do: WriteTo never waits.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
