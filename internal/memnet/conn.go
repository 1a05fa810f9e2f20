package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Addr is the address of a Conn or a Listener: a label.
type Addr string

// Network returns "memnet".
func (Addr) Network() string { return "memnet" }

// String returns the label.
func (a Addr) String() string { return string(a) }

// Conn is one end of an in-memory connection. It is made by Pipe, Dial and Accept.
type Conn struct {
	p             *pipe
	in, out       *half // this end reads in and writes out; guarded by p.mu
	closed        bool  // guarded by p.mu
	local, remote Addr
}

var _ net.Conn = (*Conn)(nil)

// pipe is what both ends share. It has one mutex for both directions, so that a cut
// hits them in one step.
type pipe struct {
	mu    sync.Mutex
	cfg   *config
	halfs [2]half
}

// Pipe returns the two ends of a new connection.
func Pipe(opts ...Option) (a, b *Conn) {
	return newPipe(newConfig(opts), "a", "b")
}

func newPipe(cfg *config, addrA, addrB Addr) (a, b *Conn) {
	p := &pipe{cfg: cfg}
	for i := range p.halfs {
		p.halfs[i].init(&p.mu, cfg, uint64(i))
	}
	ab, ba := &p.halfs[0], &p.halfs[1]
	a = &Conn{p: p, in: ba, out: ab, local: addrA, remote: addrB}
	b = &Conn{p: p, in: ab, out: ba, local: addrB, remote: addrA}
	return a, b
}

// Read waits for bytes and returns what there is, up to len(b). io.EOF comes after the
// last byte that the other end sent before it closed.
func (c *Conn) Read(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for h := c.in; ; h.readable.Wait() {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case h.rd.passed:
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case h.dead && h.n == 0:
			return 0, c.fail("read", syscall.ECONNRESET)
		case len(b) == 0:
			return 0, nil
		case h.stallR:
			continue
		}
		if n := h.takeLocked(b); n > 0 {
			return n, nil
		}
		if h.endedLocked() {
			return 0, io.EOF
		}
	}
}

// Write waits until all of b is in the buffer. With an error it returns how
// many bytes the other end may still get.
func (c *Conn) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	h := c.out
	for h.busy && c.writeErrLocked() == nil {
		h.writable.Wait()
	}
	if err := c.writeErrLocked(); err != nil {
		return 0, c.fail("write", err)
	}
	h.busy = true
	defer func() {
		h.busy = false
		h.writable.Broadcast()
	}()
	if len(b) > 0 {
		h.writes++
	}
	done := 0
	for done < len(b) {
		room := h.roomLocked()
		if room == 0 {
			h.writable.Wait()
		} else {
			done += h.putLocked(b[done:min(len(b), done+room)])
			if h.left == 0 {
				c.p.cutLocked(h)
			}
		}
		if done < len(b) {
			if err := c.writeErrLocked(); err != nil {
				return done, c.fail("write", err)
			}
		}
	}
	return done, nil
}

// writeErrLocked says why no byte can be written now or later, nil = one can.
func (c *Conn) writeErrLocked() error {
	switch h := c.out; {
	case c.closed:
		return net.ErrClosed
	case h.wd.passed:
		return os.ErrDeadlineExceeded
	case h.dead:
		return syscall.ECONNRESET
	case h.fin, h.gone:
		return syscall.EPIPE
	}
	return nil
}

// Close ends both directions. The other end can still read what was written before,
// then gets io.EOF (but see WithReset); its Writes fail with EPIPE. Blocked calls of
// this end return net.ErrClosed. A second Close returns net.ErrClosed.
func (c *Conn) Close() error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	if c.p.cfg.rst && c.in.n > 0 {
		c.p.cutLocked(nil)
	}
	c.in.rd.stopLocked()
	c.out.wd.stopLocked()
	c.out.finishLocked()
	c.in.abandonLocked()
	return nil
}

// CloseWrite ends this end's sending direction: the other end gets io.EOF after
// what was written before. Reading goes on. A second CloseWrite does nothing.
func (c *Conn) CloseWrite() error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	switch {
	case c.closed:
		return c.fail("close", net.ErrClosed)
	case c.out.dead:
		return c.fail("close", syscall.ECONNRESET)
	}
	c.out.finishLocked()
	return nil
}

// LocalAddr returns this end's label.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's label.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; zero means none.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline sets when Read, also a blocked one, fails; zero means never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline sets when Write, also a blocked one, fails; zero means never.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *Conn) setDeadlines(t time.Time, read, write bool) error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	if read {
		c.in.rd.setLocked(t, &c.in.readable)
	}
	if write {
		c.out.wd.setLocked(t, &c.out.writable)
	}
	return nil
}

// fail wraps err the way the net package does.
func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "memnet", Source: c.local, Addr: c.remote, Err: err}
}
