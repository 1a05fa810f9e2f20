package gantline

import (
	"math/bits"
	"sync"
)

// Buffers for what an End keeps of its messages, in powers of two. Smaller ones are not worth it, larger ones not
// worth keeping.
const (
	minLetterBits = 10
	maxLetterBits = 17
)

var letterBuffers [maxLetterBits - minLetterBits + 1]sync.Pool // of *[]byte

// letterBuffer returns an empty buffer for n bytes, and what freeBuffer gives back; nil for nothing.
func letterBuffer(n int) ([]byte, *[]byte) {
	class := bits.Len(uint(n-1)) - minLetterBits
	if class < 0 || class >= len(letterBuffers) {
		return make([]byte, 0, n), nil
	}
	if b, _ := letterBuffers[class].Get().(*[]byte); b != nil {
		return (*b)[:0], b
	}
	b := make([]byte, 0, 1<<(class+minLetterBits))
	return b, &b
}

// freeBuffer gives the buffer back once the publisher has its answer and nobody sends the body any more. An exchange
// of an earlier session may be let go of after that of the last one: it finds nothing.
func (k *letter) freeBuffer() {
	if !k.settled.Load() {
		return
	}
	if b := k.buffer.Swap(nil); b != nil {
		letterBuffers[bits.Len(uint(cap(*b)-1))-minLetterBits].Put(b)
	}
}
