package memory

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// feedSize is how much a feeder writes at a time; its buffer is not what is measured.
const feedSize = 4 << 10

// feeder writes to streams until nobody takes anything any more.
type feeder struct{ bytes atomic.Int64 }

// feed begins to write to w. The goroutine ends with w, or with the process.
func (f *feeder) feed(w io.Writer) {
	buf := make([]byte, feedSize)
	go func() {
		for {
			n, err := w.Write(buf)
			f.bytes.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
}

// settle waits until nothing was taken for half a second, for 10 s at most.
func (f *feeder) settle() {
	const tick = 100 * time.Millisecond
	quiet := 0
	for last, i := f.bytes.Load(), 0; quiet < 5 && i < 100; i++ {
		time.Sleep(tick)
		if now := f.bytes.Load(); now != last {
			last, quiet = now, 0
			continue
		}
		quiet++
	}
}

// gate is a connection whose reading can be stopped.
type gate struct {
	net.Conn
	mu     sync.Mutex // guards closed
	closed bool
	over   chan struct{} // closed by Close
	once   sync.Once
}

func newGate(nc net.Conn) *gate {
	shrink(nc)
	return &gate{Conn: nc, over: make(chan struct{})}
}

// shut stops reading; a Read that waits may still return once.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) Read(p []byte) (int, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		<-g.over
		return 0, net.ErrClosed
	}
	return g.Conn.Read(p)
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.over) })
	return g.Conn.Close()
}

// smallListener makes the kernel hold little of what is written.
type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		shrink(nc)
	}
	return nc, err
}

// shrink gives nc small socket buffers, if it has any.
func shrink(nc net.Conn) {
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(smallSockets) // the default only means more kernel memory
		_ = t.SetWriteBuffer(smallSockets)
	}
}
