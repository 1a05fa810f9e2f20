package frame

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// A way to consume the payload of one frame.
type consumer struct {
	name string
	take func(r *Reader) ([]byte, error)
}

// consumers return what they read; what they leave is for Next to skip.
var consumers = []consumer{
	{"Skip", func(r *Reader) ([]byte, error) { return nil, r.Skip() }},
	{"Next", func(r *Reader) ([]byte, error) { return nil, nil }},
	{"Payload", func(r *Reader) ([]byte, error) {
		p, err := r.Payload()
		return bytes.Clone(p), err
	}},
	{"ReadFull", func(r *Reader) ([]byte, error) {
		p := make([]byte, r.Len())
		return p, r.ReadFull(p)
	}},
	{"ReadFull with room after", func(r *Reader) ([]byte, error) {
		p := make([]byte, r.Len()+HeaderLen)[:r.Len()]
		return p, r.ReadFull(p)
	}},
	{"half", func(r *Reader) ([]byte, error) {
		p := make([]byte, r.Len()/2)
		return p, r.ReadFull(p)
	}},
	{"by thousands", func(r *Reader) ([]byte, error) {
		var out []byte
		for r.Len() > 0 {
			p := make([]byte, min(1000, r.Len()))
			if err := r.ReadFull(p); err != nil {
				return out, err
			}
			out = append(out, p...)
		}
		return out, nil
	}},
	{"peek, then both", func(r *Reader) ([]byte, error) {
		p, err := r.Peek(20)
		if err != nil {
			return nil, err
		}
		out := bytes.Clone(p)
		d := make([]byte, len(p)/2)
		if err := r.ReadFull(d); err != nil || !bytes.Equal(d, out[:len(d)]) {
			return nil, errors.Join(err, errors.New("ReadFull disagrees with Peek"))
		}
		rest, err := r.Payload()
		return append(d, rest...), err
	}},
}

var sources = map[string]func(io.Reader) io.Reader{
	"whole":     func(r io.Reader) io.Reader { return r },
	"one byte":  iotest.OneByteReader,
	"halves":    iotest.HalfReader,
	"with EOF":  iotest.DataErrReader,
	"1000 each": func(r io.Reader) io.Reader { return &chunked{r: r, sizes: []byte{100}} },
}

// chunked returns at most sizes[i]*10 bytes, and at least 1, from read i.
type chunked struct {
	r     io.Reader
	sizes []byte
	i     int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.sizes) > 0 {
		p = p[:min(len(p), max(1, int(c.sizes[c.i%len(c.sizes)])*10))]
		c.i++
	}
	return c.r.Read(p)
}

// stream is frames of many sizes, and the place where each ends.
func stream(sizes ...int) (b []byte, ends []int) {
	for i, n := range sizes {
		h := Header{Type: TypeData, Length: uint32(n), ID: uint64(2*i + 1)}
		if n == 0 {
			h.Flags = FlagFin
		}
		b = AppendHeader(b, h)
		for k := range n {
			b = append(b, byte(i+k+k>>8))
		}
		ends = append(ends, len(b))
	}
	return b, ends
}

var mixedSizes = []int{5, 0, 1, 4083, 4084, 4085, 100, 8191, 8192, 8193, 3, 65536, 65536, 1, 20000, 0, 7}

func TestReader(t *testing.T) {
	b, _ := stream(mixedSizes...)
	for name, source := range sources {
		for _, c := range consumers {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				r := NewReader(source(bytes.NewReader(b)), DefaultMaxPayload)
				rest := b
				for i := range mixedSizes {
					h, err := r.Next()
					if err != nil {
						t.Fatalf("frame %d: %v", i, err)
					}
					want, _ := ParseHeader(rest)
					if h != want || r.Len() != int(h.Length) {
						t.Fatalf("frame %d: %+v with %d bytes, want %+v", i, h, r.Len(), want)
					}
					got, err := c.take(r)
					if err != nil {
						t.Fatalf("frame %d: %v", i, err)
					}
					payload := rest[HeaderLen : HeaderLen+h.Length]
					if len(got) > len(payload) || !bytes.Equal(got, payload[:len(got)]) {
						t.Fatalf("frame %d: wrong payload", i)
					}
					rest = rest[HeaderLen+h.Length:]
				}
				for range 2 {
					if _, err := r.Next(); err != io.EOF {
						t.Fatalf("at the end: %v, want io.EOF", err)
					}
				}
			})
		}
	}
}

// A stream torn at any byte gives its whole frames, then says where it ended.
func TestReaderTorn(t *testing.T) {
	b, ends := stream(3, 0, 40, 300, 1)
	for _, c := range consumers {
		for cut := range len(b) {
			whole := 0
			for _, e := range ends {
				if e <= cut {
					whole++
				}
			}
			want := io.ErrUnexpectedEOF
			if cut == 0 || whole > 0 && ends[whole-1] == cut {
				want = io.EOF
			}
			for name, source := range sources {
				r := NewReader(source(bytes.NewReader(b[:cut])), DefaultMaxPayload)
				n, err := drain(r, c)
				if n != whole && !(n == whole+1 && c.name == "half") || err != want {
					t.Errorf("%s, %s, cut at %d: %d frames, then %v, want %d, then %v", c.name, name, cut, n, err, whole, want)
				}
				if _, again := r.Next(); again != err {
					t.Errorf("%s, %s, cut at %d: %v, then %v", c.name, name, cut, err, again)
				}
			}
		}
	}
}

// drain reads to the first error and counts the frames before it. A frame
// whose payload is left to Next counts when the header after it, or a clean
// end, was reached.
func drain(r *Reader, c consumer) (n int, err error) {
	for pending := false; ; n++ {
		if _, err := r.Next(); err != nil {
			if pending && err != io.EOF && r.Len() > 0 {
				n-- // it was torn inside the payload Next skipped
			}
			return n, err
		}
		if _, err := c.take(r); err != nil {
			return n, err
		}
		pending = r.Len() > 0
	}
}

func TestReaderErrors(t *testing.T) {
	cut := errors.New("carrier cut")
	b, _ := stream(10, 10)
	for at := range len(b) + 1 {
		r := NewReader(io.MultiReader(bytes.NewReader(b[:at]), iotest.ErrReader(cut)), DefaultMaxPayload)
		if _, err := drain(r, consumers[2]); err != cut {
			t.Errorf("cut at %d: %v, want the source's error", at, err)
		}
	}

	for name, h := range map[string]Header{
		"too long":     {Type: TypeData, Length: MinMaxPayload + 1, ID: 1},
		"unknown type": {Type: 0x8F, ID: 1},
		"flags":        {Type: TypeAck, Length: 32, Flags: 1},
	} {
		r := NewReader(bytes.NewReader(append(AppendHeader(nil, h), b...)), MinMaxPayload)
		for range 2 {
			if _, err := r.Next(); !isError(err) {
				t.Errorf("%s: %v, want an *Error", name, err)
			}
		}
		if p, err := r.Payload(); len(p) != 0 || err != nil || r.Buffered() != 0 {
			t.Errorf("%s: Payload after the error: %x, %v", name, p, err)
		}
	}

	r := NewReader(bytes.NewReader(b), DefaultMaxPayload)
	r.Next()
	if err := r.ReadFull(make([]byte, 11)); !errors.Is(err, ErrShort) || r.Len() != 10 {
		t.Errorf("ReadFull beyond the payload: %v, %d bytes left", err, r.Len())
	}
	if _, err := r.Next(); err != nil {
		t.Errorf("Next after it: %v", err)
	}

	r = NewReader(idle{}, DefaultMaxPayload)
	if _, err := r.Next(); err != io.ErrNoProgress {
		t.Errorf("source that reads nothing: %v", err)
	}
}

// idle is a source that never returns anything.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestReaderSetMax(t *testing.T) {
	b, _ := stream(100, 200, 200)
	r := NewReader(bytes.NewReader(b), 100)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	r.SetMax(200)
	if h, err := r.Next(); err != nil || h.Length != 200 {
		t.Fatalf("%+v, %v after SetMax(200)", h, err)
	}
	r.SetMax(199)
	if _, err := r.Next(); !errors.Is(err, ErrTooLong) {
		t.Fatalf("%v after SetMax(199), want ErrTooLong", err)
	}
}
