package frame

import (
	"bytes"
	"io"
	"slices"
	"testing"
)

// asks records how many bytes each read asks for and where it put them.
type asks struct {
	r    io.Reader
	n    []int
	last []byte
}

func (a *asks) Read(p []byte) (int, error) {
	a.n = append(a.n, len(p))
	a.last = p
	return a.r.Read(p)
}

// The buffer grows in steps, when reads fill it, and no further than 64 KiB.
func TestReaderGrows(t *testing.T) {
	b, _ := stream(slices.Repeat([]int{100}, 5000)...)
	src := &asks{r: bytes.NewReader(b)}
	r := NewReader(src, DefaultMaxPayload)
	for range 5000 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if got := src.n[:2]; got[0] != 4<<10 || got[1] < 16<<10-HeaderLen {
		t.Errorf("first reads ask for %v bytes", got)
	}
	if got := slices.Max(src.n); got > 64<<10 || got < 64<<10-HeaderLen {
		t.Errorf("reads ask for up to %d bytes, want 64 KiB", got)
	}
	if len(r.buf) != 64<<10 {
		t.Errorf("buffer has %d bytes", len(r.buf))
	}
}

// A link with small frames now and then keeps its small buffer.
func TestReaderStaysSmall(t *testing.T) {
	b, _ := stream(slices.Repeat([]int{100}, 500)...)
	r := NewReader(&chunked{r: bytes.NewReader(b), sizes: []byte{30}}, DefaultMaxPayload)
	for range 500 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.buf) != firstBuffer {
		t.Errorf("buffer has %d bytes, want %d", len(r.buf), firstBuffer)
	}
}

// A payload that does not fit the buffer makes it grow at once, and only as
// far as needed.
func TestReaderLargePayload(t *testing.T) {
	sizes := []int{5000, 5001, 65537, 1 << 20, 1<<20 + 1, 10}
	b, _ := stream(sizes...)
	r := NewReader(bytes.NewReader(b), 2<<20)
	for i, n := range sizes {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Payload(); err != nil || len(p) != n || cap(p) != n || p[n-1] != byte(i+n-1+(n-1)>>8) {
			t.Fatalf("frame %d: %d bytes, %v", i, len(p), err)
		}
	}
	if len(r.buf) > 2<<20 {
		t.Errorf("buffer has %d bytes", len(r.buf))
	}
}

// A large payload goes straight into its destination, but for what the read of
// the header brought along; after it reads are brief.
func TestReaderDirect(t *testing.T) {
	const size = 64 << 10
	b, _ := stream(slices.Repeat([]int{size}, 4)...)
	src := &asks{r: bytes.NewReader(b)}
	r := NewReader(src, DefaultMaxPayload)
	dst := make([]byte, size)
	for i := range 4 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		early := r.w - r.r
		if early > briefRead {
			t.Errorf("frame %d: %d payload bytes were read with the header", i, early)
		}
		src.n = src.n[:0]
		if err := r.ReadFull(dst); err != nil {
			t.Fatal(err)
		}
		if &src.last[0] != &dst[early] || len(src.n) != 1 || src.n[0] != size-early {
			t.Errorf("frame %d: reads of %v bytes, not one straight into place", i, src.n)
		}
		if r.Buffered() != 0 {
			t.Errorf("frame %d: %d bytes buffered", i, r.Buffered())
		}
	}
	src.n = src.n[:0]
	if _, err := r.Next(); err != io.EOF || src.n[0] > HeaderLen+briefRead {
		t.Errorf("read of %d bytes after a large frame, %v", src.n[0], err)
	}
}

// With room after its destination a large payload brings the next header: one read per frame. A source that ends
// there is torn or not as by any other way of reading.
func TestReaderAhead(t *testing.T) {
	sizes := []int{20000, 64 << 10, 9000, 64 << 10, 10}
	b, ends := stream(sizes...)
	src := &asks{r: bytes.NewReader(b)}
	r := NewReader(src, DefaultMaxPayload)
	dst := make([]byte, 64<<10+HeaderLen)
	for i, n := range sizes[:4] {
		h, err := r.Next()
		if err != nil || int(h.Length) != n || h.ID != uint64(2*i+1) {
			t.Fatalf("frame %d: %+v, %v", i, h, err)
		}
		if i == 0 {
			src.n = src.n[:0]
		}
		if err := r.ReadFull(dst[:n]); err != nil || dst[n-1] != byte(i+n-1+(n-1)>>8) {
			t.Fatalf("frame %d: %v", i, err)
		}
		if len(src.n) != i+1 || r.Buffered() != HeaderLen {
			t.Errorf("frame %d: reads of %v bytes, %d bytes buffered", i, src.n, r.Buffered())
		}
	}
	for _, end := range ends[:4] {
		for cut := end - 1; cut <= end+HeaderLen; cut++ {
			r := NewReader(bytes.NewReader(b[:cut]), DefaultMaxPayload)
			var err error
			for err == nil {
				if _, err = r.Next(); err == nil {
					err = r.ReadFull(dst[:r.Len()])
				}
			}
			if want := map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF}[cut == end]; err != want {
				t.Errorf("cut at %d, the frame ends at %d: %v, want %v", cut, end, err, want)
			}
		}
	}
}

// The tail of a large payload is read together with what follows it.
func TestReaderTail(t *testing.T) {
	b, _ := stream(20000, 10, 10)
	src := &asks{r: &chunked{r: bytes.NewReader(b), sizes: []byte{255, 255, 255, 255, 255, 255, 255, 100}}}
	r := NewReader(src, DefaultMaxPayload)
	r.Next()
	if err := r.ReadFull(make([]byte, 20000)); err != nil {
		t.Fatal(err)
	}
	if r.Buffered() == 0 {
		t.Errorf("nothing buffered after the large frame; reads %v", src.n)
	}
	reads := len(src.n)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(src.n) != reads {
		t.Errorf("%d more reads for frames already buffered", len(src.n)-reads)
	}
}

func TestReaderBuffered(t *testing.T) {
	b, _ := stream(10, 20)
	r := NewReader(bytes.NewReader(b[:len(b)-5]), DefaultMaxPayload)
	if r.Buffered() != 0 || r.Len() != 0 {
		t.Errorf("fresh reader: Buffered %d, Len %d", r.Buffered(), r.Len())
	}
	r.Next()
	if r.Buffered() != HeaderLen+15 || r.Len() != 10 {
		t.Errorf("first frame: Buffered %d, Len %d", r.Buffered(), r.Len())
	}
	if p, err := r.Peek(4); err != nil || len(p) != 4 || cap(p) != 4 || r.Len() != 10 {
		t.Errorf("Peek: %x, %v, Len %d", p, err, r.Len())
	}
	if p, err := r.Peek(40); err != nil || len(p) != 10 {
		t.Errorf("Peek beyond the payload: %x, %v", p, err)
	}
	if err := r.ReadFull(make([]byte, 4)); err != nil || r.Len() != 6 || r.Buffered() != HeaderLen+15 {
		t.Errorf("after ReadFull: %v, Buffered %d, Len %d", err, r.Buffered(), r.Len())
	}
	r.Next()
	if r.Buffered() != 0 || r.Len() != 20 {
		t.Errorf("torn frame: Buffered %d, Len %d", r.Buffered(), r.Len())
	}
	if _, err := r.Payload(); err != io.ErrUnexpectedEOF {
		t.Errorf("Payload of the torn frame: %v", err)
	}
}
