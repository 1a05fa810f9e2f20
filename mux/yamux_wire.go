package mux

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gantline-project/gantline/frame"
)

// The yamux wire format, version 0, has a 12-byte header, as long as ours. It is big endian: version, type, flags
// u16, stream id u32, length u32. https://github.com/hashicorp/yamux/blob/master/spec.md
const (
	yamuxHeaderLen = frame.HeaderLen

	yamuxData         uint8 = 0 // length bytes follow
	yamuxWindowUpdate uint8 = 1 // length = more window
	yamuxPing         uint8 = 2 // length = opaque value
	yamuxGoAway       uint8 = 3 // length = reason

	yamuxSYN uint16 = 1 // first frame of a stream; a ping's question
	yamuxACK uint16 = 2 // first frame of the acceptor; a ping's answer
	yamuxFIN uint16 = 4 // last frame of a direction
	yamuxRST uint16 = 8 // end of both directions; not answered

	yamuxWindow = 256 << 10 // every stream, both ways, from the start

	yamuxNormal        uint32 = 0 // reasons of a go away
	yamuxProtocolError uint32 = 1
	yamuxInternalError uint32 = 2
)

type yamuxHeader struct {
	kind   uint8
	flags  uint16
	id     uint32
	length uint32
}

func putYamux(b []byte, h yamuxHeader) {
	_ = b[yamuxHeaderLen-1]
	b[0], b[1] = 0, h.kind
	binary.BigEndian.PutUint16(b[2:], h.flags)
	binary.BigEndian.PutUint32(b[4:], h.id)
	binary.BigEndian.PutUint32(b[8:], h.length)
}

func appendYamux(b []byte, h yamuxHeader) []byte {
	var buf [yamuxHeaderLen]byte
	putYamux(buf[:], h)
	return append(b, buf[:]...)
}

// parseYamux decodes the header in b and checks what a header alone can break.
func parseYamux(b []byte) (yamuxHeader, error) {
	_ = b[yamuxHeaderLen-1]
	h := yamuxHeader{
		kind: b[1], flags: binary.BigEndian.Uint16(b[2:]),
		id: binary.BigEndian.Uint32(b[4:]), length: binary.BigEndian.Uint32(b[8:]),
	}
	switch {
	case b[0] != 0:
		return h, fmt.Errorf("frame of version %d, only 0 is spoken", b[0])
	case h.kind > yamuxGoAway:
		return h, fmt.Errorf("frame of unknown type %d", h.kind)
	case h.flags&^(yamuxSYN|yamuxACK|yamuxFIN|yamuxRST) != 0:
		return h, fmt.Errorf("frame with unknown flags %#x", h.flags)
	case h.kind <= yamuxWindowUpdate && h.id == 0:
		return h, errors.New("stream frame with id 0")
	case h.kind >= yamuxPing && h.id != 0:
		return h, fmt.Errorf("ping or go away with stream id %d", h.id)
	case h.kind == yamuxPing && h.flags != yamuxSYN && h.flags != yamuxACK:
		return h, fmt.Errorf("ping with flags %#x", h.flags)
	}
	return h, nil
}

// YamuxPreface reports whether b, the first bytes of a connection, may be yamux. Its version byte is 0. Neither our
// preface nor TLS nor HTTP begins with that.
func YamuxPreface(b []byte) bool { return len(b) > 0 && b[0] == 0 }

// yamuxIDWindow is how far below the peer's highest id new and used ones are known apart.
const yamuxIDWindow = 4096

// yamuxIDs remembers which ids the peer has opened. They need not come in order: hashicorp's and libp2p's
// openers take an id first and then queue for sending, so that SYNs overtake each other.
type yamuxIDs struct {
	next uint32 // index (id / 2) after the highest
	seen [yamuxIDWindow / 64]uint64
}

type yamuxVerdict uint8

const (
	yamuxIDNew  yamuxVerdict = iota
	yamuxIDUsed              // opened before
	yamuxIDOld               // too far below the highest to know
)

// look says what is known about id.
func (w *yamuxIDs) look(id uint32) yamuxVerdict {
	switch i := id / 2; {
	case i >= w.next:
		return yamuxIDNew
	case w.next-i > yamuxIDWindow:
		return yamuxIDOld
	case w.seen[i/64%uint32(len(w.seen))]&(1<<(i%64)) != 0:
		return yamuxIDUsed
	}
	return yamuxIDNew
}

// take is look, and marks a new id as used.
func (w *yamuxIDs) take(id uint32) yamuxVerdict {
	v := w.look(id)
	if v != yamuxIDNew {
		return v
	}
	i := id / 2
	if i >= w.next {
		if i-w.next >= yamuxIDWindow {
			clear(w.seen[:])
		} else {
			for k := w.next; k < i; k++ {
				w.seen[k/64%uint32(len(w.seen))] &^= 1 << (k % 64)
			}
		}
		w.next = i + 1
	}
	w.seen[i/64%uint32(len(w.seen))] |= 1 << (i % 64)
	return v
}
