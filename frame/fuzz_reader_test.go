package frame

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// reference takes a stream apart the simple way: the frames, then why it ends.
func reference(b []byte, max uint32) (frames [][]byte, err error) {
	for {
		if len(b) == 0 {
			return frames, io.EOF
		}
		h, err := ParseHeader(b)
		if err != nil {
			return frames, io.ErrUnexpectedEOF
		}
		if err := h.Validate(max); err != nil {
			return frames, err
		}
		n := HeaderLen + int(h.Length)
		if len(b) < n {
			return append(frames, b), io.ErrUnexpectedEOF
		}
		frames, b = append(frames, b[:n]), b[n:]
	}
}

// A Reader agrees with reference on any stream, however the bytes arrive and
// the payloads are taken. The stream is a DATA frame of big bytes, if not 0, and
// b. plan holds the sizes of the reads; their first four bits choose the
// consumers as well.
func FuzzReader(f *testing.F) {
	f.Fuzz(func(t *testing.T, b, plan []byte, big uint64) {
		const max = 32 << 10
		if big %= max; big > 0 {
			large, _ := stream(int(big))
			b = append(large, b...)
		}
		want, wantErr := reference(b, max)
		r := NewReader(&chunked{r: bytes.NewReader(b), sizes: plan}, max)
		for i := 0; ; i++ {
			h, err := r.Next()
			if err == nil && i == len(want) {
				t.Fatalf("frame %d: %+v, want %v", i, h, wantErr)
			}
			if err != nil {
				checkEnd(t, i, len(want), wantErr, err)
				return
			}
			wantHeader, _ := ParseHeader(want[i])
			if h != wantHeader || r.Len() != int(h.Length) {
				t.Fatalf("frame %d: %+v, want %+v", i, h, wantHeader)
			}
			c := consumers[0]
			if len(plan) > 0 {
				c = consumers[int(plan[i%len(plan)]>>4)%len(consumers)]
			}
			p, err := c.take(r)
			if err != nil {
				checkEnd(t, i+1, len(want), wantErr, err)
				return
			}
			if got := want[i][HeaderLen:]; len(p) > len(got) || !bytes.Equal(p, got[:len(p)]) {
				t.Fatalf("frame %d, %s: wrong payload", i, c.name)
			}
			if r.Len() < 0 || r.Buffered() < 0 || r.Buffered() > len(b) {
				t.Fatalf("frame %d: Len %d, Buffered %d", i, r.Len(), r.Buffered())
			}
		}
	})
}

// checkEnd compares the error of a Reader after n frames with the reference.
func checkEnd(t *testing.T, n, want int, wantErr, err error) {
	t.Helper()
	if n != want {
		t.Fatalf("%d frames, then %v, want %d, then %v", n, err, want, wantErr)
	}
	var e, we *Error
	if errors.As(err, &e) && errors.As(wantErr, &we) && *e == *we {
		return
	}
	if err != wantErr {
		t.Fatalf("%v, want %v", err, wantErr)
	}
}
