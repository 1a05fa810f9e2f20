package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/gantline-project/gantline/internal/throttle"
)

// Suffixes of the files beside the outbox.
const (
	lockSuffix = ".lock"
	tornSuffix = ".torn-" // and a number
)

// open is Open on a disk.
func open(d disk, path string, o *Options) (*File, error) {
	f := &File{path: path, o: o.withDefaults(), disk: d}
	f.moved.L = &f.mu
	lock, err := d.lock(path + lockSuffix)
	if err != nil {
		if errors.Is(err, ErrLocked) {
			return nil, f.failf([]error{ErrLocked}, "open in another process, or twice in this one")
		}
		return nil, f.because(err, "lock")
	}
	f.lock = lock
	if err := f.load(); err != nil {
		if f.f != nil {
			_ = f.f.Close()
		}
		_ = lock.Close()
		return nil, err
	}
	return f, nil
}

// load reads the file, or makes it. Nobody else knows f yet.
func (f *File) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.disk.remove(f.path + newSuffix) // left by a crash; the outbox has all it contains
	file, err := f.disk.open(f.path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = f.create()
	}
	if err != nil {
		return f.because(err, "open")
	}
	f.f = file
	size, err := file.size()
	if err != nil {
		return f.because(err, "open")
	}
	s := &scan{f: f, size: size, torn: -1}
	if err := s.run(); err != nil {
		return err
	}
	// What a process wrote before it died may not be on the disk yet, and neither may the name of the file.
	if err := file.Sync(); err != nil {
		return f.because(err, "fsync")
	}
	if err := f.disk.syncDir(f.path); err != nil {
		return f.because(err, "fsync of its folder")
	}
	f.end, f.synced = size, size
	if s.torn < 0 {
		return nil
	}
	return f.mend(s)
}

// create makes an empty file, which is complete when it has its name.
func (f *File) create() (diskFile, error) {
	if _, _, _, err := f.writeNewLocked(nil); err != nil {
		return nil, err
	}
	if err := f.disk.rename(f.path+newSuffix, f.path); err != nil {
		return nil, err
	}
	if err := f.disk.syncDir(f.path); err != nil {
		return nil, err
	}
	return f.disk.open(f.path, os.O_RDWR)
}

// mend moves a torn end aside, and writes the file again without it.
func (f *File) mend(s *scan) error {
	aside, err := f.setAside(s.torn, s.size)
	if err != nil {
		return f.because(err, "torn at offset %d, and the last %d bytes cannot be moved aside", s.torn, s.size-s.torn)
	}
	if err := f.compactLocked(); err != nil {
		return f.because(err, "torn at offset %d, and cannot be written anew", s.torn)
	}
	f.torn = &TornError{Path: f.path, Offset: s.torn, Bytes: s.size - s.torn, Aside: aside, Saved: s.saved}
	f.o.log.Say(throttle.OutboxTorn, "path", f.path, "offset", s.torn, "bytes", f.torn.Bytes, "aside", aside, "saved", s.saved)
	return nil
}

// setAside copies the bytes from one offset to another into a file of their own and returns its name.
func (f *File) setAside(from, to int64) (name string, err error) {
	var file diskFile
	for n := 1; ; n++ {
		name = fmt.Sprint(f.path, tornSuffix, n)
		if file, err = f.disk.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL); err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	w := &appender{f: file}
	buf := make([]byte, appenderSize)
	for at := from; at < to && err == nil; {
		n := min(int64(len(buf)), to-at)
		if _, err = f.f.ReadAt(buf[:n], at); err == nil {
			w.write(buf[:n])
			at += n
		}
	}
	if e := w.flush(); err == nil {
		err = e
	}
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = f.disk.syncDir(name)
	}
	if err != nil {
		_ = f.disk.remove(name)
	}
	return name, err
}

// scan reads a file from its beginning to its end.
type scan struct {
	f     *File
	size  int64
	torn  int64 // start of the first incomplete record; -1 = all are complete
	saved int   // records after torn
	buf   []byte
}

// run fills in f's salt and index.
func (s *scan) run() error {
	f := s.f
	header := make([]byte, min(headerSize, s.size))
	if err := s.read(header, 0); err != nil {
		return err
	}
	if len(header) < headerSize || !bytes.HasPrefix(header, []byte(magic)) || binary.BigEndian.Uint32(header[20:]) != sum(header[:20]) {
		return f.corrupt(0, "it does not begin as an outbox does")
	}
	if v := binary.BigEndian.Uint32(header[8:]); v != version {
		return f.failf([]error{ErrCorrupt}, "has version %d, this program knows %d: use a newer one", v, version)
	}
	f.salt = binary.BigEndian.Uint64(header[12:])
	for at := int64(headerSize); at < s.size; {
		h, good, err := s.record(at)
		if err != nil {
			return err
		}
		if good {
			at = h.end(at)
			continue
		}
		if s.torn < 0 {
			s.torn = at
		}
		if at, err = s.next(at + 1); err != nil {
			return err
		}
	}
	return nil
}

// record reads the record at an offset into the index, and reports whether it is complete. If it was written
// when the torn part was already on the disk, that part was changed later.
func (s *scan) record(at int64) (h head, good bool, err error) {
	f := s.f
	var b [headSize]byte
	if s.size-at < headSize {
		return h, false, nil
	}
	if err := s.read(b[:], at); err != nil {
		return h, false, err
	}
	if h, good = parseHead(b[:], f.salt, at); !good {
		return h, false, nil
	}
	if s.torn >= 0 && h.synced > s.torn {
		return h, false, f.corrupt(s.torn, "%d bytes up to offset %d were on the disk and have changed since", h.synced-s.torn, h.synced)
	}
	if h.end(at) > s.size {
		return h, false, nil
	}
	if int(h.size) > cap(s.buf) {
		s.buf = make([]byte, h.size)
	}
	payload := s.buf[:h.size]
	if err := s.read(payload, at+headSize); err != nil {
		return h, false, err
	}
	if sum(payload) != h.sum {
		return h, false, nil
	}
	if err := s.apply(h, at, payload); err != nil {
		return h, false, f.corrupt(at, "%s", bare(err))
	}
	if s.torn >= 0 {
		s.saved++
	}
	return h, true, nil
}

// apply does what a record says.
func (s *scan) apply(h head, at int64, payload []byte) error {
	x := &s.f.index
	if h.kind == kindForget {
		peer, ids, err := parseForget(payload)
		for _, id := range ids {
			x.remove(peer, id)
		}
		return err
	}
	peer, id, err := keepKey(payload)
	if err == nil && x.find(peer, id) == nil {
		x.add(peer, &entry{id: id, off: at, size: headSize + int64(h.size)})
	}
	return err
}

// next returns the offset of the first head at or after one, or the size of the file.
func (s *scan) next(from int64) (int64, error) {
	window := make([]byte, min(appenderSize, s.size-from))
	for at := from; s.size-at >= headSize; {
		b := window[:min(int64(len(window)), s.size-at)]
		if err := s.read(b, at); err != nil {
			return 0, err
		}
		for i := 0; i+headSize <= len(b); i++ {
			if _, ok := parseHead(b[i:], s.f.salt, at+int64(i)); ok {
				return at + int64(i), nil
			}
		}
		at += int64(len(b)) - headSize + 1
	}
	return s.size, nil
}

func (s *scan) read(b []byte, at int64) error {
	if _, err := s.f.f.ReadAt(b, at); err != nil && !(err == io.EOF && len(b) == 0) {
		return s.f.because(err, "read of %d bytes at offset %d", len(b), at)
	}
	return nil
}
