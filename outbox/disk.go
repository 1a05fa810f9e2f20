package outbox

import (
	"io"
	"os"
	"path/filepath"
)

// disk is the part of the file system that is used. Tests have their own, which fails
// on purpose.
type disk interface {
	open(path string, flag int) (diskFile, error)
	rename(from, to string) error // to may be there already
	remove(path string) error
	syncDir(path string) error // of the folder that has path: what was renamed stays so
	lock(path string) (io.Closer, error)
}

// diskFile is an open file.
type diskFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	size() (int64, error)
}

// osDisk is the real one.
type osDisk struct{}

type osFile struct{ *os.File }

func (f osFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (osDisk) open(path string, flag int) (diskFile, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(path string) error { return syncFolder(filepath.Dir(path)) }

func (osDisk) lock(path string) (io.Closer, error) { return lockFile(path) }
