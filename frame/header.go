package frame

import "encoding/binary"

// Sizes of the protocol, in bytes unless said otherwise. They are the numbers
// of the table "Limits" in docs/PROTOCOL.md.
const (
	HeaderLen  = 12 // of every frame
	PrefaceLen = 8
	Version    = 1 // of the protocol

	DefaultMaxPayload = 64 << 10  // accepted when nothing else is configured
	MinMaxPayload     = 16 << 10  // least maximum a side may announce; every HEAD and OPEN without its body fits
	MaxLength         = 1<<24 - 1 // most the length field can say
	MaxID             = 1<<56 - 1 // highest stream id

	MaxText          = 1024 // error text for people
	MaxDetail        = 4096 // error detail in a HEAD block
	MaxName          = 255  // method or topic
	MaxPeerID        = 128
	MaxMetadata      = 8192
	MaxMetadataPairs = 64   // pairs
	MaxHandshake     = 8192 // payload of HELLO, WELCOME, CHALLENGE, PROOF
	Groups           = 3    // kind groups, see Kind.Group
)

// A Header stands before every payload.
type Header struct {
	Type   Type
	Flags  Flags
	Length uint32 // of the payload, at most MaxLength
	ID     uint64 // of the stream, at most MaxID; 0 in link frames
}

// AppendHeader appends h to b. Length and ID must not exceed MaxLength and
// MaxID.
func AppendHeader(b []byte, h Header) []byte {
	b = binary.BigEndian.AppendUint32(b, h.Length<<8|uint32(h.Type))
	return binary.BigEndian.AppendUint64(b, uint64(h.Flags)<<56|h.ID&MaxID)
}

// PutHeader writes h into the first HeaderLen bytes of b, which must be there.
// Length and ID must not exceed MaxLength and MaxID.
func PutHeader(b []byte, h Header) {
	_ = b[HeaderLen-1]
	binary.BigEndian.PutUint32(b, h.Length<<8|uint32(h.Type))
	binary.BigEndian.PutUint64(b[4:], uint64(h.Flags)<<56|h.ID&MaxID)
}

// ParseHeader decodes the first HeaderLen bytes of b. It checks only that they are
// there; see Validate.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, fail(0, "header", len(b), HeaderLen, ErrShort)
	}
	lt, fi := binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b[4:])
	return Header{Type: Type(lt), Flags: Flags(fi >> 56), Length: lt >> 8, ID: fi & MaxID}, nil
}

// Validate checks all that a header alone can break. That is the payload length,
// against max (what the receiver announced) and the type's own bounds, the flags,
// and the id. Unknown types pass when they are skippable and not longer than max.
// The error is an *Error.
func (h Header) Validate(max uint32) error {
	r := &rules[h.Type]
	if r.name == "" {
		if !h.Type.Skippable() {
			return fail(h.Type, "type", h.Type, 0, ErrUnknownType)
		}
		if h.Length > max {
			return fail(h.Type, "payload", h.Length, max, ErrTooLong)
		}
		return nil
	}
	if h.Length > min(max, r.max) {
		return fail(h.Type, "payload", h.Length, min(max, r.max), ErrTooLong)
	}
	if h.Length < r.min {
		return fail(h.Type, "payload", h.Length, r.min, ErrShort)
	}
	if h.Flags&^r.flags != 0 {
		return fail(h.Type, "flags", h.Flags, r.flags, ErrBadFlags)
	}
	if h.ID != 0 && !r.stream {
		return fail(h.Type, "id", h.ID, 0, ErrBadID)
	}
	if h.ID == 0 && h.Type == TypeOpen {
		return fail(h.Type, "id", h.ID, uint64(MaxID), ErrBadID)
	}
	if h.Type == TypeData {
		return h.validateData()
	}
	return nil
}

// validateData refuses combinations that contradict themselves or say nothing. A
// peer could send frames that say nothing for ever, and they would cost no credit.
func (h Header) validateData() error {
	legal := FlagFin | FlagHead | FlagBlocked | FlagEarly
	switch {
	case h.Flags&FlagFin != 0 && h.Flags&FlagBlocked != 0:
		legal &^= FlagBlocked
	case h.Length == 0 && h.Flags&FlagEarly != 0:
		legal &^= FlagEarly
	case h.Length == 0 && h.Flags == 0:
		return fail(h.Type, "payload", 0, 1, ErrShort)
	default:
		return nil
	}
	return fail(h.Type, "flags", h.Flags, legal, ErrBadFlags)
}

const prefaceMagic = "\x8AGNTL\r\n"

// AppendPreface appends the PrefaceLen bytes that a client sends before its HELLO. A
// server sends them before it closes a connection of a version it does not know.
func AppendPreface(b []byte, version byte) []byte {
	return append(append(b, prefaceMagic...), version)
}

// ParsePreface returns the version in the preface, the first PrefaceLen bytes of b.
// The caller must check whether it speaks that version.
func ParsePreface(b []byte) (version byte, err error) {
	if len(b) < PrefaceLen {
		return 0, fail(0, "preface", len(b), PrefaceLen, ErrShort)
	}
	if string(b[:len(prefaceMagic)]) != prefaceMagic {
		return 0, fail(0, "preface", b[0], prefaceMagic[0], ErrBadPreface)
	}
	return b[PrefaceLen-1], nil
}
