package memnet

// Cut kills the connection. Both directions end at once, and bytes on the way are
// lost. Every Read and Write of both ends, blocked or later, fails with ECONNRESET.
// Cut of a connection that is already dead does nothing.
func (c *Conn) Cut() {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.cutLocked(nil)
}

// CutAfter cuts the connection once this end has written n more bytes.
//
//   - The other end can read exactly what was written up to then, and gets ECONNRESET
//     after it. Bytes in the other direction are lost.
//   - The Write that reaches the limit returns its full length if it ends there, else
//     the part that fitted and ECONNRESET.
//   - Zero cuts now and still delivers what is on the way. A negative n revokes an
//     earlier CutAfter.
func (c *Conn) CutAfter(n int) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.out.left = int64(max(n, -1))
	if n == 0 {
		c.p.cutLocked(c.out)
	}
	c.out.writable.Broadcast()
}

// cutLocked kills both directions; keep, if any, may still be read to its end.
func (p *pipe) cutLocked(keep *half) {
	for i := range p.halfs {
		h := &p.halfs[i]
		if h.dead {
			continue
		}
		h.dead, h.left = true, -1
		if h != keep {
			h.dropLocked()
		}
		h.wakeLocked()
	}
}

// BlockReads makes this end's Reads wait, as if nothing arrived. A call with false
// ends that. What the other end writes fills the buffer and then blocks it. Deadlines,
// Close and Cut still end a waiting Read.
func (c *Conn) BlockReads(block bool) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.in.stallR = block
	c.in.readable.Broadcast()
}

// BlockWrites makes this end's Writes wait, as if the buffer were full. A call with
// false ends that. Deadlines, Close and Cut still end a waiting Write.
func (c *Conn) BlockWrites(block bool) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.out.stallW = block
	c.out.writable.Broadcast()
}

// Counters is what one end has moved since it was made.
type Counters struct {
	BytesRead    int64 // returned by Read
	BytesWritten int64 // taken by Write, whether or not the other end got them
	Reads        int64 // Reads that returned at least one byte
	Writes       int64 // Writes of at least one byte that were begun
}

// Counters returns the numbers of this end.
func (c *Conn) Counters() Counters {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return Counters{
		BytesRead: c.in.bytesRead, Reads: c.in.reads,
		BytesWritten: c.out.bytesWrite, Writes: c.out.writes,
	}
}

// Buffered returns how many bytes this end has written that the other end has not read yet.
func (c *Conn) Buffered() int {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.out.n
}
