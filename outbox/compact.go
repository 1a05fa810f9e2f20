package outbox

import (
	"encoding/binary"
	"io"
	"os"

	cryptorand "crypto/rand"
)

// compactMin is the least number of useless bytes in the file before a new file is written. They must also
// outnumber the useful ones: then each byte is copied once at most, on average.
const compactMin = 1 << 20

// newSuffix ends the name of a file that is being written.
const newSuffix = ".new"

// randomSalt returns a salt for a new file.
func randomSalt() uint64 {
	var b [8]byte
	cryptorand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// readLocked reads and checks a message's payload.
func (f *File) readLocked(e *entry) ([]byte, error) {
	b := make([]byte, e.size)
	if _, err := f.f.ReadAt(b, e.off); err != nil {
		return nil, f.because(err, "read of %d bytes at offset %d", e.size, e.off)
	}
	h, ok := parseHead(b, f.salt, e.off)
	if payload := b[headSize:]; ok && sum(payload) == h.sum {
		return payload, nil
	}
	return nil, f.corrupt(e.off, "a message has changed since it was written")
}

// compactLocked writes what is pending to a new file, which replaces the old one. A failure before the rename
// changes nothing; after one the file has failed.
func (f *File) compactLocked() error {
	f.awaitSyncLocked()
	if f.failed != nil {
		return f.failed
	}
	entries := f.index.inOrder()
	at, end, salt, err := f.writeNewLocked(entries)
	if err != nil {
		_ = f.disk.remove(f.path + newSuffix)
		return err
	}
	// Windows renames no open files.
	if err := f.f.Close(); err != nil {
		f.failLocked(err, "close of the old file")
		return f.failed
	}
	f.f = nil
	renamed := f.disk.rename(f.path+newSuffix, f.path)
	file, err := f.disk.open(f.path, os.O_RDWR)
	if err != nil {
		f.failLocked(err, "open")
		return f.failed
	}
	f.f = file
	if renamed != nil { // the old one is back
		_ = f.disk.remove(f.path + newSuffix)
		return renamed
	}
	if err := f.disk.syncDir(f.path); err != nil {
		f.failLocked(err, "fsync of its folder")
		return f.failed
	}
	for i, e := range entries {
		e.off = at[i]
	}
	f.salt, f.end, f.synced, f.durable = salt, end, end, f.written
	f.owed, f.compactAt = nil, 0
	f.moved.Broadcast()
	return nil
}

// writeNewLocked writes entries to a new file, syncs it, and returns where they are in it.
func (f *File) writeNewLocked(entries []*entry) (at []int64, end int64, salt uint64, err error) {
	file, err := f.disk.open(f.path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, 0, 0, err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	salt = randomSalt()
	w := &appender{f: file}
	w.write(fileHeader(salt))
	r := newRecord()
	defer r.free()
	for _, e := range entries {
		payload, err := f.readLocked(e)
		if err != nil {
			return nil, 0, 0, err
		}
		at = append(at, w.end)
		r.b = append(r.b[:headSize], payload...)
		r.seal(kindKeep, salt, w.end, w.end) // the file is not used before all of it is synced
		w.write(r.b)
	}
	if err := w.flush(); err != nil {
		return nil, 0, 0, err
	}
	return at, w.end, salt, file.Sync()
}

// appender gathers small writes.
type appender struct {
	f   io.WriterAt
	buf []byte
	end int64 // with what is in buf
	err error
}

// appenderSize is how much is gathered.
const appenderSize = 256 << 10

func (a *appender) write(b []byte) {
	a.buf = append(a.buf, b...)
	a.end += int64(len(b))
	if len(a.buf) >= appenderSize {
		_ = a.flush()
	}
}

func (a *appender) flush() error {
	if a.err == nil {
		_, a.err = a.f.WriteAt(a.buf, a.end-int64(len(a.buf)))
	}
	a.buf = a.buf[:0]
	return a.err
}
