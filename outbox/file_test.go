package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
)

// TestFile: messages that are kept and not forgotten are there again, for each peer, in order and complete.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "box")
	f, err := Open(path, nil)
	must(t, err)
	keep(t, f, "", 1, 2, 3)
	keep(t, f, "a", 2, 4, 5)
	keep(t, f, "b", 1, 6)
	forget(t, f, "a", 4, 1, 4)
	forget(t, f, "b", 6, 1)
	keep(t, f, "", 2) // is there already
	forget(t, f, "nobody", 1)
	_, err = Open(path, nil)
	want(t, err, ErrLocked)
	for range 3 {
		check(t, f, "", 1, 2, 3)
		check(t, f, "a", 2, 5)
		check(t, f, "b")
		if got := f.Peers(); !slices.Equal(got, []string{"", "a"}) || f.Torn() != nil {
			t.Errorf("peers %q, torn %v", got, f.Torn())
		}
		must(t, f.Close())
		want(t, f.Close(), os.ErrClosed)
		want(t, f.Keep("", message(9)), os.ErrClosed)
		want(t, f.Forget("", message(1).ID), os.ErrClosed)
		_, err = f.Pending("")
		want(t, err, os.ErrClosed)
		f, err = Open(path, nil)
		must(t, err)
	}
	must(t, f.Close())
	names, err := filepath.Glob(path + "*")
	must(t, err)
	if len(names) != 2 {
		t.Errorf("files %q", names)
	}
}

// TestInvalid: a message that the format cannot hold, or the limits have no room for, is refused.
func TestInvalid(t *testing.T) {
	f := openOn(t, newFakeDisk(), Options{Limit: 4000, PeerLimit: 1000})
	defer f.Close()
	long := strings.Repeat("x", 256)
	for name, err := range map[string]error{
		"peer":  f.Keep(long, message(1)),
		"topic": f.Keep("", &gantline.KeptMessage{Topic: long}),
		"key":   f.Keep("", &gantline.KeptMessage{Metadata: gantline.Metadata{long: {""}}}),
		"value": f.Keep("", &gantline.KeptMessage{Metadata: gantline.Metadata{"k": {strings.Repeat("x", 65536)}}}),
		"pairs": f.Keep("", &gantline.KeptMessage{Metadata: gantline.Metadata{"k": make([]string, 65536)}}),
	} {
		if err == nil {
			t.Fatal(name, "is taken")
		}
		want(t, err, gantline.InvalidArgument)
	}
	for _, tt := range []struct {
		peer string
		size int
		full bool
	}{{"", 4000, true}, {"", 700, false}, {"a", 900, true}, {"a", 700, false}, {"a", 1, true}, {"", 1700, false}, {"", 500, true}, {"b", 10, false}} {
		m := message(1)
		m.ID, m.Body = gantline.NewMessageID(), make([]byte, tt.size)
		err := f.Keep(tt.peer, m)
		if (err != nil) != tt.full {
			t.Fatalf("%d bytes for %q: %v", tt.size, tt.peer, err)
		}
		if tt.full {
			want(t, err, ErrFull, gantline.ResourceExhausted)
		}
	}
	must(t, f.Forget("a", idsOf(t, f, "a")...)) // makes room
	keep(t, f, "a", 6)
}

// TestDiskFull: a Publish on a full disk fails; what was there stays, and later ones work when there is room.
func TestDiskFull(t *testing.T) {
	d := newFakeDisk()
	f := openOn(t, d, Options{})
	keep(t, f, "", 1, 2)
	size := len(d.data(testPath))
	for room := range int64(len(appendKeep(make([]byte, headSize), "", message(3)))) {
		d.set(func(d *fakeDisk) { d.room = room })
		want(t, f.Keep("", message(3)), syscall.ENOSPC, gantline.ResourceExhausted)
		if got := len(d.data(testPath)); got != size {
			t.Fatalf("with %d bytes of room the file has %d, want %d", room, got, size)
		}
	}
	d.set(func(d *fakeDisk) { d.room = -1 })
	keep(t, f, "", 4)
	check(t, f, "", 1, 2, 4)
	d.set(func(d *fakeDisk) { d.room = 10 })
	want(t, f.Forget("", message(1).ID), syscall.ENOSPC)
	check(t, f, "", 2, 4)
	d.set(func(d *fakeDisk) { d.room = -1 })
	keep(t, f, "", 5) // and records what could not be recorded
	d.restart(true, fixed(1))
	f = openOn(t, d, Options{})
	check(t, f, "", 2, 4, 5)
	must(t, f.Close())
}

// TestSyncFails: nothing works after a failed fsync. A message whose Keep had returned is there when the file is
// opened again.
func TestSyncFails(t *testing.T) {
	d := newFakeDisk()
	f := openOn(t, d, Options{})
	keep(t, f, "", 1)
	d.set(func(d *fakeDisk) { d.syncErr = syscall.EIO })
	want(t, f.Keep("", message(2)), ErrFailed, syscall.EIO)
	d.set(func(d *fakeDisk) { d.syncErr = nil })
	want(t, f.Keep("", message(3)), ErrFailed)
	want(t, f.Forget("", message(1).ID), ErrFailed)
	_, err := f.Pending("")
	want(t, err, ErrFailed)
	want(t, f.Close(), ErrFailed)
	d.restart(true, fixed(1))
	f = openOn(t, d, Options{})
	if ids := idsOf(t, f, ""); len(ids) == 0 || ids[0] != message(1).ID {
		t.Errorf("kept are %v", ids)
	}
	must(t, f.Close())
}

// TestRepairFails: a failed write that cannot be undone ends the file too.
func TestRepairFails(t *testing.T) {
	d := newFakeDisk()
	f := openOn(t, d, Options{})
	keep(t, f, "", 1)
	d.set(func(d *fakeDisk) { d.failing = func() error { return syscall.EIO } })
	want(t, f.Keep("", message(2)), syscall.EIO)
	d.set(func(d *fakeDisk) { d.failing = nil })
	want(t, f.Keep("", message(2)), ErrFailed, syscall.EIO)
	want(t, f.Close(), ErrFailed)
	f = openOn(t, d, Options{})
	check(t, f, "", 1)
	must(t, f.Close())
}

// TestGroupCommit: goroutines that wait for the disk at the same time share an fsync, and return after it.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDisk()
		f := openOn(t, d, Options{})
		hold := make(chan struct{})
		d.set(func(d *fakeDisk) { d.hold, d.syncs = hold, 0 })
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() { keep(t, f, "", n) })
		}
		synctest.Wait()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("returned before the disk had it")
		default:
		}
		close(hold)
		<-done
		if d.syncs != 2 { // the first one, and all that arrived in the meantime
			t.Errorf("%d times synced", d.syncs)
		}
		must(t, f.Close())
	})
}

// TestInterval: after the interval, what was written is on the disk; SyncNever leaves that to Close.
func TestInterval(t *testing.T) {
	for _, tt := range []struct {
		sync          time.Duration
		early, inTime int // fsyncs
	}{{time.Second, 0, 1}, {SyncNever, 0, 0}, {SyncAlways, 2, 2}} {
		synctest.Test(t, func(t *testing.T) {
			d := newFakeDisk()
			f := openOn(t, d, Options{Sync: tt.sync})
			d.set(func(d *fakeDisk) { d.syncs = 0 })
			syncs := func() (n int) { d.set(func(d *fakeDisk) { n = d.syncs }); return n }
			keep(t, f, "", 1, 2)
			if n := syncs(); n != tt.early {
				t.Errorf("%v: %d times synced", tt.sync, n)
			}
			<-time.After(time.Second)
			synctest.Wait()
			if n := syncs(); n != tt.inTime {
				t.Errorf("%v: %d times synced in time", tt.sync, n)
			}
			forget(t, f, "", 1)
			must(t, f.Close())
			d.restart(true, fixed(1))
			f = openOn(t, d, Options{})
			check(t, f, "", 2)
			must(t, f.Close())
		})
	}
}

// TestIntervalFails: the next operation gets the error.
func TestIntervalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDisk()
		f := openOn(t, d, Options{Sync: time.Second})
		keep(t, f, "", 1)
		d.set(func(d *fakeDisk) { d.syncErr = syscall.EIO })
		<-time.After(2 * time.Second)
		want(t, f.Keep("", message(2)), ErrFailed, syscall.EIO)
		want(t, f.Close(), ErrFailed)
	})
}

// TestOpenFails: a file that cannot be opened is an error that says why.
func TestOpenFails(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "no", "box"), nil)
	want(t, err, os.ErrNotExist)
	d := newFakeDisk()
	must(t, openOn(t, d, Options{}).Close())
	d.set(func(d *fakeDisk) { d.syncErr = syscall.EIO })
	_, err = open(d, testPath, nil)
	want(t, err, syscall.EIO)
	d.set(func(d *fakeDisk) { d.syncErr = nil })
	must(t, openOn(t, d, Options{}).Close()) // the lock was given back
}

// TestFailingDisk: each operation of a rewrite fails once, and nothing is lost.
func TestFailingDisk(t *testing.T) {
	broken := errors.New("broken")
	for fail := 1; ; fail++ {
		d := newFakeDisk()
		f := openOn(t, d, Options{compactMin: 1 << 30})
		keep(t, f, "", 1, 2, 3, 4)
		forget(t, f, "", 1, 3)
		n := 0
		d.set(func(d *fakeDisk) {
			d.failing = func() error {
				if n++; n == fail {
					return broken
				}
				return nil
			}
		})
		f.mu.Lock()
		err := f.compactLocked()
		f.mu.Unlock()
		d.set(func(d *fakeDisk) { d.failing = nil })
		if n < fail {
			must(t, f.Close())
			if fail < 5 {
				t.Errorf("a rewrite has %d operations", fail-1)
			}
			return
		}
		if !errors.Is(err, broken) {
			t.Fatalf("operation %d: %v", fail, err)
		}
		if f.failed == nil {
			check(t, f, "", 2, 4)
			keep(t, f, "", 5)
			forget(t, f, "", 5)
		}
		_ = f.Close()
		f = openOn(t, d, Options{})
		check(t, f, "", 2, 4)
		must(t, f.Close())
	}
}
