package memnet

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// backlog is how many dialled connections wait for Accept before Dial waits.
const backlog = 128

// Listener accepts the connections that its own Dial makes. It is made by Listen.
type Listener struct {
	addr  Addr
	cfg   *config
	queue chan *Conn
	done  chan struct{} // closed by Close
	once  sync.Once
	dials atomic.Uint64 // numbers the dialling ends
}

var _ net.Listener = (*Listener)(nil)

// Listen returns a listener with the label addr; the options apply to every
// connection. Two listeners may have the same label and do not know each other.
func Listen(addr string, opts ...Option) *Listener {
	return &Listener{
		addr:  Addr(addr),
		cfg:   newConfig(opts),
		queue: make(chan *Conn, backlog),
		done:  make(chan struct{}),
	}
}

// Dial connects and returns the dialling end, without waiting for Accept. While 128
// connections wait to be accepted, it waits for room, until ctx ends.
func (l *Listener) Dial(ctx context.Context) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, l.fail("dial", err)
	}
	local := Addr(string(l.addr) + "-client-" + strconv.FormatUint(l.dials.Add(1), 10))
	dialled, accepted := newPipe(l.cfg, local, l.addr)
	select {
	case <-l.done:
		return nil, l.fail("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.fail("dial", ctx.Err())
	case l.queue <- accepted:
	}
	select {
	case <-l.done:
		// Close may have emptied the queue before it was in there.
		accepted.Cut()
		return nil, l.fail("dial", syscall.ECONNREFUSED)
	default:
		return dialled, nil
	}
}

// DialContext is Dial in the shape of net.Dialer's method. Network and address are ignored.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	nc, err := l.Dial(ctx)
	if err != nil {
		return nil, err // not nc: a nil *Conn in a net.Conn is not nil
	}
	return nc, nil
}

// Accept waits for the next connection. After Close it fails with net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.fail("accept", net.ErrClosed)
	default:
	}
	select {
	case <-l.done:
		return nil, l.fail("accept", net.ErrClosed)
	case nc := <-l.queue:
		return nc, nil
	}
}

// Close ends the listener. Blocked Accepts return net.ErrClosed, later dials are
// refused, and connections that nobody accepted are cut. Accepted ones go on. A second
// Close returns net.ErrClosed.
func (l *Listener) Close() error {
	err := l.fail("close", net.ErrClosed)
	l.once.Do(func() {
		close(l.done)
		err = nil
	})
	for {
		select {
		case nc := <-l.queue:
			nc.Cut()
		default:
			return err
		}
	}
}

// Addr returns the label.
func (l *Listener) Addr() net.Addr { return l.addr }

func (l *Listener) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "memnet", Addr: l.addr, Err: err}
}
