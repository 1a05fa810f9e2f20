package frame

import (
	"bytes"
	"io"
	"testing"
)

// loop is a source that repeats a stream for ever.
type loop struct {
	b []byte
	i int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.b[l.i:])
	l.i = (l.i + n) % len(l.b)
	return n, nil
}

var (
	callOpen = Open{Kind: KindCall, Timeout: 30000, Size: 128, Name: []byte("service/Method"), Metadata: messageMeta, Body: make([]byte, 128)}
)

// hot lists what happens for every frame, call or message.
func hot() map[string]func() {
	buf := make([]byte, 0, 64<<10)
	openBytes := AppendOpen(nil, &callOpen)
	headBytes := head(Head{Code: NotFound, Size: 9, Detail: []byte("detail"), Metadata: messageMeta}, "body")
	ackBytes := AppendAck(nil, Ack{Position: 9})
	pingBytes := AppendPing(nil, &Ping{Opaque: 1})
	resetBytes := AppendReset(nil, &Reset{Code: Canceled})
	dataHeader := Header{Type: TypeData, Flags: FlagFin | FlagHead, Length: 128, ID: 77}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	return map[string]func(){
		"header": func() {
			b := AppendHeader(buf, dataHeader)
			PutHeader(b, dataHeader)
			h, err := ParseHeader(b)
			must(err)
			must(h.Validate(DefaultMaxPayload))
		},
		"append OPEN":  func() { _ = AppendOpen(buf, &callOpen)[OpenLen(&callOpen)] },
		"parse OPEN":   func() { _, err := ParseOpen(openBytes); must(err) },
		"rewrite OPEN": func() { SetOpenTimeout(openBytes, 5); SetOpenKind(openBytes, KindCall) },
		"HEAD": func() {
			h, body, err := ParseHead(headBytes)
			must(err)
			_ = append(AppendHead(buf, &h), body...)
			_ = HeadLen(&h)
		},
		"ACK": func() {
			x, err := ParseAck(ackBytes)
			must(err)
			_ = AppendAck(buf, x)
		},
		"PING": func() {
			x, err := ParsePing(pingBytes)
			must(err)
			_ = AppendPing(buf, &x)
		},
		"CREDIT": func() {
			n, err := ParseCredit(AppendCredit(buf, 65536))
			must(err)
			_ = n
		},
		"RESET without text": func() {
			x, err := ParseReset(resetBytes)
			must(err)
			_ = AppendReset(buf, &x)
		},
		"metadata": func() {
			must(CheckMetadata(messageMeta))
			b := buf
			for rest := messageMeta; ; {
				key, value, next, ok := NextMetadata(rest)
				if !ok {
					break
				}
				b, rest = AppendMetadata(b, MetaID, value), next
				_ = key
			}
		},
	}
}

func TestAllocs(t *testing.T) {
	for name, f := range hot() {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	b, _ := stream(mixedSizes...)
	r := NewReader(&loop{b: b}, DefaultMaxPayload)
	dst := make([]byte, 64<<10)
	frames := func() {
		for range mixedSizes {
			h, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Peek(2); err != nil {
				t.Fatal(err)
			}
			if h.Length%2 == 0 {
				_, err = r.Payload()
			} else {
				err = r.ReadFull(dst[:r.Len()])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	frames() // the buffer grows
	if n := testing.AllocsPerRun(100, frames); n != 0 {
		t.Errorf("Reader: %v allocations in %d frames", n, len(mixedSizes))
	}
}

func BenchmarkCodec(b *testing.B) {
	for name, f := range hot() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	for _, bb := range []struct {
		name string
		size int
		take func(r *Reader, dst []byte) error
	}{
		{"12 bytes", 12, func(r *Reader, dst []byte) error { _, err := r.Payload(); return err }},
		{"128 bytes", 128, func(r *Reader, dst []byte) error { _, err := r.Payload(); return err }},
		{"4 KiB", 4 << 10, func(r *Reader, dst []byte) error { return r.ReadFull(dst[:r.Len()]) }},
		{"64 KiB direct", 64 << 10, func(r *Reader, dst []byte) error { return r.ReadFull(dst[:r.Len()]) }},
		{"64 KiB payload", 64 << 10, func(r *Reader, dst []byte) error { _, err := r.Payload(); return err }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s, _ := stream(bb.size)
			r := NewReader(&loop{b: bytes.Repeat(s, max(1, 256<<10/len(s)))}, DefaultMaxPayload)
			dst := make([]byte, 64<<10)
			b.ReportAllocs()
			b.SetBytes(int64(bb.size))
			for b.Loop() {
				if _, err := r.Next(); err != nil && err != io.EOF {
					b.Fatal(err)
				}
				if err := bb.take(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
