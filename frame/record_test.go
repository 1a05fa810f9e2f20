package frame

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

const recordFile = "testdata/record.hex"

// recordSeed is the sum before the first record of the golden file.
const recordSeed = 0x01020304

// recordVectors are the records of the golden file, one after the other.
var recordVectors = []struct {
	name string
	data []byte
}{
	{"one byte", []byte{0}},
	{"a PING", AppendPing(AppendHeader(nil, Header{Type: TypePing, Length: 40}), &Ping{Opaque: 1})},
	{"the same bytes once more", AppendPing(AppendHeader(nil, Header{Type: TypePing, Length: 40}), &Ping{Opaque: 1})},
	{"a part of a frame", []byte("half a pay")},
	{"300 bytes", bytes.Repeat([]byte("abc"), 100)},
}

func formatRecords() string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Records, header first, one after the other; the sum before the first one is %08x; written by: go test ./frame -update\n", recordSeed)
	sum := uint32(recordSeed)
	for _, v := range recordVectors {
		var b []byte
		b, sum = AppendRecord(nil, sum, v.data)
		fmt.Fprintf(&s, "\n[%s]\n  %x %x %x\n", v.name, b[:4], b[4:7], b[7:8])
		for p := b[RecordLen:]; len(p) > 0; {
			n := min(16, len(p))
			fmt.Fprintf(&s, "  % x\n", p[:n])
			p = p[n:]
		}
	}
	return s.String()
}

// TestGoldenRecords: the bytes are those of the file, and are read back.
func TestGoldenRecords(t *testing.T) {
	if *update {
		if err := os.WriteFile(recordFile, []byte(formatRecords()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(recordFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != formatRecords() {
		t.Errorf("%s is not what is written now", recordFile)
	}
	all, sum := parseFile(t, string(b)), uint32(recordSeed)
	for _, v := range recordVectors {
		data, rest, next, err := ParseRecord(all[v.name], sum)
		if err != nil || len(rest) > 0 || !bytes.Equal(data, v.data) {
			t.Errorf("%s: %d bytes, %d left over, %v", v.name, len(data), len(rest), err)
		}
		sum = next
	}
	if len(all) != len(recordVectors) {
		t.Errorf("%d records in the file", len(all))
	}
}

// TestRecordFlips: whatever single byte is changed, in the header or in the data, it is found; a length is found in the header.
func TestRecordFlips(t *testing.T) {
	good, _ := AppendRecord(nil, 7, bytes.Repeat([]byte("x"), 300))
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if _, _, _, err := ParseRecord(append(b, make([]byte, MaxRecord)...), 7); !errors.Is(err, ErrBadSum) && !errors.Is(err, ErrBadValue) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
			if _, err := RecordSize(b); (err != nil) != (i >= 4 && i < RecordLen) {
				t.Fatalf("byte %d, bit %d: the header says %v", i, bit, err)
			}
		}
	}
}

// TestRecordOrder: a record that is missing, doubled or out of place is found.
func TestRecordOrder(t *testing.T) {
	a, sum := AppendRecord(nil, 7, []byte("aaaa"))
	b, _ := AppendRecord(nil, sum, []byte("bbbb"))
	for name, stream := range map[string][]byte{
		"missing":      b,
		"doubled":      append(bytes.Clone(a), a...),
		"out of place": append(bytes.Clone(b), a...),
	} {
		sum, err := uint32(7), error(nil)
		for len(stream) > 0 && err == nil {
			_, stream, sum, err = ParseRecord(stream, sum)
		}
		if !errors.Is(err, ErrBadSum) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, _, err := ParseRecord(a, 8); !errors.Is(err, ErrBadSum) {
		t.Errorf("another seed: %v", err)
	}
}

// TestRecordLimits: lengths at the border, and what is cut short.
func TestRecordLimits(t *testing.T) {
	for n, want := range map[int]error{0: ErrBadValue, 1: nil, MaxRecord: nil, MaxRecord + 1: ErrBadValue, MaxLength: ErrBadValue} {
		head := make([]byte, RecordLen)
		PutRecord(head, 0, n)
		if got, err := RecordSize(head); !errors.Is(err, want) || err == nil && got != n {
			t.Errorf("%d bytes: %d, %v", n, got, err)
		}
	}
	whole, _ := AppendRecord(nil, 1, []byte("abc"))
	for n := range whole {
		if _, rest, sum, err := ParseRecord(whole[:n], 1); !errors.Is(err, ErrShort) || len(rest) != n || sum != 1 {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// Parts or one piece, in records of any size: the sums are the same, and reading undoes writing.
func FuzzRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, sum uint32, data []byte, cut, at uint16, flip byte) {
		if len(data) == 0 || len(data) > MaxRecord {
			return
		}
		b, next := AppendRecord(nil, sum, data)
		var head [RecordLen]byte
		k := int(cut) % (len(data) + 1)
		if got := PutRecord(head[:], sum, len(data), data[:k], data[k:]); got != next || !bytes.Equal(head[:], b[:RecordLen]) {
			t.Fatal("in two parts the header is another one")
		}
		got, rest, sum2, err := ParseRecord(append(b, 'z'), sum)
		if err != nil || !bytes.Equal(got, data) || string(rest) != "z" || sum2 != next {
			t.Fatalf("%d bytes, %q, %v", len(got), rest, err)
		}
		if flip != 0 {
			b[int(at)%len(b)] ^= flip
			if _, _, _, err := ParseRecord(b, sum); err == nil {
				t.Fatal("a changed byte is not found")
			}
		}
	})
}
