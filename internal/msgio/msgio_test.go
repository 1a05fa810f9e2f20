package msgio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/iotest"
)

// encode is what a Writer makes of messages.
func encode(msgs ...[]byte) []byte {
	var b bytes.Buffer
	w := Writer{W: &b}
	for _, msg := range msgs {
		if n, err := w.Write(msg); n != Size(msg) || err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// message is n bytes that repeat nothing soon.
func message(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

var sizes = []int{0, 1, 3, 4, 5, 100, readAhead - 5, readAhead, readAhead + 1, SmallMax - 1, SmallMax, SmallMax + 1,
	firstPart - 1, firstPart, firstPart + 1, 2*firstPart + 1, 5*firstPart + 3}

// TestRoundTrip: messages of all sizes, from sources that give their bytes in different ways.
func TestRoundTrip(t *testing.T) {
	var msgs [][]byte
	for _, n := range sizes {
		msgs = append(msgs, message(n))
	}
	stream := encode(msgs...)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"all at once":         func(r io.Reader) io.Reader { return r },
		"a byte at a time":    iotest.OneByteReader,
		"half of what it may": iotest.HalfReader,
		"end with the last":   iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			r := Reader{R: wrap(bytes.NewReader(stream)), Limit: slices.Max(sizes)}
			for i, want := range msgs {
				got, err := r.Next()
				if err != nil || got == nil || !bytes.Equal(got, want) {
					t.Fatalf("message %d: %d bytes, %v, want %d", i, len(got), err, len(want))
				}
				if cap(got) > 2*len(got) {
					t.Errorf("message %d: %d bytes in %d", i, len(got), cap(got))
				}
				if r.Partial() {
					t.Errorf("message %d: partial", i)
				}
			}
			for range 2 {
				if _, err := r.Next(); err != io.EOF || r.Partial() {
					t.Errorf("the end is %v, partial %v", err, r.Partial())
				}
			}
		})
	}
}

// late is a source with a deadline that passes after so many bytes, once.
type late struct {
	b     []byte
	after int
	with  bool // the last bytes come with the error
}

func (l *late) Read(p []byte) (int, error) {
	if l.after == 0 {
		l.after = -1
		return 0, os.ErrDeadlineExceeded
	}
	if len(l.b) == 0 {
		return 0, io.EOF
	}
	if l.after > 0 {
		p = p[:min(len(p), l.after)]
	}
	n := copy(p, l.b)
	l.b = l.b[n:]
	if l.after > 0 {
		l.after -= n
		if l.after == 0 && l.with {
			l.after = -1
			return n, os.ErrDeadlineExceeded
		}
	}
	return n, nil
}

// TestDeadline: wherever a deadline passes, the next Next goes on there.
func TestDeadline(t *testing.T) {
	msgs := [][]byte{message(5), {}, message(300), message(7), message(readAhead + 10)}
	stream := encode(msgs...)
	for _, with := range []bool{false, true} {
		for at := range len(stream) + 1 {
			r := Reader{R: &late{b: stream, after: at, with: with && at > 0}, Limit: 8 << 10}
			var got [][]byte
			passed := 0
			for {
				msg, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					if err != os.ErrDeadlineExceeded {
						t.Fatalf("at %d: %v", at, err)
					}
					passed++
					continue
				}
				got = append(got, msg)
			}
			if !slices.EqualFunc(got, msgs, bytes.Equal) {
				t.Fatalf("deadline after %d bytes: %d messages", at, len(got))
			}
			// One that comes with the last byte of a message may be lost: the message is there in time.
			if passed > 1 || passed < 1 && !with {
				t.Errorf("deadline after %d bytes: it passed %d times", at, passed)
			}
		}
	}
}

// TestCut: a stream may end between two messages only.
func TestCut(t *testing.T) {
	stream := encode(message(5), nil, message(300))
	whole := []int{0, 9, 13, len(stream)}
	for n := range len(stream) + 1 {
		r := Reader{R: bytes.NewReader(stream[:n]), Limit: 1000}
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF || r.Partial() == slices.Contains(whole, n) {
			t.Errorf("cut after %d bytes: %v, partial %v", n, err, r.Partial())
		}
	}
}

// TestLimit: the length alone decides.
func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		size  uint32
		limit int
		ok    bool
	}{
		{0, 0, true}, {1, 0, false}, {100, 100, true}, {101, 100, false}, {1 << 31, 100, false}, {1<<32 - 1, 1<<31 - 1, false},
	} {
		head := binary.BigEndian.AppendUint32(nil, tt.size)
		r := Reader{R: io.MultiReader(bytes.NewReader(head), bytes.NewReader(message(100))), Limit: tt.limit}
		for range 2 { // it stays over the limit
			msg, err := r.Next()
			var long *TooLongError
			switch {
			case tt.ok && (err != nil || len(msg) != int(tt.size)):
				t.Errorf("%d of %d: %d bytes, %v", tt.size, tt.limit, len(msg), err)
			case !tt.ok && (!errors.As(err, &long) || long.Size != int64(tt.size) || long.Limit != int64(tt.limit)):
				t.Errorf("%d of %d: %v", tt.size, tt.limit, err)
			case !tt.ok && !r.Partial():
				t.Errorf("%d of %d: not partial", tt.size, tt.limit)
			}
			if tt.ok {
				break
			}
		}
	}
	if got, want := (&TooLongError{5, 4}).Error(), "message of 5 bytes is over the limit of 4"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAnnounced: memory follows the bytes that come.
func TestAnnounced(t *testing.T) {
	const announced = 1 << 30
	b := binary.BigEndian.AppendUint32(nil, announced)
	for _, n := range []int{0, 1, 50, 300, 5000, firstPart - 1, firstPart, firstPart + 1, 4 * firstPart} {
		r := Reader{R: bytes.NewReader(append(b[:len(b):len(b)], make([]byte, n)...)), Limit: announced}
		if _, err := r.Next(); err != io.EOF || !r.Partial() {
			t.Errorf("%v, partial %v", err, r.Partial())
		}
		if len(r.body) != n || cap(r.body) > max(firstPart, 2*n) || cap(r.body)+len(r.ahead) > max(1<<10, 32*n) {
			t.Errorf("%d bytes take %d, and %d of what was read ahead", n, cap(r.body), len(r.ahead))
		}
	}
}

// pieces is a destination that takes so many bytes and then fails.
type pieces struct {
	room   int
	writes []int
}

func (p *pieces) Write(b []byte) (int, error) {
	n := min(len(b), p.room)
	p.room -= n
	p.writes = append(p.writes, n)
	if n < len(b) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// TestWriter: how many writes a message takes, and what is said to have gone out when one fails.
func TestWriter(t *testing.T) {
	for _, tt := range []struct {
		size, room int
		writes     []int
	}{
		{0, 1000, []int{4}},
		{100, 1000, []int{104}},
		{SmallMax, 1 << 20, []int{SmallMax + 4}},
		{SmallMax + 1, 1 << 20, []int{4, SmallMax + 1}},
		{100, 0, []int{0}},
		{100, 3, []int{3}},
		{100, 104, []int{104}},
		{SmallMax + 1, 0, []int{0}},
		{SmallMax + 1, 3, []int{3}},
		{SmallMax + 1, 4, []int{4, 0}},
		{SmallMax + 1, 1000, []int{4, 996}},
	} {
		p := &pieces{room: tt.room}
		w := Writer{W: p}
		msg := message(tt.size)
		n, err := w.Write(msg)
		want := min(tt.room, Size(msg))
		if n != want || (err == nil) != (want == Size(msg)) || !slices.Equal(p.writes, tt.writes) {
			t.Errorf("%d bytes, room for %d: %d, %v in %v, want %d in %v", tt.size, tt.room, n, err, p.writes, want, tt.writes)
		}
		if !bytes.Equal(msg, message(tt.size)) {
			t.Error("the message was changed")
		}
	}
}

// TestAllocs: of a message only the message.
func TestAllocs(t *testing.T) {
	w := Writer{W: io.Discard}
	small, large := message(1000), message(SmallMax+1)
	if n := testing.AllocsPerRun(100, func() {
		w.Write(small)
		w.Write(large)
	}); n != 0 {
		t.Errorf("two Writes: %v allocations", n)
	}
	stream := encode(small)
	src := bytes.NewReader(stream)
	r := Reader{R: src, Limit: 1 << 20}
	if n := testing.AllocsPerRun(100, func() {
		src.Reset(stream)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 1 {
		t.Errorf("Next: %v allocations, want 1", n)
	}
}
