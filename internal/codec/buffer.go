package codec

import "sync"

// Buffer holds an encoded value until it is sent.
type Buffer struct{ B []byte }

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// maxBuffer keeps one large value from being held for ever, in bytes.
const maxBuffer = 64 << 10

// NewBuffer returns a Buffer, whose B may have room already.
func NewBuffer() *Buffer { return buffers.Get().(*Buffer) }

// Free says that what B holds is not used any more.
func (buf *Buffer) Free() {
	if cap(buf.B) <= maxBuffer {
		buffers.Put(buf)
	}
}
