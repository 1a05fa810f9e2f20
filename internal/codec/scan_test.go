package codec

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nested is n copies of head, then tail.
func nested(head string, n int, tail ...byte) []byte {
	return append(bytes.Repeat([]byte(head), n), tail...)
}

func TestScanMsgpack(t *testing.T) {
	many := append([]byte{0xdd, 0, 0x10, 0, 0}, bytes.Repeat([]byte{0xc0}, 1<<20)...)
	tooMany := append([]byte{0xdd, 0, 0x10, 0, 1}, bytes.Repeat([]byte{0xc0}, 1<<20+1)...)
	for _, tc := range []struct {
		name string
		body []byte
		want string // part of the error; "" = fine
	}{
		{"nil", unhex(t, "c0"), ""},
		{"numbers", unhex(t, "9d 7f e0 c2 c3 cc01 cd0001 ce00000001 cf0000000000000001 d001 d10001 d200000001 ca00000000 cb0000000000000000"), ""},
		{"strings", unhex(t, "98 a0 a161 d90161 da000161 db0000000161 c40161 c5000161 c60000000161"), ""},
		{"extensions", unhex(t, "98 d40161 d5016162 d60100000000 d7010000000000000000 d80100000000000000000000000000000000 c7010161 c800010161 c9000000010161"), ""},
		{"containers", unhex(t, "96 90 80 dc0000 dd00000000 de0000 df00000000"), ""},
		{"depth 64", nested("\x91", 64, 0xc0), ""},
		{"depth 64, empty inside", nested("\x91", 64, 0x90), ""},
		{"a million elements", many, ""},
		{"empty", nil, "ends inside a value"},
		{"depth 65", nested("\x91", 65, 0xc0), "deeper than 64"},
		{"depth 65 of maps", nested("\x81\xc0", 65, 0xc0), "deeper than 64"},
		{"a million and one", tooMany, "more than 1048576 elements"},
		{"reserved byte", unhex(t, "91 c1"), "0xc1"},
		{"trailing byte", unhex(t, "c0 c0"), "1 bytes after"},
		{"trailing after array", unhex(t, "91 c0 00 00"), "2 bytes after"},
		{"array16 short", unhex(t, "dc 0002 00"), "2 elements"},
		{"map16 short", unhex(t, "de 0001 00"), "1 pairs, which need at least 2 bytes, but only 1 follow"},
		{"fixed map short", unhex(t, "82 00 00 00"), "2 pairs"},
		{"fixed array short", unhex(t, "92 00"), "2 elements"},
		{"inner array too long for what follows it", unhex(t, "92 93 00 00"), "3 elements"},
		{"members missing at the end", unhex(t, "92 92 00 00"), "ends inside"},
		{"string short", unhex(t, "a2 61"), "2 bytes, but only 1"},
		{"ext short", unhex(t, "d8 01 00"), "16 bytes, but only 1"},
		{"ext32 huge", unhex(t, "c9 ffffffff 01"), "4294967295 bytes"},
	} {
		_, err := scanMsgpack(tc.body)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

// TestScanMsgpackTruncated cuts a body with every kind of header at each byte.
func TestScanMsgpackTruncated(t *testing.T) {
	full := unhex(t, "dc0003 de0001 da000161 cf0000000000000001 c8000101ff d5016162")
	if _, err := scanMsgpack(full); err != nil {
		t.Fatal(err)
	}
	for i := range full {
		if _, err := scanMsgpack(full[:i]); err == nil {
			t.Errorf("the first %d bytes pass", i)
		}
	}
}

// allocated returns the bytes that fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type bombStruct struct{ A [64]byte }

// bombTargets are the types whose decoding allocates by declared length.
var bombTargets = map[string]func() any{
	"any":                 func() any { return new(any) },
	"[]any":               func() any { return new([]any) },
	"[]int64":             func() any { return new([]int64) },
	"[]byte":              func() any { return new([]byte) },
	"string":              func() any { return new(string) },
	"[]string":            func() any { return new([]string) },
	"[]struct":            func() any { return new([]bombStruct) },
	"map[string]any":      func() any { return new(map[string]any) },
	"map[string]string":   func() any { return new(map[string]string) },
	"map[int]int":         func() any { return new(map[int]int) },
	"map[any]any":         func() any { return new(map[any]any) },
	"[]map[string]any":    func() any { return new([]map[string]any) },
	"map[string][]string": func() any { return new(map[string][]string) },
	"time.Time":           func() any { return new(time.Time) },
	"struct":              func() any { return new(codecValue) },
}

// TestMsgpackBombs feeds every small input known to hurt the decoder to every type.
func TestMsgpackBombs(t *testing.T) {
	bombs := map[string][]byte{
		"array32 of 33 M":       unhex(t, "dd 02000000"),
		"map32 of 33 M":         unhex(t, "df 02000000"),
		"bin32 of 512 MiB":      unhex(t, "c6 20000000"),
		"str32 of 512 MiB":      unhex(t, "db 20000000"),
		"ext32 of 4 GiB":        unhex(t, "c9 ffffffff ff"),
		"array32 of 4 G":        unhex(t, "dd ffffffff"),
		"nested array16":        nested("\xdc\xff\xff", 200),
		"nested map16":          nested("\xde\xff\xff\xa0", 200),
		"a million arrays":      nested("\x91", 1e6),
		"two million arrays":    nested("\x91", 2e6, 0xc0),
		"two million maps":      nested("\x81\xa0", 2e6, 0xc0),
		"ext over a map32":      unhex(t, "d6 ff df020000"),
		"ext64 over a map32":    unhex(t, "d7 ff df02000000000000"),
		"ext8 over a map32":     unhex(t, "c7 05 ff df02000000"),
		"nil map, then a map32": unhex(t, "92 c7 06 ff c0 df02000000 c0"),
		"ext over an array32":   unhex(t, "d8 ff 81 a0 dd02000000 c0c0c0c0c0c0c0c0c0"),
		"interned string":       unhex(t, "d5 80 ffff"),
	}
	for name, body := range bombs {
		for target, make := range bombTargets {
			var err error
			n := allocated(func() { err = Msgpack{}.Unmarshal(body, make()) })
			if n > 256<<10 {
				t.Errorf("%s into %s allocated %d KiB (%v)", name, target, n>>10, err)
			}
			timestamp := target == "time.Time" || target == "any" // some are timestamps: harmless as such
			if err == nil && !timestamp {
				t.Errorf("%s into %s was accepted", name, target)
			}
		}
	}
}

// TestMsgpackTimestamps shows that timestamps still decode where the guard stands.
func TestMsgpackTimestamps(t *testing.T) {
	for _, want := range []time.Time{time.Unix(0, 0), time.Unix(1<<31+7, 0), time.Unix(5, 0x37c00001), time.Unix(-1, 1), time.Unix(1<<35, 0)} {
		body, err := Msgpack{}.Append(nil, map[string]any{"t": want})
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]time.Time
		if err := (Msgpack{}).Unmarshal(body, &got); err != nil || !got["t"].Equal(want) {
			t.Errorf("% x: got %v, %v, want %v", body, got["t"], err, want)
		}
	}
}

func FuzzMsgpackUnmarshal(f *testing.F) {
	value, err := Msgpack{}.Append(nil, sampleValue())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	for _, s := range []string{"dd02000000", "df02000000", "c620000000", "d7ffdf02000000000000", "92c706ffc0df02000000c0", "8191c0c0", "d580ffff"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, scanErr := scanMsgpack(body)
		fits := scanErr == nil
		for name, make := range bombTargets {
			v := make()
			var err error
			n := allocated(func() { err = Msgpack{}.Unmarshal(body, v) })
			if limit := uint64(256<<10 + 256*len(body)); n > limit {
				t.Errorf("%d bytes into %s allocated %d", len(body), name, n)
			}
			if !fits && err == nil {
				t.Errorf("%x was accepted by the decoder but not by the scan", body)
			}
			if err != nil {
				_ = fmt.Sprint(err)
			}
		}
	})
}

// codecValue has a field of each sort.
type codecValue struct {
	ID    int64             `json:"id"`
	Name  string            `msgpack:"n"`
	Tags  []string          `json:"tags,omitempty"`
	Attrs map[string]string `json:"attrs"`
	Any   map[string]any
	Blob  []byte
	When  time.Time
	Ratio float64
	Next  *codecValue `json:",omitempty"`
	Skip  int         `json:"-" msgpack:"-"`
}

func TestScanAllocs(t *testing.T) {
	big := make([]byte, 1<<16)
	big[0], big[1], big[2], big[3], big[4] = 0xc6, 0, 0, 0xff, 0xfb
	if n := testing.AllocsPerRun(100, func() { _, _ = scanMsgpack(big) }); n != 0 {
		t.Errorf("scanMsgpack allocates %v times", n)
	}
}

func sampleValue() codecValue {
	return codecValue{ID: math.MinInt64, Name: "méthode", Tags: []string{"a", ""}, Attrs: map[string]string{"k": "v"},
		Any: map[string]any{"method": "x"}, Blob: []byte{0, 255}, When: time.Unix(1<<31+5, 999_999_999).UTC(), Ratio: 0.1,
		Next: &codecValue{ID: 7, Attrs: map[string]string{}, Any: map[string]any{}, Blob: []byte{}, When: time.Unix(0, 0).UTC()}}
}
