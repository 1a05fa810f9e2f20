package frame

import (
	"errors"
	"io"
)

const (
	firstBuffer = 4 << 10  // an idle link holds no more
	fullBuffer  = 64 << 10 // many small frames per read
	directRead  = 8 << 10  // payload bytes from here on are read into their destination
	briefRead   = 4 << 10  // asked for after a large frame
	emptyReads  = 100      // reads of nothing in a row before io.ErrNoProgress
)

// A Reader takes frames off a byte stream. One goroutine uses it.
//
//   - It allocates nothing per frame, only when its buffer grows. The buffer grows
//     from 4 KiB to 64 KiB when reads fill it, and further only for a Payload that
//     does not fit.
//   - After an error, of the source or about a header, every call returns that
//     error.
type Reader struct {
	src  io.Reader
	max  uint32
	buf  []byte
	r, w int  // buf[r:w] is read and not yet taken
	left int  // payload bytes of the current frame not yet taken
	grow bool // a read filled the buffer
	// brief is set after a large frame, since another may follow. The next read then
	// leaves that one's payload in src, to go straight where it belongs.
	brief bool
	err   error // first one, of the source or about a header
}

// NewReader returns a Reader on src which refuses payloads longer than
// maxPayload bytes.
func NewReader(src io.Reader, maxPayload uint32) *Reader {
	return &Reader{src: src, max: maxPayload, buf: make([]byte, firstBuffer)}
}

// SetMax changes the largest payload accepted, from the next frame on.
func (r *Reader) SetMax(maxPayload uint32) { r.max = maxPayload }

// Next skips what is left of the current frame and returns the next one's header. It
// validates the header. The error is io.EOF when the source ended between two frames,
// and an *Error when the header breaks the protocol.
func (r *Reader) Next() (Header, error) {
	if err := r.Skip(); err != nil {
		return Header{}, err
	}
	if r.w-r.r < HeaderLen {
		if err := r.fill(HeaderLen); err != nil {
			if r.w > r.r {
				err = r.inside(err)
			}
			return Header{}, err
		}
	}
	h, err := ParseHeader(r.buf[r.r:r.w])
	if err == nil {
		err = h.Validate(r.max)
	}
	if err != nil {
		r.err, r.w = err, r.r
		return Header{}, err
	}
	r.r += HeaderLen
	r.left = int(h.Length)
	r.brief = r.left > directRead
	return h, nil
}

// Len returns how many payload bytes of the current frame are not yet read.
func (r *Reader) Len() int { return r.left }

// Buffered returns how many bytes beyond the current frame were read already. With 0,
// Next has to wait for the source.
func (r *Reader) Buffered() int { return max(0, r.w-r.r-r.left) }

// Payload returns the rest of the payload, all of it. It lies in the reader's
// buffer and is valid until the next call on r.
func (r *Reader) Payload() ([]byte, error) {
	p, err := r.Peek(r.left)
	if err != nil {
		return nil, err
	}
	r.r += r.left
	r.left = 0
	return p, nil
}

// Peek returns the next n payload bytes and leaves them unread. If there are fewer, it
// returns those. They lie in the reader's buffer and are valid until the next call on r.
func (r *Reader) Peek(n int) ([]byte, error) {
	n = min(n, r.left)
	if r.w-r.r < n {
		if err := r.fill(n); err != nil {
			return nil, r.inside(err)
		}
	}
	return r.buf[r.r : r.r+n : r.r+n], nil
}

// ReadFull reads exactly len(dst) payload bytes. A large amount comes straight from
// the source. When fewer bytes are left, ReadFull reads nothing and returns an *Error
// that wraps ErrShort. After another error some of dst may have been written.
//
// When dst ends the payload and has HeaderLen more bytes of capacity, these are
// scratch: the next header is read with the payload, which saves a read per frame of
// a bulk transfer.
func (r *Reader) ReadFull(dst []byte) error {
	if len(dst) > r.left {
		return fail(0, "payload", r.left, len(dst), ErrShort)
	}
	for {
		n := copy(dst, r.buf[r.r:r.w])
		r.r += n
		r.left -= n
		dst = dst[n:]
		if len(dst) == 0 {
			return nil
		}
		var err error
		if len(dst) >= directRead {
			dst, err = r.readInto(dst)
		} else {
			err = r.fill(len(dst))
		}
		if err != nil && len(dst) > 0 {
			return r.inside(err)
		}
	}
}

// readInto reads once from the source into dst, and returns what is still missing. A
// part of the next header goes to buf, which is empty.
func (r *Reader) readInto(dst []byte) ([]byte, error) {
	want := dst
	if r.left == len(dst) && cap(dst)-len(dst) >= HeaderLen {
		want = dst[:len(dst)+HeaderLen]
	}
	n, err := r.read(want)
	if more := n - len(dst); more > 0 {
		r.r, r.w = 0, copy(r.buf, want[len(dst):n])
		n = len(dst)
	}
	r.left -= n
	return dst[n:], err
}

// Skip discards the rest of the payload.
func (r *Reader) Skip() error {
	for {
		n := min(r.left, r.w-r.r)
		r.r += n
		r.left -= n
		if r.left == 0 {
			return nil
		}
		if err := r.fill(1); err != nil {
			return r.inside(err)
		}
	}
}

// fill reads until buf holds n bytes, and more as the source has them.
func (r *Reader) fill(n int) error {
	r.room(n)
	for r.w < n {
		end := len(r.buf)
		if r.brief {
			end = min(end, n+briefRead)
		}
		k, err := r.read(r.buf[r.w:end])
		r.w += k
		r.grow = r.grow || r.w == len(r.buf)
		if err != nil {
			return err
		}
	}
	return nil
}

// room moves what is buffered to the start of a buffer of at least n bytes.
func (r *Reader) room(n int) {
	size := len(r.buf)
	if r.grow && size < fullBuffer {
		size *= 4
	}
	r.grow = false
	for size < n {
		size *= 2
	}
	if size > len(r.buf) {
		buf := make([]byte, size)
		r.w = copy(buf, r.buf[r.r:r.w])
		r.buf = buf
	} else {
		r.w = copy(r.buf, r.buf[r.r:r.w])
	}
	r.r = 0
}

// read reads at least one byte from the source, or fails.
func (r *Reader) read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	for range emptyReads {
		n, err := r.src.Read(p)
		if err != nil {
			r.err = err
		}
		if n > 0 {
			return n, nil // the error, if any, comes with the next read
		}
		if err != nil {
			return 0, err
		}
	}
	r.err = io.ErrNoProgress
	return 0, r.err
}

// inside returns what err means inside a frame.
func (r *Reader) inside(err error) error {
	if errors.Is(err, io.EOF) {
		r.err = io.ErrUnexpectedEOF
		return r.err
	}
	return err
}
