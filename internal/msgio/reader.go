package msgio

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	firstAhead = 256
	readAhead  = 4 << 10
	// Of a message this much is allocated before its bytes come: partGrowth times what was read ahead. It is at least
	// smallPart and at most firstPart.
	firstPart  = 64 << 10
	partGrowth = 16
	smallPart  = 512
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

	ahead  []byte // grows while reads fill it
	at, to int    // of it, what was read and not taken
	err    error  // of R, that comes after what was read

	header [headerLen]byte
	have   int    // bytes of header; all of them while the message itself is read
	size   int    // of the message that is read
	body   []byte // what has come of it; nil before its size is known
}

// Next returns the next message, which is the caller's. It allocates as the bytes come: whoever only announces a
// message costs less than 1 KiB. After an error it goes on where it stopped.
func (r *Reader) Next() ([]byte, error) {
	for r.have < headerLen {
		n, err := r.read(r.header[r.have:])
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
		r.body = make([]byte, 0, min(r.size, max(smallPart, min(partGrowth*(r.to-r.at), firstPart))))
	}
	for len(r.body) < r.size {
		if len(r.body) == cap(r.body) { // as much again
			grown := make([]byte, len(r.body), len(r.body)+min(r.size-len(r.body), len(r.body)))
			copy(grown, r.body)
			r.body = grown
		}
		n, err := r.read(r.body[len(r.body):cap(r.body)])
		if r.body = r.body[:len(r.body)+n]; len(r.body) < r.size && err != nil {
			return nil, err
		}
	}
	msg := r.body
	r.have, r.body = 0, nil
	return msg, nil
}

// read reads into p, by way of what is read ahead when p is small. It returns an error only when it has read nothing.
func (r *Reader) read(p []byte) (int, error) {
	if r.at == r.to {
		if err := r.err; err != nil {
			r.err = nil
			return 0, err
		}
		if len(p) >= readAhead {
			return r.R.Read(p)
		}
		if n := len(r.ahead); r.to == n && n < readAhead {
			r.ahead = make([]byte, max(firstAhead, 4*n))
		}
		r.at = 0
		if r.to, r.err = r.R.Read(r.ahead); r.to == 0 {
			err := r.err
			r.err = nil
			return 0, err
		}
	}
	n := copy(p, r.ahead[r.at:r.to])
	r.at += n
	return n, nil
}

// Partial reports whether a part of a message has come and the rest not.
func (r *Reader) Partial() bool { return r.have > 0 }
