package mux

import (
	"io"

	"github.com/gantline-project/gantline/frame"
)

const (
	yamuxFirstBuffer = 4 << 10  // an idle session holds no more
	yamuxFullBuffer  = 64 << 10 // many small frames per read
	yamuxBriefRead   = 4 << 10  // asked for after a large frame
)

// yamuxInput takes yamux frames off a connection: headers by header, payloads by Read. The reader goroutine
// uses it.
type yamuxInput struct {
	src    io.Reader
	onRead func(n int) // called when n bytes have come
	buf    []byte
	r, w   int   // buf[r:w] is read and not yet taken
	brief  bool  // after a large payload: leave the next one in src, to go straight where it belongs
	err    error // of src; the first one stays
}

// unread puts bytes that were read before in front of what comes.
func (in *yamuxInput) unread(head []byte) {
	if len(head) > 0 {
		in.buf = make([]byte, max(len(head), yamuxFirstBuffer))
		in.w = copy(in.buf, head)
	}
}

// header returns the next frame's header; io.EOF only between two frames.
func (in *yamuxInput) header() (yamuxHeader, error) {
	for in.w-in.r < yamuxHeaderLen {
		if err := in.fill(); err != nil {
			if err == io.EOF && in.w > in.r {
				err = io.ErrUnexpectedEOF
				in.err = err
			}
			return yamuxHeader{}, err
		}
	}
	h, err := parseYamux(in.buf[in.r:in.w])
	in.r += yamuxHeaderLen
	in.brief = h.kind == yamuxData && h.length > directRead
	return h, err
}

// Read returns bytes that follow, large amounts without a copy in between.
func (in *yamuxInput) Read(p []byte) (int, error) {
	if in.r == in.w {
		if len(p) >= directRead {
			return in.read(p)
		}
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.buf[in.r:in.w])
	in.r += n
	return n, nil
}

// skip discards n bytes of a payload.
func (in *yamuxInput) skip(n int) error {
	in.brief = false
	for {
		k := min(n, in.w-in.r)
		in.r += k
		if n -= k; n == 0 {
			return nil
		}
		if err := in.fill(); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
}

// fill reads once, to the end of what is buffered, which is less than a header.
func (in *yamuxInput) fill() error {
	size := len(in.buf)
	switch {
	case size == 0:
		size = yamuxFirstBuffer
	case in.w == size && size < yamuxFullBuffer: // the last read filled it
		size *= 4
	}
	if size > len(in.buf) {
		buf := make([]byte, size)
		in.w = copy(buf, in.buf[in.r:in.w])
		in.buf = buf
	} else {
		in.w = copy(in.buf, in.buf[in.r:in.w])
	}
	in.r = 0
	if in.brief {
		size = in.w + yamuxBriefRead
	}
	n, err := in.read(in.buf[in.w:min(size, len(in.buf))])
	in.w += n
	return err
}

func (in *yamuxInput) read(p []byte) (int, error) {
	for range 100 {
		if in.err != nil {
			return 0, in.err
		}
		n, err := in.src.Read(p)
		in.err = err
		if n > 0 {
			in.onRead(n)
			return n, nil // the error comes with the next read
		}
	}
	if in.err == nil {
		in.err = io.ErrNoProgress
	}
	return 0, in.err
}

// yamuxFeed is the source of the frame.Reader from which the session reads. It holds one frame of ours at a
// time. The header is made here; the payload is made here, too, or comes from the connection.
type yamuxFeed struct {
	in   *yamuxInput
	buf  [frame.HeaderLen + 256]byte
	head []byte // of buf: not read yet
	left int    // payload bytes to come from in
}

// set makes h the next frame. Its payload is p, or h.Length bytes from the connection when p is nil.
func (f *yamuxFeed) set(h frame.Header, p []byte) {
	if f.left = int(h.Length); p != nil {
		f.left, h.Length = 0, uint32(len(p))
	}
	frame.PutHeader(f.buf[:], h)
	f.head = f.buf[:frame.HeaderLen+copy(f.buf[frame.HeaderLen:], p)]
}

// Read never goes beyond the frame, so that the session handles it before the next one is read. A large payload
// comes apart from the header, so that the frame.Reader reads it straight to its destination.
func (f *yamuxFeed) Read(p []byte) (int, error) {
	n := copy(p, f.head)
	f.head = f.head[n:]
	if n > 0 && (n == len(p) || f.left == 0 || f.left >= directRead) {
		return n, nil
	}
	if f.left == 0 {
		return 0, io.EOF
	}
	k, err := f.in.Read(p[n:min(len(p), n+f.left)])
	f.left -= k
	return n + k, err
}
