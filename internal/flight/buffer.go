package flight

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Buffers come in powers of two, from 1 KiB to 128 KiB. Smaller ones are not worth it, larger ones not worth keeping.
const (
	minBits = 10
	maxBits = 17
)

var memory [maxBits - minBits + 1]sync.Pool // of *[]byte

// Buffer is the memory of a body that flights send, one after the other, until it is settled. It goes back to a pool when
// its maker and all flights have released it. The zero value holds nothing, and may be released.
type Buffer struct {
	mem  *[]byte // nil = none of a pool
	held atomic.Int32
}

// Make returns an empty slice with room for n bytes. It is called once; Release ends its use.
func (b *Buffer) Make(n int) []byte {
	class := bits.Len(uint(n-1)) - minBits
	if class < 0 || class >= len(memory) {
		return make([]byte, 0, n)
	}
	b.held.Store(1)
	b.mem, _ = memory[class].Get().(*[]byte)
	if b.mem == nil {
		m := make([]byte, 0, 1<<(class+minBits))
		b.mem = &m
	}
	return (*b.mem)[:0]
}

// hold is called by a flight that sends from b, while another holds it.
func (b *Buffer) hold() {
	if b != nil && b.mem != nil {
		b.held.Add(1)
	}
}

// Release gives the memory back when it is called by the last one who holds it. A flight of an earlier session may
// release it after that of the last one.
func (b *Buffer) Release() {
	if b == nil || b.mem == nil || b.held.Add(-1) > 0 {
		return
	}
	m := b.mem
	b.mem = nil
	memory[bits.Len(uint(cap(*m)-1))-minBits].Put(m)
}
