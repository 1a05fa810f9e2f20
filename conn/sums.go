package conn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// ErrChecksum says that bytes were changed on the way, as a checksum shows. The carrier is
// given up, and the session goes on over another one. It wraps ErrSessionLost.
var ErrChecksum = newLost("bytes were changed on the way: the checksum is wrong", nil)

// errNoSums ends a client's handshake with a server that knows no checksums.
var errNoSums = errs.New(frame.FailedPrecondition, "gantline: handshake: the server agrees to no checksums, which Config.Checksum asks for")

// offerSums puts into HELLO that we can check sums, and whether we want to. TLS does that itself.
func (l *Link) offerSums(hello *frame.Hello, saw tlsView) {
	hello.Features |= frame.FeatureSums
	if l.cfg.Checksum && saw.version == 0 {
		hello.Features |= frame.FeatureWantSums
	}
}

// agreeSums is the server's choice.
func (l *Link) agreeSums(hello *frame.Hello, saw tlsView) {
	want := hello.Features&frame.FeatureWantSums != 0 || l.cfg.Checksum && saw.version == 0
	if want && hello.Features&frame.FeatureSums != 0 {
		l.peer.Features |= frame.FeatureSums
	}
}

// checkSums is the client's look at that. A client that wants checksums never goes without.
func checkSums(offered, agreed uint32) error {
	if offered&frame.FeatureWantSums != 0 && agreed&frame.FeatureSums == 0 {
		return errNoSums
	}
	return nil
}

// sumSeed is what the sums of one side's records begin with on each carrier. It follows from all that was said in the
// first handshake: if that was changed on the way, the first record shows it.
func (l *Link) sumSeed(client bool) uint32 {
	role := "server"
	if client {
		role = "client"
	}
	m := hmac.New(sha256.New, l.keys.secret[:])
	fmt.Fprintf(m, "gantline %d checksum %s\x00", frame.Version, role)
	return binary.BigEndian.Uint32(m.Sum(nil))
}

// A sumWriter puts what is written into records. The writer goroutine uses it.
type sumWriter struct {
	sum   uint32
	heads []byte
	bufs  [][]byte
}

// wrap returns bufs in records, and how many bytes that adds. Both are valid until the next call.
func (w *sumWriter) wrap(bufs [][]byte) (records [][]byte, added int) {
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	n := (total + frame.MaxRecord - 1) / frame.MaxRecord
	if cap(w.heads) < n*frame.RecordLen {
		w.heads = make([]byte, n*frame.RecordLen)
	}
	out, i, off := w.bufs[:0], 0, 0
	for k := range n {
		head := w.heads[k*frame.RecordLen : (k+1)*frame.RecordLen : (k+1)*frame.RecordLen]
		at, left := len(out)+1, min(total, frame.MaxRecord)
		size := left
		for out = append(out, head); left > 0; {
			p := bufs[i][off:min(len(bufs[i]), off+left)]
			if off += len(p); off == len(bufs[i]) {
				i, off = i+1, 0
			}
			if left -= len(p); len(p) > 0 {
				out = append(out, p)
			}
		}
		w.sum = frame.PutRecord(head, w.sum, size, out[at:]...)
		total -= size
	}
	w.bufs = out
	return out, n * frame.RecordLen
}

// A sumReader takes records off a carrier. Not a byte of one is handed on before its sum was found right. The reader
// goroutine uses it.
type sumReader struct {
	c    *carrier
	sum  uint32
	buf  []byte
	r, w int // buf[r:w] is read and not handed on
	good int // bytes from r on that may be
}

const (
	sumBuffer     = 4 << 10                                 // at first
	fullSumBuffer = 2 * (frame.MaxRecord + frame.RecordLen) // when records are large
)

// Read implements io.Reader.
func (s *sumReader) Read(p []byte) (int, error) {
	if s.good == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf[s.r:s.r+s.good])
	s.r += n
	s.good -= n
	return n, nil
}

// next reads and checks a record.
func (s *sumReader) next() error {
	if err := s.fill(frame.RecordLen); err != nil {
		return err
	}
	n, err := frame.RecordSize(s.buf[s.r:s.w])
	if err == nil {
		if err := s.fill(frame.RecordLen + n); err != nil {
			return err
		}
		s.sum, err = frame.CheckRecord(s.buf[s.r:s.r+frame.RecordLen+n], s.sum)
	}
	var wrong *frame.Error
	if errors.As(err, &wrong) {
		return s.c.giveUp(ErrChecksum)
	}
	s.r += frame.RecordLen
	s.good = n
	return nil
}

// fill reads until n bytes stand in buf.
func (s *sumReader) fill(n int) error {
	if s.w-s.r >= n {
		return nil
	}
	if size := len(s.buf); s.r+n > size || s.r == s.w {
		to := s.buf
		if n > size {
			size = sumBuffer
			if n > size {
				size = fullSumBuffer
			}
			to = make([]byte, size)
		}
		s.w = copy(to, s.buf[s.r:s.w])
		s.buf, s.r = to, 0
	}
	for s.w-s.r < n {
		k, err := s.c.Read(s.buf[s.w:])
		s.w += k
		if err != nil {
			return err
		}
	}
	return nil
}
