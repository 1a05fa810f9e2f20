package mux

import (
	"sync"

	"github.com/gantline-project/gantline/frame"
)

// chunk holds received bytes buf[off:w] of one stream.
type chunk struct {
	next   *chunk
	buf    []byte
	off, w int
}

// Sizes double, so that a small frame does not pin much more than it holds.
const (
	minChunkBits = 8  // 256 bytes
	maxChunkBits = 16 // 64 KiB, the largest frame
)

var chunkPools [maxChunkBits - minChunkBits + 1]sync.Pool

// newChunk returns an empty chunk with room for at least n bytes.
func newChunk(n int) *chunk {
	class := 0
	for n > 1<<(class+minChunkBits) {
		class++
	}
	if class >= len(chunkPools) {
		return &chunk{buf: make([]byte, n)}
	}
	if c, _ := chunkPools[class].Get().(*chunk); c != nil {
		return c
	}
	size, room := 1<<(class+minChunkBits), 0
	if size >= directRead {
		room = frame.HeaderLen // for the next header, see frame.Reader.ReadFull
	}
	return &chunk{buf: make([]byte, size+room)[:size]}
}

func (c *chunk) free() {
	for class := range chunkPools {
		if len(c.buf) == 1<<(class+minChunkBits) {
			c.next, c.off, c.w = nil, 0, 0
			chunkPools[class].Put(c)
			return
		}
	}
}

// chunks is a FIFO of received bytes. It is guarded by the stream's receive lock.
type chunks struct {
	head, tail *chunk
	n          int // bytes held
}

// add appends a chunk that was filled outside the lock.
func (q *chunks) add(c *chunk) {
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
	q.n += c.w - c.off
}

// copyIn appends a copy of p, first into what is free in the last chunk.
func (q *chunks) copyIn(p []byte) {
	q.n += len(p)
	if t := q.tail; t != nil {
		k := copy(t.buf[t.w:], p)
		t.w += k
		p = p[k:]
	}
	if len(p) == 0 {
		return
	}
	size := len(p)
	if q.tail != nil { // a stream of small frames: grow, so that the list stays short
		size = max(size, min(2*len(q.tail.buf), 16<<10))
	}
	c := newChunk(size)
	c.w = copy(c.buf, p)
	q.n -= c.w
	q.add(c)
}

// copyOut moves bytes into p and frees the chunks it empties.
func (q *chunks) copyOut(p []byte) int {
	n := 0
	for n < len(p) && q.head != nil {
		c := q.head
		k := copy(p[n:], c.buf[c.off:c.w])
		c.off += k
		n += k
		if c.off == c.w {
			q.pop().free()
		}
	}
	q.n -= n
	return n
}

// pop unlinks the first chunk; its bytes stay counted.
func (q *chunks) pop() *chunk {
	c := q.head
	if q.head = c.next; q.head == nil {
		q.tail = nil
	}
	c.next = nil
	return c
}

// clear drops everything.
func (q *chunks) clear() {
	for q.head != nil {
		q.pop().free()
	}
	q.n = 0
}
