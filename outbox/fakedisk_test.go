package outbox

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// errCrash is the error of everything after a crash.
var errCrash = errors.New("the machine is off")

// fakeDisk is a disk in memory that can be full, fail, and crash. What was not synced may be lost then.
type fakeDisk struct {
	mu     sync.Mutex // guards everything, files included
	names  map[string]*fakeInode
	safe   map[string]*fakeInode // as the folder is on the disk
	locked map[string]bool

	steps   int // operations so far that change something
	crashAt int // the step that is not done, or only half; 0 = none
	crashed bool
	room    int64         // bytes that may be written; negative = any number
	syncErr error         // of files
	failing func() error  // of the next changing operation except writes; nil = none fails
	hold    chan struct{} // if not nil, Sync waits until it is closed
	syncs   int           // of files
	rnd     *rand.Rand    // how much of a torn write is done; nil = the first half
}

// fakeInode is a file with or without a name.
type fakeInode struct {
	data []byte // as programs see it
	safe []byte // as it is on the disk
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{names: map[string]*fakeInode{}, safe: map[string]*fakeInode{}, locked: map[string]bool{}, room: -1}
}

// stepLocked counts a change. It returns false when the machine went off; half says to do half of the change.
func (d *fakeDisk) stepLocked() (half bool, err error) {
	if d.crashed {
		return false, errCrash
	}
	if d.steps++; d.steps == d.crashAt {
		d.crashed = true
		return true, errCrash
	}
	if d.failing != nil {
		return false, d.failing()
	}
	return false, nil
}

// restart turns the machine on again. power: what was not synced is lost, or part of it in any order; otherwise only
// the process had ended.
func (d *fakeDisk) restart(power bool, rnd *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed, d.crashAt, d.locked = false, 0, map[string]bool{}
	d.failing, d.syncErr, d.room = nil, nil, -1
	if !power {
		return
	}
	if rnd.IntN(2) == 0 { // the folder was not written
		d.names = map[string]*fakeInode{}
		for n, i := range d.safe {
			d.names[n] = i
		}
	}
	for _, i := range d.names {
		i.data = i.afterPowerLoss(rnd)
		i.safe = slices.Clone(i.data)
	}
	d.safe = map[string]*fakeInode{}
	for n, i := range d.names {
		d.safe[n] = i
	}
}

// afterPowerLoss returns what may be left: blocks of 64 bytes are old or new, and so is the length.
func (i *fakeInode) afterPowerLoss(rnd *rand.Rand) []byte {
	const block = 64
	var out []byte
	switch rnd.IntN(3) {
	case 0:
		return slices.Clone(i.safe)
	case 1:
		out = slices.Clone(i.data)
	default:
		out = slices.Clone(i.data[:min(len(i.data), len(i.safe)+rnd.IntN(max(len(i.data)-len(i.safe), 0)+1))])
	}
	for at := 0; at < len(out); at += block {
		if rnd.IntN(2) == 0 {
			continue
		}
		end := min(at+block, len(out))
		for k := at; k < end; k++ {
			out[k] = 0
			if k < len(i.safe) {
				out[k] = i.safe[k]
			}
		}
	}
	return out
}

func (d *fakeDisk) open(path string, flag int) (diskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, errCrash
	}
	i := d.names[path]
	switch {
	case i == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case i != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrExist}
	case i == nil:
		if _, err := d.stepLocked(); err != nil {
			return nil, err
		}
		i = &fakeInode{}
		d.names[path] = i
	case flag&os.O_TRUNC != 0:
		i.data = nil
	}
	return &fakeFile{d, i, false}, nil
}

func (d *fakeDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	half, err := d.stepLocked()
	if err != nil && !(half && d.steps%2 == 0) { // a crash comes before or after
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return err
}

func (d *fakeDisk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[path] == nil {
		return fs.ErrNotExist
	}
	if _, err := d.stepLocked(); err != nil {
		return err
	}
	delete(d.names, path)
	return nil
}

func (d *fakeDisk) syncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.stepLocked(); err != nil {
		return err
	}
	d.safe = map[string]*fakeInode{}
	for n, i := range d.names {
		d.safe[n] = i
	}
	return nil
}

type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }

func (d *fakeDisk) lock(path string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, errCrash
	}
	if d.locked[path] {
		return nil, ErrLocked
	}
	d.locked[path] = true
	return closerFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.locked, path)
	}), nil
}

// data returns a file's bytes.
func (d *fakeDisk) data(path string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.names[path].data)
}

// put makes a file of bytes that are on the disk.
func (d *fakeDisk) put(path string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := &fakeInode{slices.Clone(data), slices.Clone(data)}
	d.names[path], d.safe[path] = i, i
}

// list returns the names with a prefix.
func (d *fakeDisk) list(prefix string) (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := range d.names {
		if strings.HasPrefix(n, prefix) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// set changes the disk.
func (d *fakeDisk) set(f func(d *fakeDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

type fakeFile struct {
	d      *fakeDisk
	i      *fakeInode
	closed bool
}

func (f *fakeFile) WriteAt(b []byte, off int64) (int, error) {
	d := f.d
	d.mu.Lock()
	defer d.mu.Unlock()
	half, err := d.stepLocked()
	switch {
	case half && d.rnd != nil:
		b = b[:d.rnd.IntN(len(b)+1)]
	case half:
		b = b[:len(b)/2]
	case err != nil:
		return 0, err
	case d.room >= 0 && int64(len(b)) > d.room:
		b, err = b[:d.room], syscall.ENOSPC
	}
	if d.room >= 0 {
		d.room -= int64(len(b))
	}
	if grow := int(off) + len(b) - len(f.i.data); grow > 0 {
		f.i.data = append(f.i.data, make([]byte, grow)...)
	}
	copy(f.i.data[off:], b)
	return len(b), err
}

func (f *fakeFile) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.crashed {
		return 0, errCrash
	}
	n := copy(b, f.i.data[min(off, int64(len(f.i.data))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *fakeFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if _, err := f.d.stepLocked(); err != nil {
		return err
	}
	f.i.data = slices.Clone(f.i.data[:size])
	return nil
}

func (f *fakeFile) Sync() error {
	d := f.d
	d.mu.Lock()
	hold := d.hold
	d.syncs++
	d.mu.Unlock()
	if hold != nil {
		<-hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.stepLocked(); err != nil {
		return err
	}
	if d.syncErr != nil {
		return d.syncErr
	}
	f.i.safe = slices.Clone(f.i.data)
	return nil
}

func (f *fakeFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	return nil
}

func (f *fakeFile) size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.i.data)), nil
}
