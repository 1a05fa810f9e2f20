package frame

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeSeed writes one file of a committed fuzz corpus.
func writeSeed(t *testing.T, fuzz, name string, args ...any) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("go test fuzz v1\n")
	for _, a := range args {
		switch a := a.(type) {
		case byte:
			fmt.Fprintf(&b, "byte(%q)\n", rune(a))
		case uint64:
			fmt.Fprintf(&b, "uint64(%d)\n", a)
		case string:
			fmt.Fprintf(&b, "string(%q)\n", a)
		case []byte:
			fmt.Fprintf(&b, "[]byte(%q)\n", a)
		}
	}
	dir := filepath.Join("testdata", "fuzz", fuzz)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// With -update the seeds are written again from the vectors.
func TestUpdateSeeds(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	types := knownTypes()
	for i := range vectors {
		v := &vectors[i]
		name, b := fmt.Sprintf("vector-%02d", i), v.bytes()
		writeSeed(t, "FuzzParse", name, b[HeaderLen:])
		writeSeed(t, "FuzzRecode", name, byte(v.h.Type), byte(v.h.Flags), b[HeaderLen:])
		writeSeed(t, "FuzzEncode", name, byte(slices.Index(types, v.h.Type)), byte(i), uint64(i)<<40+7, uint64(1000*i), v.name, b[:min(i, len(b))], messageMeta)
	}
	small, _ := stream(3, 0, 40)
	for name, plan := range map[string][]byte{"plain": {}, "mixed": {0, 0x11, 0x22, 0x33, 0x45, 0x5F, 0x6F}, "bytewise": {0x20}, "direct": {0x3F}} {
		writeSeed(t, "FuzzReader", name, small, plan, uint64(0))
		writeSeed(t, "FuzzReader", name+"-torn", small[:len(small)-1], plan, uint64(100))
		writeSeed(t, "FuzzReader", name+"-large", small, plan, uint64(20000))
	}
	for _, m := range methodBodies {
		writeSeed(t, "FuzzMethods", strings.ReplaceAll(m.name, " ", "-"), []byte(m.body))
	}
	writeSeed(t, "FuzzReader", "illegal", append(small, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), []byte{}, uint64(0))
	writeSeed(t, "FuzzReader", "skippable", append(AppendHeader(nil, Header{0xC7, 0xFF, 3, 9}), "abc\x00\x00\x00\x41"...), []byte{0}, uint64(0))
}

// No parser panics, whatever it is given.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, p []byte) {
		for typ := range recoders {
			if _, err := recode(Header{Type: typ}, p); err != nil && !isError(err) {
				t.Errorf("%v: %v is not an *Error", typ, err)
			}
		}
		if _, err := recode(Header{Type: TypeData, Flags: FlagHead}, p); err != nil && !isError(err) {
			t.Errorf("HEAD: %v is not an *Error", err)
		}
		if h, err := ParseHeader(p); err == nil {
			if got := AppendHeader(nil, h); !bytes.Equal(got, p[:HeaderLen]) {
				t.Errorf("header %x encodes to %x", p[:HeaderLen], got)
			}
			if err := h.Validate(DefaultMaxPayload); err != nil && !isError(err) {
				t.Errorf("Validate: %v is not an *Error", err)
			}
		}
		if v, err := ParsePreface(p); err == nil && !bytes.Equal(AppendPreface(nil, v), p[:PrefaceLen]) {
			t.Errorf("preface %x of version %d", p[:PrefaceLen], v)
		}
		checkNext(t, p)
	})
}

// checkNext compares NextMetadata with CheckMetadata.
func checkNext(t *testing.T, block []byte) {
	var again []byte
	n, rest := 0, block
	for {
		key, value, next, ok := NextMetadata(rest)
		if !ok {
			break
		}
		again = AppendMetadata(again, string(key), value)
		rest = next
		n++
	}
	whole := len(rest) == 0
	if whole && !bytes.Equal(again, block) {
		t.Errorf("metadata %x encodes to %x", block, again)
	}
	want := whole && n <= MaxMetadataPairs && len(block) <= MaxMetadata
	if err := CheckMetadata(block); (err == nil) != want {
		t.Errorf("metadata %x: %v, valid %v", block, err, want)
	}
}

// What is parsed encodes to the bytes it came from.
func FuzzRecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, typ, flags byte, p []byte) {
		h := Header{Type: Type(typ), Flags: Flags(flags)}
		if got, err := recode(h, p); err == nil && !bytes.Equal(got, p) {
			t.Errorf("%+v: %x encodes to %x", h, p, got)
		}
	})
}

// What Validate accepts is parsed back unchanged. typ counts through the known
// types.
func FuzzEncode(f *testing.F) {
	types := knownTypes()
	f.Fuzz(func(t *testing.T, typ, small byte, a, b uint64, s string, p, q []byte) {
		x := fuzzValue(types[int(typ)%len(types)], small, a, b, s, p, q)
		enc, dec := fuzzCodec(x)
		if dec == nil {
			return
		}
		got, err := dec(enc)
		if err != nil {
			t.Fatalf("%+v: %v", x, err)
		}
		if !equal(got, x) {
			t.Fatalf("got %+v, want %+v", got, x)
		}
	})
}

func clamp(s string, n int) string { return s[:min(n, len(s))] }

// fuzzValue builds the payload of a type from raw material.
func fuzzValue(typ Type, small byte, a, b uint64, s string, p, q []byte) any {
	id := clamp(s, MaxPeerID)
	limits := with(testLimits, func(l *Limits) { l.Streams, l.Body, l.EarlyPool[1] = uint32(a), uint32(b), uint32(b>>32) })
	ack := Ack{a, [Groups]uint64{b, a ^ b, ^a}}
	switch typ {
	case TypeHello:
		x := with(testHello, func(x *Hello) {
			x.MinVersion, x.MaxVersion, x.Limits, x.Features = small, byte(a), limits, uint32(a)
			x.ID, x.Meta, x.Auth, x.Codecs = id, p, q, p[:min(255, len(p))]
			if small&1 != 0 {
				x.Resume = &ResumeHello{Epoch: a, Position: b, Released: ack.Released}
			}
			if x.Features&FeatureBound != 0 {
				x.Exporter = seq[[32]byte](small)
			}
			x.Extra = q
		})
		return &x
	case TypeWelcome:
		x := with(testWelcome, func(x *Welcome) {
			x.Version, x.Limits, x.ServerID, x.ClientID, x.Meta = small, limits, id, clamp(id, 3), p
			if small&1 != 0 {
				x.Resumed = &ResumeWelcome{Position: b, Released: ack.Released}
			}
			x.Extra = q
		})
		return &x
	case TypeRefuse:
		x := Refuse{Code: Code(a), Text: clamp(s, MaxText), RetryAfter: uint32(b), Addr: clamp(s, maxAddr), Epoch: a, HasPosition: small&1 != 0}
		if x.HasPosition {
			x.Position, x.Closed = b, small&2 != 0
		}
		return &x
	case TypePing, TypePong:
		return &Ping{b, ack}
	case TypeAck:
		return &ack
	case TypeBye:
		return &Bye{Code(a), clamp(s, MaxText), b}
	case TypeOpen:
		return &Open{Kind(small), byte(a), byte(a >> 8), b, uint32(a >> 16), uint32(a >> 32), []byte(s), p, q}
	case TypeData:
		return &Head{Code(a), uint32(b), clamp(s, MaxText), p, q}
	case TypeReset, TypeStop:
		return &Reset{Code(a), clamp(s, MaxText)}
	case TypeDrain:
		return &Drain{b & MaxID, Code(a), uint32(b >> 7), clamp(s, MaxText), clamp(s, maxAddr)}
	case TypeSettings:
		return &Settings{uint32(a), uint32(b), uint32(a >> 32)}
	}
	return nil
}

// fuzzCodec encodes a valid value and says how to parse it; nil when there is
// nothing to check.
func fuzzCodec(x any) ([]byte, func([]byte) (any, error)) {
	if v, ok := x.(interface{ Validate() error }); ok && v.Validate() != nil {
		return nil, nil
	}
	switch x := x.(type) {
	case *Hello:
		return codecOf(x, AppendHello, ParseHello)
	case *Welcome:
		return codecOf(x, AppendWelcome, ParseWelcome)
	case *Refuse:
		return codecOf(x, AppendRefuse, ParseRefuse)
	case *Ping:
		return codecOf(x, AppendPing, ParsePing)
	case *Ack:
		return codecOf(x, byPtr(AppendAck), ParseAck)
	case *Bye:
		return codecOf(x, AppendBye, ParseBye)
	case *Open:
		return codecOf(x, AppendOpen, ParseOpen)
	case *Head:
		return codecOf(x, AppendHead, func(p []byte) (Head, error) { h, _, err := ParseHead(p); return h, err })
	case *Reset:
		return codecOf(x, AppendReset, ParseReset)
	case *Drain:
		return codecOf(x, AppendDrain, ParseDrain)
	case *Settings:
		return codecOf(x, AppendSettings, ParseSettings)
	}
	return nil, nil
}

func codecOf[T any](x *T, enc func([]byte, *T) []byte, dec func([]byte) (T, error)) ([]byte, func([]byte) (any, error)) {
	return enc(nil, x), func(p []byte) (any, error) { return dec(p) }
}
