package frame

import (
	"encoding/binary"
	"unicode/utf8"
)

var be = binary.BigEndian

// A decoder takes fields off a payload. After the first error it returns zeros
// and keeps the error. OPEN and HEAD, which are hot, do without it.
type decoder struct {
	t   Type
	p   []byte // what is left
	err error
}

func (d *decoder) fail(field string, value, limit int, why error) {
	if d.err == nil {
		d.err = fail(d.t, field, value, limit, why)
	}
}

// take returns the next n bytes, sharing memory with the input.
func (d *decoder) take(field string, n int) []byte {
	if d.err != nil {
		return nil
	}
	if len(d.p) < n {
		d.fail(field, len(d.p), n, ErrShort)
		return nil
	}
	v := d.p[:n:n]
	d.p = d.p[n:]
	return v
}

func (d *decoder) u8(field string) uint8 {
	if v := d.take(field, 1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) u16(field string) uint16 {
	if v := d.take(field, 2); v != nil {
		return be.Uint16(v)
	}
	return 0
}

func (d *decoder) u32(field string) uint32 {
	if v := d.take(field, 4); v != nil {
		return be.Uint32(v)
	}
	return 0
}

func (d *decoder) u56(field string) uint64 {
	if v := d.take(field, 7); v != nil {
		return u56(v)
	}
	return 0
}

func (d *decoder) u64(field string) uint64 {
	if v := d.take(field, 8); v != nil {
		return be.Uint64(v)
	}
	return 0
}

// flag reads a byte that is 0 or 1.
func (d *decoder) flag(field string) bool {
	v := d.u8(field)
	if v > 1 {
		d.fail(field, int(v), 1, ErrNotCanonical)
	}
	return v == 1
}

// bytes8 and bytes16 copy a string of bytes that follows its length. max is the most
// that the length may say.
func (d *decoder) bytes8(field string, max int) []byte { return d.bytes(field, int(d.u8(field)), max) }
func (d *decoder) bytes16(field string, max int) []byte {
	return d.bytes(field, int(d.u16(field)), max)
}

func (d *decoder) bytes(field string, n, max int) []byte {
	if n > max {
		d.fail(field, n, max, ErrTooLong)
	}
	return append([]byte(nil), d.take(field, n)...)
}

func (d *decoder) text() string { return string(d.bytes16("text", MaxText)) }

// id reads a peer id.
func (d *decoder) id(field string) string {
	s := string(d.bytes8(field, MaxPeerID))
	if err := checkID(d.t, field, s); err != nil && d.err == nil {
		d.err = err
	}
	return s
}

// rest copies everything that is left.
func (d *decoder) rest() []byte { return append([]byte(nil), d.take("", len(d.p))...) }

// end returns the first error, or ErrTrailing when bytes are left.
func (d *decoder) end() error {
	if d.err == nil && len(d.p) != 0 {
		d.fail("payload", len(d.p), 0, ErrTrailing)
	}
	return d.err
}

// checkID refuses ids that are too long or hold anything but printable ASCII:
// they are shown in logs.
func checkID(t Type, field, s string) error {
	if len(s) > MaxPeerID {
		return fail(t, field, len(s), MaxPeerID, ErrTooLong)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return fail(t, field, s[i], byte('~'), ErrBadValue)
		}
	}
	return nil
}

func u56(b []byte) uint64 {
	_ = b[6]
	return uint64(be.Uint32(b))<<24 | uint64(b[4])<<16 | uint64(b[5])<<8 | uint64(b[6])
}

func appendU56(b []byte, v uint64) []byte {
	return append(b, byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func appendFlag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func append8[T string | []byte](b []byte, v T) []byte {
	return append(append(b, byte(len(v))), v...)
}

func append16[T string | []byte](b []byte, v T) []byte {
	return append(be.AppendUint16(b, uint16(len(v))), v...)
}

// appendAddr appends an address, or none in place of one that does not fit:
// half an address leads nowhere.
func appendAddr(b []byte, s string) []byte {
	if len(s) > maxAddr {
		s = ""
	}
	return append8(b, s)
}

// clip cuts a text to MaxText bytes, between two characters.
func clip(s string) string {
	if len(s) <= MaxText {
		return s
	}
	n := MaxText
	for n > MaxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
