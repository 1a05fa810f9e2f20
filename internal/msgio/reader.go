package msgio

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	readAhead = 4 << 10
	firstPart = 64 << 10 // of a message is allocated before its bytes come
)

// TooLongError says that a message is over the limit of its reader.
type TooLongError struct{ Size, Limit int64 }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("message of %d bytes is over the limit of %d", e.Size, e.Limit)
}

// Reader reads the messages that a Writer has written. It reads ahead of them.
type Reader struct {
	R     io.Reader
	Limit int // bytes of one message

	in     *bufio.Reader // made by the first Next
	header [headerLen]byte
	have   int    // bytes of header; all of them while the message itself is read
	size   int    // of the message that is read
	body   []byte // what has come of it; nil before its size is known
}

// Next returns the next message, which is the caller's. It allocates as the bytes come: whoever only announces a
// message costs 64 KiB. After an error it goes on where it stopped.
func (r *Reader) Next() ([]byte, error) {
	if r.in == nil {
		r.in = bufio.NewReaderSize(r.R, readAhead)
	}
	for r.have < headerLen {
		n, err := r.in.Read(r.header[r.have:])
		if r.have += n; r.have < headerLen && err != nil {
			return nil, err
		}
	}
	if r.body == nil {
		size := int64(binary.BigEndian.Uint32(r.header[:]))
		if size > int64(r.Limit) {
			return nil, &TooLongError{size, int64(r.Limit)}
		}
		r.size = int(size)
		r.body = make([]byte, 0, min(r.size, firstPart))
	}
	for len(r.body) < r.size {
		if len(r.body) == cap(r.body) { // as much again
			grown := make([]byte, len(r.body), len(r.body)+min(r.size-len(r.body), len(r.body)))
			copy(grown, r.body)
			r.body = grown
		}
		n, err := r.in.Read(r.body[len(r.body):cap(r.body)])
		if r.body = r.body[:len(r.body)+n]; len(r.body) < r.size && err != nil {
			return nil, err
		}
	}
	msg := r.body
	r.have, r.body = 0, nil
	return msg, nil
}

// Partial reports whether a part of a message has come and the rest not.
func (r *Reader) Partial() bool { return r.have > 0 }
