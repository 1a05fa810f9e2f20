package msgio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
)

// chopped gives a stream in parts as a plan says: 0 is a deadline that has passed, 255 all that is asked for, anything
// else so many bytes. After the plan everything comes at once.
type chopped struct{ b, plan []byte }

func (c *chopped) Read(p []byte) (int, error) {
	if len(c.plan) > 0 {
		n := c.plan[0]
		c.plan = c.plan[1:]
		switch n {
		case 0:
			return 0, os.ErrDeadlineExceeded
		case 255:
		default:
			p = p[:min(len(p), int(n))]
		}
	}
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b)
	c.b = c.b[n:]
	return n, nil
}

// FuzzReader: however a stream comes, a Reader gives what a straightforward one does, and a Writer writes it again.
func FuzzReader(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream, plan []byte, limit uint16) {
		r := Reader{R: &chopped{stream, plan}, Limit: int(limit)}
		var again bytes.Buffer
		w := Writer{W: &again}
		for rest := stream; ; {
			msg, err := r.Next()
			for errors.Is(err, os.ErrDeadlineExceeded) {
				msg, err = r.Next()
			}
			var size uint32
			if len(rest) >= headerLen {
				size = binary.BigEndian.Uint32(rest)
			}
			var long *TooLongError
			switch {
			case len(rest) < headerLen:
				if err != io.EOF || r.Partial() != (len(rest) > 0) {
					t.Fatalf("%d bytes left: %v, partial %v", len(rest), err, r.Partial())
				}
			case size > uint32(limit):
				if !errors.As(err, &long) || long.Size != int64(size) {
					t.Fatalf("message of %d bytes, limit %d: %v", size, limit, err)
				}
			case len(rest)-headerLen < int(size):
				if err != io.EOF || !r.Partial() {
					t.Fatalf("%d of %d bytes: %v, partial %v", len(rest)-headerLen, size, err, r.Partial())
				}
				if have := len(rest) - headerLen; cap(r.body) > max(firstPart, 2*have) {
					t.Fatalf("%d bytes take %d", have, cap(r.body))
				}
			default:
				if err != nil || !bytes.Equal(msg, rest[headerLen:headerLen+size]) {
					t.Fatalf("message of %d bytes: %d, %v", size, len(msg), err)
				}
			}
			if err != nil {
				if got := stream[:len(stream)-len(rest)]; !bytes.Equal(got, again.Bytes()) {
					t.Fatal("a Writer writes it in another way")
				}
				return
			}
			if n, err := w.Write(msg); n != Size(msg) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, Size(msg), err)
			}
			rest = slices.Clip(rest[headerLen+size:])
		}
	})
}
