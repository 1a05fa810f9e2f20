package conn

import "sync"

// chunkSize holds two frames of 64 KiB with their headers and some small ones.
const chunkSize = 136 << 10

// keepChunks is how many free chunks a busy log keeps for itself. It is as many
// as a log has on a short path. The last one used comes first, so that it is in
// the cache.
const keepChunks = 7

// A chunk is a piece of a send log. A frame lies in one chunk, whole.
type chunk struct {
	buf    []byte // chunkSize bytes, or one frame that is larger
	base   uint64 // log position of buf[0], the start of a frame
	w      int    // buf[:w] is appended
	pinned bool   // in the flush that is being written
	next   *chunk
}

func (c *chunk) end() uint64 { return c.base + uint64(c.w) }

var chunkPool = sync.Pool{New: func() any { return &chunk{buf: make([]byte, chunkSize)} }}

// chunkList is a LIFO list of free chunks.
type chunkList struct {
	head *chunk
	n    int
}

func (l *chunkList) push(c *chunk) {
	c.next = l.head
	l.head = c
	l.n++
}

func (l *chunkList) pop() *chunk {
	c := l.head
	if c != nil {
		l.head, c.next = c.next, nil
		l.n--
	}
	return c
}
