package carrier

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// How many bytes may be on the way in one direction before Write waits. Without a rate it is more than any peer
// sends within a delay. With one it is about what a socket keeps, so that the queue before the link stays
// short.
const (
	farQueue    = 256 << 20
	narrowQueue = 256 << 10
	bulk        = 32 << 10 // about a chunk
)

// way is one direction: chunks in order, each with the time of its arrival.
type way struct {
	delay time.Duration
	rate  int
	most  int

	mu          sync.Mutex // guards all below
	changed     sync.Cond
	chunks      []chunk
	queued      int       // bytes in chunks
	busy        time.Time // until when the link is busy with what was written
	fin, gone   bool      // the writer, the reader has closed
	rdead, wdue time.Time // deadlines of Read and Write
	spare       [][]byte  // buffers to use again
}

type chunk struct {
	b   []byte // what is left of it
	own []byte // the whole buffer
	at  time.Time
}

func newWay(delay time.Duration, rate int) *way {
	w := &way{delay: delay, rate: rate, most: farQueue}
	if rate > 0 {
		w.most = narrowQueue
	}
	w.changed.L = &w.mu
	return w
}

// waitLocked waits for a change, or until at if that is set.
func waitLocked(changed *sync.Cond, at time.Time) {
	if at.IsZero() {
		changed.Wait()
		return
	}
	t := time.AfterFunc(time.Until(at), func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		changed.Broadcast()
	})
	changed.Wait()
	t.Stop()
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// write queues all of p.
func (w *way) write(p []byte) (n int, err error) {
	const piece = 64 << 10
	w.mu.Lock()
	defer w.mu.Unlock()
	for n < len(p) {
		switch {
		case w.fin:
			return n, net.ErrClosed
		case w.gone:
			return n, io.ErrClosedPipe
		case passed(w.wdue):
			return n, os.ErrDeadlineExceeded
		}
		room := min(w.most-w.queued, len(p)-n, piece)
		if room <= 0 {
			waitLocked(&w.changed, w.wdue)
			continue
		}
		w.queueLocked(p[n : n+room])
		n += room
	}
	return n, nil
}

// queueLocked copies b, which is at most a piece.
func (w *way) queueLocked(b []byte) {
	var own []byte
	if k := len(w.spare) - 1; k >= 0 && cap(w.spare[k]) >= len(b) {
		own, w.spare = w.spare[k], w.spare[:k]
	} else {
		own = make([]byte, max(len(b), 512))
	}
	c := chunk{own: own, b: own[:copy(own, b)], at: time.Now()}
	if w.rate > 0 {
		if w.busy.After(c.at) {
			c.at = w.busy
		}
		c.at = c.at.Add(time.Duration(len(b)) * time.Second / time.Duration(w.rate))
		w.busy = c.at
	}
	c.at = c.at.Add(w.delay)
	w.chunks = append(w.chunks, c)
	w.queued += len(b)
	w.changed.Broadcast()
}

// read takes what has arrived.
func (w *way) read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.gone:
			return 0, net.ErrClosed
		case passed(w.rdead):
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(w.chunks) == 0 && w.fin:
			return 0, io.EOF
		}
		until := w.rdead
		if len(w.chunks) > 0 {
			if n := w.takeLocked(p); n > 0 {
				return n, nil
			}
			if at := w.chunks[0].at; until.IsZero() || at.Before(until) {
				until = at
			}
		}
		waitLocked(&w.changed, until)
	}
}

// takeLocked moves what has arrived into p.
func (w *way) takeLocked(p []byte) (n int) {
	for now := time.Now(); n < len(p) && len(w.chunks) > 0 && !w.chunks[0].at.After(now); {
		c := &w.chunks[0]
		k := copy(p[n:], c.b)
		n, c.b = n+k, c.b[k:]
		if len(c.b) == 0 {
			if len(w.spare) < w.most/bulk {
				w.spare = append(w.spare, c.own)
			}
			w.chunks[0] = chunk{}
			w.chunks = w.chunks[1:]
		}
	}
	if n > 0 {
		w.queued -= n
		w.changed.Broadcast()
	}
	return n
}

// set changes something under the lock and wakes all waiters.
func (w *way) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.changed.Broadcast()
}

// slowConn is one end: it reads from one way and writes to the other.
type slowConn struct{ in, out *way }

func slowPair(delay time.Duration, rate int) (a, b net.Conn) {
	up, down := newWay(delay, rate), newWay(delay, rate)
	return &slowConn{in: down, out: up}, &slowConn{in: up, out: down}
}

func (c *slowConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *slowConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *slowConn) LocalAddr() net.Addr         { return slowAddr{} }
func (c *slowConn) RemoteAddr() net.Addr        { return slowAddr{} }

// Close lets the other side read what is on the way.
func (c *slowConn) Close() error {
	c.in.set(func() { c.in.gone, c.in.chunks, c.in.queued = true, nil, 0 })
	c.out.set(func() { c.out.fin = true })
	return nil
}

// CloseWrite ends one direction, as TCP's does.
func (c *slowConn) CloseWrite() error {
	c.out.set(func() { c.out.fin = true })
	return nil
}

func (c *slowConn) SetReadDeadline(t time.Time) error {
	c.in.set(func() { c.in.rdead = t })
	return nil
}

func (c *slowConn) SetWriteDeadline(t time.Time) error {
	c.out.set(func() { c.out.wdue = t })
	return nil
}

func (c *slowConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

type slowAddr struct{}

func (slowAddr) Network() string { return "slow" }
func (slowAddr) String() string  { return "slow:1" }

// slowListener accepts what its dial has made.
type slowListener struct {
	delay  time.Duration
	rate   int
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newSlowListener(delay time.Duration, rate int) *slowListener {
	return &slowListener{delay: delay, rate: rate, queue: make(chan net.Conn, 16), closed: make(chan struct{})}
}

func (l *slowListener) dial(ctx context.Context) (net.Conn, error) {
	a, b := slowPair(l.delay, l.rate)
	select {
	case l.queue <- b:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *slowListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.queue:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *slowListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *slowListener) Addr() net.Addr { return slowAddr{} }
