package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of a msgpack body. They are checked before the decoder sees it, because the decoder believes the
// lengths it reads: five bytes can ask it for gigabytes, and nesting can overflow the stack.
const (
	maxMsgpackDepth    = 64
	maxMsgpackElements = 1 << 20
)

var (
	errMsgpackShort    = errors.New("msgpack body ends inside a value")
	errMsgpackReserved = errors.New("msgpack body contains the byte 0xc1, which begins no value")
)

// msgpackHead describes the value that begins at some offset.
type msgpackHead struct {
	payload  int // offset of the opaque bytes of a string, binary or extension; next for everything else
	next     int // offset after the value; for arrays and maps after the header
	children int // values that follow as members: n of an array, 2n of a map
}

// parseMsgpackHead reads the header at b[i]. It checks that the value's own bytes and, for arrays and maps,
// at least one byte per member lie within b.
func parseMsgpackHead(b []byte, i int) (h msgpackHead, err error) {
	c := b[i]
	i++
	left := len(b) - i
	width, size := 0, 0 // bytes of the length field; bytes of a payload of fixed size
	switch {
	case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3: // small integers, nil, false, true
		return msgpackHead{payload: i, next: i}, nil
	case c <= 0x8f: // small map
		return containerHead(i, uint64(c&0x0f), 2, left)
	case c <= 0x9f: // small array
		return containerHead(i, uint64(c&0x0f), 1, left)
	case c <= 0xbf: // small string
		return opaqueHead(i, uint64(c&0x1f), left)
	case c == 0xc1:
		return h, errMsgpackReserved
	case c == 0xcc, c == 0xd0:
		size = 1
	case c == 0xcd, c == 0xd1:
		size = 2
	case c == 0xca, c == 0xce, c == 0xd2:
		size = 4
	case c == 0xcb, c == 0xcf, c == 0xd3:
		size = 8
	case c >= 0xd4 && c <= 0xd8: // extension of 1, 2, 4, 8, 16 bytes: a type byte first
		if left < 1 {
			return h, errMsgpackShort
		}
		return opaqueHead(i+1, 1<<(c-0xd4), left-1)
	case c == 0xc4, c == 0xc7, c == 0xd9:
		width = 1
	case c == 0xc5, c == 0xc8, c == 0xda, c == 0xdc, c == 0xde:
		width = 2
	case c == 0xc6, c == 0xc9, c == 0xdb, c == 0xdd, c == 0xdf:
		width = 4
	}
	if width == 0 { // a number
		if left < size {
			return h, errMsgpackShort
		}
		return msgpackHead{payload: i + size, next: i + size}, nil
	}
	if left < width {
		return h, errMsgpackShort
	}
	var n uint64
	switch width {
	case 1:
		n = uint64(b[i])
	case 2:
		n = uint64(binary.BigEndian.Uint16(b[i:]))
	case 4:
		n = uint64(binary.BigEndian.Uint32(b[i:]))
	}
	i += width
	left -= width
	switch {
	case c >= 0xde:
		return containerHead(i, n, 2, left)
	case c >= 0xdc:
		return containerHead(i, n, 1, left)
	case c >= 0xc7 && c <= 0xc9: // extension: a type byte follows the length
		if left < 1 {
			return h, errMsgpackShort
		}
		return opaqueHead(i+1, n, left-1)
	}
	return opaqueHead(i, n, left)
}

// containerHead is the head of an array (per 1) or map (per 2) of n members. The header ends at i.
func containerHead(i int, n, per uint64, left int) (msgpackHead, error) {
	if n*per > uint64(left) {
		kind := "an array of %d elements, which need"
		if per == 2 {
			kind = "a map of %d pairs, which need"
		}
		return msgpackHead{}, fmt.Errorf("msgpack body declares "+kind+" at least %d bytes, but only %d follow", n, n*per, left)
	}
	return msgpackHead{payload: i, next: i, children: int(n * per)}, nil
}

// opaqueHead is the head of a value whose n opaque bytes begin at i.
func opaqueHead(i int, n uint64, left int) (msgpackHead, error) {
	if n > uint64(left) {
		return msgpackHead{}, fmt.Errorf("msgpack body declares a value of %d bytes, but only %d follow", n, left)
	}
	return msgpackHead{payload: i, next: i + int(n)}, nil
}

// scanMsgpack returns how many elements body has, or why it must not be given to the decoder. A pair of a map is two. It runs over the body once and allocates nothing unless it finds a fault.
func scanMsgpack(body []byte) (elements int, err error) {
	var open [maxMsgpackDepth]int // per open array or map: members still to come
	depth := 0
	for i := 0; i < len(body); {
		h, err := parseMsgpackHead(body, i)
		if err != nil {
			return 0, err
		}
		i = h.next
		if h.children > 0 {
			if depth == maxMsgpackDepth {
				return 0, fmt.Errorf("msgpack body nests deeper than %d levels", maxMsgpackDepth)
			}
			if elements += h.children; elements > maxMsgpackElements {
				return 0, fmt.Errorf("msgpack body has more than %d elements: send it in parts", maxMsgpackElements)
			}
			open[depth] = h.children
			depth++
			continue
		}
		for depth > 0 {
			if open[depth-1]--; open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			if i < len(body) {
				return 0, fmt.Errorf("msgpack body has %d bytes after its value", len(body)-i)
			}
			return elements, nil
		}
	}
	return 0, errMsgpackShort
}

// errMsgpackOpaque stops a decoder that looks for a value inside the bytes of another.
var errMsgpackOpaque = errors.New("msgpack body has an extension where a map is expected")

// scannedReader feeds a scanned body to the decoder and keeps the decoder to what was scanned. The decoder
// takes an extension in a map's place for a header it may skip and would read the extension's bytes as
// values, which no scan has seen.
//
// Opaque bytes are always read with Read and headers with ReadByte, so ReadByte inside opaque bytes is that
// case. Owned by one decode at a time.
type scannedReader struct {
	b    []byte
	pos  int
	head msgpackHead // of the last value whose first byte was reached; zero before the first
}

func (r *scannedReader) reset(b []byte) { *r = scannedReader{b: b} }

// sync moves head to the value that holds pos.
func (r *scannedReader) sync() error {
	for r.pos >= r.head.next {
		h, err := parseMsgpackHead(r.b, r.head.next)
		if err != nil {
			return err
		}
		r.head = h
	}
	return nil
}

// ReadByte returns the next byte of a header or number.
func (r *scannedReader) ReadByte() (byte, error) {
	if r.pos >= len(r.b) {
		return 0, io.EOF
	}
	if err := r.sync(); err != nil {
		return 0, err
	}
	if r.pos >= r.head.payload && r.head.payload < r.head.next {
		return 0, errMsgpackOpaque
	}
	r.pos++
	return r.b[r.pos-1], nil
}

// UnreadByte takes back the last ReadByte.
func (r *scannedReader) UnreadByte() error {
	if r.pos == 0 {
		return errors.New("nothing to unread")
	}
	r.pos--
	return nil
}

// Read copies the next bytes, whatever they are.
func (r *scannedReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.pos >= len(r.b) {
		return 0, io.EOF
	}
	if err := r.sync(); err != nil {
		return 0, err
	}
	n := copy(p, r.b[r.pos:])
	r.pos += n
	return n, nil
}
