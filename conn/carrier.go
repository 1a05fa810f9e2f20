package conn

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantline-project/gantline/frame"
)

const (
	// batchSize is the most that is copied together where there is no writev.
	batchSize = 64 << 10
	// topUp is how much of a large slice goes with the small ones before it. It
	// makes a whole TLS record.
	topUp = 16 << 10
)

// carrierState is which carrier a link has, and how it gets the next one. It is
// guarded by the send lock, but for newest, which any goroutine may load.
type carrierState struct {
	newest atomic.Pointer[carrier] // replaced by attachLocked when the older one is joined
	epoch  uint64                  // of the newest carrier or attempt; the first carrier has 0

	broken   bool        // there is no carrier, and no goroutine of ours
	brokenBy error       // what broke it
	moving   bool        // Migrate takes the carrier away: OnState and OnBroken are not called
	expiry   *time.Timer // ends a broken link
	resuming turn        // a server's: held by a resume as a whole; taken before the send lock
	attempts attempts    // resumes between their first and last step
	spent    bool        // a client's: the server has seen epoch: the next attempt needs a higher one
}

// A carrier is one net.Conn under a Link, with the state that belongs to it alone.
type carrier struct {
	l      *Link
	nc     net.Conn
	sock   socket // reads and writes nc; nil = nc does
	writev bool   // nc writes many slices in one call

	lastRead  atomic.Int64 // Link.now when bytes last came
	lastFrame atomic.Int64 // the same for a whole frame
	busy      atomic.Bool  // the reader has frames that it has not published
	flushAt   atomic.Int64 // when the write in progress began or last moved; 0 = none

	// Owned by the reader goroutine.
	fr        *frame.Reader
	readErr   error                // of nc
	pos       uint64               // recvState.position, when everything is published
	size      uint64               // of the frame that the handler has, until it is counted
	frames    uint64               // received whole
	published uint64               // frames that were published
	relSeen   [frame.Groups]uint64 // highest counters the peer has released

	// Owned by the writer goroutine.
	sums    *sumWriter // nil = what is written has no checksums
	control []byte     // the frames that are not in the log
	bufs    [][]byte
	vec     net.Buffers

	epoch      uint64
	stop       bool          // guarded by the send lock: the writer must return
	why        error         // guarded by the send lock: why it was cut by us
	writeErr   error         // guarded by the send lock
	linger     *time.Timer   // set by the writer before it returns: cuts after a failed write
	writerDone chan struct{} // closed when the writer has returned
	joined     chan struct{} // closed when the reader is through with the link
}

// A socket does the reads and writes of a net.Conn, once there is a reader and a writer goroutine.
type socket interface {
	io.Reader
	writeAll(bufs [][]byte) error
}

func newCarrier(l *Link, nc net.Conn) *carrier {
	c := &carrier{l: l, nc: nc, writerDone: make(chan struct{}), joined: make(chan struct{})}
	c.sock = openSocket(nc, c.moved)
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		c.writev = true
	}
	return c
}

var batches = sync.Pool{New: func() any { return new([batchSize]byte) }}

// writeAll writes bufs, whose slice it may change.
func (c *carrier) writeAll(bufs [][]byte) error {
	switch {
	case c.sock != nil:
		return c.sock.writeAll(bufs)
	case len(bufs) == 1:
		return c.writePiece(bufs[0])
	case c.writev:
		c.vec = bufs
		_, err := c.vec.WriteTo(c.nc)
		c.vec = nil
		return err
	}
	batch := batches.Get().(*[batchSize]byte)
	defer batches.Put(batch)
	n := 0
	for _, b := range bufs {
		if n+len(b) > batchSize && n > 0 {
			k := copy(batch[n:max(n, topUp)], b)
			if err := c.writePiece(batch[:n+k]); err != nil {
				return err
			}
			n, b = 0, b[k:]
		}
		if len(b) >= batchSize {
			if err := c.writePiece(b); err != nil {
				return err
			}
			continue
		}
		n += copy(batch[n:], b)
	}
	if n == 0 {
		return nil
	}
	return c.writePiece(batch[:n])
}

// writePiece writes b. Without writev the net.Conn may be slow inside (TLS, a
// tunnel), so it gets at most 64 KiB at once, and each piece shows progress.
func (c *carrier) writePiece(b []byte) error {
	for !c.writev && len(b) > batchSize {
		if _, err := c.nc.Write(b[:batchSize]); err != nil {
			return err
		}
		c.moved()
		b = b[batchSize:]
	}
	_, err := c.nc.Write(b)
	return err
}

// moved records that a part of what is being written has got through.
func (c *carrier) moved() { c.flushAt.Store(c.l.now()) }

// lastWord writes b, which ends a handshake, and waits until the peer has hung up. A
// close with unread input could destroy b before the peer has it.
func (c *carrier) lastWord(b []byte) {
	defer time.AfterFunc(lingerTimeout, c.cut).Stop()
	if _, err := c.nc.Write(b); err != nil {
		return
	}
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
	}
	io.Copy(io.Discard, io.LimitReader(c.nc, lingerBytes))
}

// cut closes nc at once. TLS does not say its own goodbye, which may block.
func (c *carrier) cut() {
	if t, ok := c.nc.(interface{ NetConn() net.Conn }); ok {
		t.NetConn().Close()
	}
	c.nc.Close()
}
