package frame

import (
	"errors"
	"testing"
)

func TestHeader(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    Header
		want string
	}{
		{"zero", Header{}, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"all ones", Header{0xFF, 0xFF, MaxLength, MaxID}, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"every byte", Header{4, 5, 0x010203, 0x060708090A0B0C}, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"},
		{"length only", Header{Length: MaxLength}, "\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"id only", Header{ID: MaxID}, "\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := AppendHeader([]byte("x"), tt.h); string(got) != "x"+tt.want {
				t.Errorf("AppendHeader = %x, want %x", got, "x"+tt.want)
			}
			put := make([]byte, HeaderLen+1)
			if PutHeader(put, tt.h); string(put) != tt.want+"\x00" {
				t.Errorf("PutHeader = %x, want %x00", put, tt.want)
			}
			got, err := ParseHeader([]byte(tt.want + "rest"))
			if err != nil || got != tt.h {
				t.Errorf("ParseHeader = %+v, %v, want %+v", got, err, tt.h)
			}
			for n := range len(tt.want) {
				if _, err := ParseHeader([]byte(tt.want[:n])); !errors.Is(err, ErrShort) {
					t.Errorf("ParseHeader of %d bytes: %v, want ErrShort", n, err)
				}
			}
		})
	}
}

// legal is the table of the protocol, written once more by hand: flags, the
// ids a type takes and the payload lengths beside the receiver's maximum.
var legal = map[Type]struct {
	flags    Flags
	zero, id bool // id 0, id other than 0
	min, max uint32
}{
	TypeHello:     {0, true, false, 113, 8192},
	TypeWelcome:   {0, true, false, 126, 8192},
	TypeChallenge: {0, true, false, 0, 8192},
	TypeProof:     {0, true, false, 0, 8192},
	TypeRefuse:    {0, true, false, 18, 18 + 8 + 1024 + 255},
	TypePing:      {0, true, false, 40, 40},
	TypePong:      {0, true, false, 40, 40},
	TypeAck:       {0, true, false, 32, 32},
	TypeBye:       {0, true, false, 12, 12 + 1024},
	TypeOpen:      {1, false, true, 22, MaxLength},
	TypeData:      {15, true, true, 0, MaxLength},
	TypeCredit:    {0, true, true, 4, 4},
	TypeReset:     {0, true, true, 4, 4 + 1024},
	TypeStop:      {0, true, true, 4, 4 + 1024},
	TypeDrain:     {0, true, false, 16, 16 + 1024 + 255},
	TypeSettings:  {0, true, false, 12, 12},
}

// Every type with every flag byte, both sorts of id and lengths around all
// bounds.
func TestValidate(t *testing.T) {
	const max = 20000
	lengths := []uint32{max - 1, max, max + 1, MaxLength}
	for n := range uint32(65) {
		lengths = append(lengths, n)
	}
	for _, l := range legal {
		lengths = append(lengths, l.min-1, l.min, l.min+1, l.max-1, l.max, l.max+1)
	}
	flagBytes := []Flags{0x10, 0x11, 0x20, 0x40, 0x80, 0xFF}
	for f := range Flags(16) {
		flagBytes = append(flagBytes, f)
	}
	for i := range 256 {
		typ := Type(i)
		l, known := legal[typ]
		for _, flags := range flagBytes {
			for _, n := range lengths {
				for _, id := range []uint64{0, 1, MaxID} {
					h := Header{typ, flags, n & MaxLength, id}
					var want bool
					switch {
					case h.Length > max:
					case !known:
						want = typ&0x40 != 0
					case h.Length < l.min || h.Length > l.max || flags&^l.flags != 0:
					case id == 0 && !l.zero || id != 0 && !l.id:
					default:
						want = typ != TypeData || legalData(h)
					}
					err := h.Validate(max)
					if (err == nil) != want {
						t.Fatalf("%+v: error %v, legal %v", h, err, want)
					}
					if err != nil && !isError(err) {
						t.Fatalf("%+v: %v is not an *Error", h, err)
					}
				}
			}
		}
	}
}

func legalData(h Header) bool {
	fin, blocked := h.Flags&1 != 0, h.Flags&4 != 0
	return !(fin && blocked) && !(h.Length == 0 && (h.Flags == 0 || h.Flags&8 != 0))
}

func TestValidateReasons(t *testing.T) {
	for _, tt := range []struct {
		h    Header
		want error
		text string
	}{
		{Header{Type: 0x00}, ErrUnknownType, "gantline: unknown frame type 0x00"},
		{Header{Type: 0x99}, ErrUnknownType, "gantline: unknown frame type 0x99"},
		{Header{Type: 0x41, Length: 101}, ErrTooLong, "gantline: type 0x41 frame: payload: too long (got 101, limit 100)"},
		{Header{Type: TypeData, Length: 101, ID: 1}, ErrTooLong, "gantline: DATA frame: payload: too long (got 101, limit 100)"},
		{Header{Type: TypeAck, Length: 33}, ErrTooLong, "gantline: ACK frame: payload: too long (got 33, limit 32)"},
		{Header{Type: TypeAck, Length: 31}, ErrShort, "gantline: ACK frame: payload: too short (got 31, limit 32)"},
		{Header{Type: TypeAck, Length: 32, ID: 7}, ErrBadID, "gantline: ACK frame: id: illegal id (got 7, limit 0)"},
		{Header{Type: TypeOpen, Length: 22}, ErrBadID, "gantline: OPEN frame: id: illegal id (got 0, limit 72057594037927935)"},
		{Header{Type: TypeOpen, Length: 22, ID: 1, Flags: 0x12}, ErrBadFlags, "gantline: OPEN frame: flags: illegal flags (got HEAD|0x10, legal FIN)"},
		{Header{Type: TypePing, Length: 40, Flags: 1}, ErrBadFlags, "gantline: PING frame: flags: illegal flags (got FIN, legal none)"},
		{Header{Type: TypeData, Flags: 5}, ErrBadFlags, "gantline: DATA frame: flags: illegal flags (got FIN|BLOCKED, legal FIN|HEAD|EARLY)"},
		{Header{Type: TypeData, Flags: 9}, ErrBadFlags, "gantline: DATA frame: flags: illegal flags (got FIN|EARLY, legal FIN|HEAD|BLOCKED)"},
		{Header{Type: TypeData}, ErrShort, "gantline: DATA frame: payload: too short (got 0, limit 1)"},
	} {
		err := tt.h.Validate(100)
		if !errors.Is(err, tt.want) || err.Error() != tt.text {
			t.Errorf("%+v:\n got %q\nwant %q", tt.h, err, tt.text)
		}
	}
}

func TestPreface(t *testing.T) {
	b := AppendPreface(nil, Version)
	if want := "\x8aGNTL\r\n\x01"; string(b) != want {
		t.Fatalf("AppendPreface = %q, want %q", b, want)
	}
	for v := range 256 {
		b[7] = byte(v)
		if got, err := ParsePreface(b); err != nil || got != byte(v) {
			t.Errorf("version %d: got %d, %v", v, got, err)
		}
	}
	for i := range PrefaceLen {
		if _, err := ParsePreface(b[:i]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v, want ErrShort", i, err)
		}
		bad := append([]byte(nil), b...)
		bad[i] ^= 1
		if _, err := ParsePreface(bad); i < 7 && !errors.Is(err, ErrBadPreface) {
			t.Errorf("byte %d changed: %v, want ErrBadPreface", i, err)
		}
	}
}

func TestTypeNames(t *testing.T) {
	if len(knownTypes()) != len(legal) {
		t.Errorf("%d types are known, want %d", len(knownTypes()), len(legal))
	}
	for _, typ := range knownTypes() {
		if typ.Sequenced() != (typ >= 0x80) || typ.Skippable() {
			t.Errorf("%v: Sequenced %v, Skippable %v", typ, typ.Sequenced(), typ.Skippable())
		}
	}
	if s := Type(0xC2); s.String() != "type 0xC2" || !s.Sequenced() || !s.Skippable() {
		t.Errorf("type 0xC2: %v, Sequenced %v, Skippable %v", s, s.Sequenced(), s.Skippable())
	}
	for f, want := range map[Flags]string{0: "none", 1: "FIN", 15: "FIN|HEAD|BLOCKED|EARLY", 0x81: "FIN|0x80", 0xF0: "0xF0"} {
		if f.String() != want {
			t.Errorf("Flags(%d) = %q, want %q", f, f, want)
		}
	}
}
