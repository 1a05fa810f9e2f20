package msgio

import (
	"encoding/binary"
	"io"
)

const (
	headerLen = 4 // length of a message, big-endian
	// SmallMax is the size of the largest message that is written in one piece with its length.
	SmallMax = 16 << 10
)

// Size returns how many bytes of the stream a message takes.
func Size(msg []byte) int { return headerLen + len(msg) }

// Writer writes messages to W.
type Writer struct {
	W io.Writer

	scratch []byte // a small message with its length
}

// Write writes one message, of less than 4 GiB, and returns how many of its Size bytes went out. It does not keep msg.
// A small one is one Write of W's, a larger one two.
func (w *Writer) Write(msg []byte) (n int, err error) {
	b := binary.BigEndian.AppendUint32(w.scratch[:0], uint32(len(msg)))
	if len(msg) <= SmallMax {
		b = append(b, msg...)
		w.scratch = b
		return w.W.Write(b)
	}
	w.scratch = b
	n, err = w.W.Write(b)
	if err != nil {
		return n, err
	}
	m, err := w.W.Write(msg)
	return n + m, err
}
