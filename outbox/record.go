package outbox

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	"github.com/gantline-project/gantline"
)

// The file begins with a header:
//
//	0  8  magic "GANTBOX\n"
//	8  4  version, 1
//	12 8  salt, random
//	20 4  CRC32C of the 20 bytes before
//
// Then records, each with a head of its own:
//
//	0  4  length of the payload
//	4  4  CRC32C of the payload
//	8  8  offset up to which the file was on the disk when the record was written
//	16 4  kind: 1 keep, 2 forget
//	20 4  CRC32C of salt, the record's offset, and the 20 bytes before
//
// The salt and the offset in the head's sum keep bytes of a message's body, or of another file, from passing for a
// record. Numbers are big-endian. Payloads:
//
//	keep    time 8 (Unix ns), id 16, codec 1, peer, topic, number of metadata pairs 2, pairs (key, value 2+n), body
//	forget  peer, ids 16 each
//
// where peer, topic and key have a length of 1 byte in front.
const (
	magic      = "GANTBOX\n"
	version    = 1
	headerSize = 24
	headSize   = 24

	kindKeep   = 1
	kindForget = 2
)

// idSize is the size of a message's id.
const idSize = len(gantline.MessageID{})

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// fileHeader returns the header of a file.
func fileHeader(salt uint64) []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint64(b, salt)
	return binary.BigEndian.AppendUint32(b, sum(b))
}

// head is the head of a record.
type head struct {
	size   uint32
	sum    uint32
	synced int64
	kind   uint32
}

// end returns the offset after a record at off.
func (h head) end(off int64) int64 { return off + headSize + int64(h.size) }

// put writes h, for a record at off, into b.
func (h head) put(b []byte, salt uint64, off int64) {
	binary.BigEndian.PutUint32(b[0:], h.size)
	binary.BigEndian.PutUint32(b[4:], h.sum)
	binary.BigEndian.PutUint64(b[8:], uint64(h.synced))
	binary.BigEndian.PutUint32(b[16:], h.kind)
	binary.BigEndian.PutUint32(b[20:], headSum(b, salt, off))
}

// parseHead reads the head of a record at off; false when there is none.
func parseHead(b []byte, salt uint64, off int64) (h head, ok bool) {
	if len(b) < headSize {
		return h, false
	}
	h.kind = binary.BigEndian.Uint32(b[16:])
	h.synced = int64(binary.BigEndian.Uint64(b[8:]))
	if h.kind != kindKeep && h.kind != kindForget || h.synced < 0 || h.synced > off {
		return h, false
	}
	h.size = binary.BigEndian.Uint32(b[0:])
	h.sum = binary.BigEndian.Uint32(b[4:])
	return h, binary.BigEndian.Uint32(b[20:]) == headSum(b, salt, off)
}

func headSum(b []byte, salt uint64, off int64) uint32 {
	var where [16]byte
	binary.BigEndian.PutUint64(where[0:], salt)
	binary.BigEndian.PutUint64(where[8:], uint64(off))
	return crc32.Update(sum(where[:]), castagnoli, b[:20])
}

// checkKeep refuses a message for which appendKeep has no room.
func checkKeep(peer string, m *gantline.KeptMessage) error {
	pairs := 0
	for k, values := range m.Metadata {
		if len(k) > 255 {
			return invalid("metadata key %.32q... has %d bytes, the limit is 255", k, len(k))
		}
		for _, v := range values {
			if len(v) > 65535 {
				return invalid("metadata value of %q has %d bytes, the limit is 65535", k, len(v))
			}
		}
		pairs += len(values)
	}
	switch {
	case len(peer) > 255:
		return invalid("peer id has %d bytes, the limit is 255", len(peer))
	case len(m.Topic) > 255:
		return invalid("topic has %d bytes, the limit is 255", len(m.Topic))
	case pairs > 65535:
		return invalid("metadata has %d pairs, the limit is 65535", pairs)
	}
	return nil
}

// appendKeep appends the payload that keeps m. Metadata is sorted by key, so that equal messages have equal
// bytes.
func appendKeep(b []byte, peer string, m *gantline.KeptMessage) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.At.UnixNano()))
	b = append(b, m.ID[:]...)
	b = append(b, m.Codec)
	b = appendShort(b, peer)
	b = appendShort(b, m.Topic)
	pairs := 0
	for _, values := range m.Metadata {
		pairs += len(values)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(pairs))
	if pairs > 0 {
		for _, k := range slices.Sorted(maps.Keys(m.Metadata)) {
			for _, v := range m.Metadata[k] {
				b = appendShort(b, k)
				b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
				b = append(b, v...)
			}
		}
	}
	return append(b, m.Body...)
}

// appendForget appends the payload that forgets ids.
func appendForget(b []byte, peer string, ids []gantline.MessageID) []byte {
	b = appendShort(b, peer)
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

func appendShort(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// errPayload says that a payload does not match its kind, though its sum is right.
var errPayload = errors.New("gantline: record cannot be read")

// parser takes a payload apart. After a failure everything is empty.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) take(n int) []byte {
	if len(p.b) < n {
		p.b, p.bad = nil, true
		return make([]byte, n)
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) short() string { return string(p.take(int(p.take(1)[0]))) }

// keepKey reads only whose message a keep record has, and which one.
func keepKey(payload []byte) (peer string, id gantline.MessageID, err error) {
	p := parser{b: payload}
	p.take(8)
	copy(id[:], p.take(idSize))
	p.take(1)
	if peer = p.short(); p.bad {
		return "", id, errPayload
	}
	return peer, id, nil
}

// parseKeep reads a keep record. The message's body shares memory with payload.
func parseKeep(payload []byte) (peer string, m *gantline.KeptMessage, err error) {
	p := parser{b: payload}
	m = &gantline.KeptMessage{At: time.Unix(0, int64(binary.BigEndian.Uint64(p.take(8))))}
	copy(m.ID[:], p.take(idSize))
	m.Codec = p.take(1)[0]
	peer, m.Topic = p.short(), p.short()
	for n := binary.BigEndian.Uint16(p.take(2)); n > 0 && !p.bad; n-- {
		k := p.short()
		v := string(p.take(int(binary.BigEndian.Uint16(p.take(2)))))
		if m.Metadata == nil {
			m.Metadata = make(gantline.Metadata)
		}
		m.Metadata.Add(k, v)
	}
	if p.bad {
		return "", nil, errPayload
	}
	m.Body = p.b
	return peer, m, nil
}

// parseForget reads a forget record.
func parseForget(payload []byte) (peer string, ids []gantline.MessageID, err error) {
	p := parser{b: payload}
	if peer = p.short(); p.bad || len(p.b)%idSize != 0 {
		return "", nil, errPayload
	}
	for len(p.b) > 0 {
		ids = append(ids, gantline.MessageID(p.take(idSize)))
	}
	return peer, ids, nil
}
