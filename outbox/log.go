package outbox

import (
	"sync"
	"time"

	"github.com/gantline-project/gantline/internal/throttle"
)

// record is a buffer for a payload, with room for its head in front.
type record struct{ b []byte }

var records = sync.Pool{New: func() any { return new(record) }}

// maxSpare is the largest buffer that stays in the pool.
const maxSpare = 1 << 16

func newRecord() *record {
	r := records.Get().(*record)
	r.b = append(r.b[:0], make([]byte, headSize)...)
	return r
}

func (r *record) free() {
	if cap(r.b) <= maxSpare {
		records.Put(r)
	}
}

// seal fills in the head of a record to be written at off.
func (r *record) seal(kind uint32, salt uint64, off, synced int64) {
	payload := r.b[headSize:]
	head{size: uint32(len(payload)), sum: sum(payload), synced: synced, kind: kind}.put(r.b, salt, off)
}

// appendLocked writes a record after the others. When it cannot, nothing has changed.
func (f *File) appendLocked(kind uint32, r *record) error {
	r.seal(kind, f.salt, f.end, f.synced)
	if _, err := f.f.WriteAt(r.b, f.end); err != nil {
		if again := f.f.Truncate(f.end); again != nil {
			f.failLocked(again, "cannot be cut back after a failed write")
		}
		return f.because(err, "write of %d bytes", len(r.b))
	}
	f.end += int64(len(r.b))
	f.written++
	return nil
}

// payLocked writes what is owed.
func (f *File) payLocked() error {
	for len(f.owed) > 0 {
		r := newRecord()
		r.b = appendForget(r.b, f.owed[0].peer, f.owed[0].ids)
		err := f.appendLocked(kindForget, r)
		r.free()
		if err != nil {
			return err
		}
		f.owed = f.owed[1:]
	}
	f.owed = nil
	return nil
}

// commitLocked returns when record number seq is as safe as Options.Sync promises. It releases mu while it
// waits.
func (f *File) commitLocked(seq uint64) error {
	if f.o.Sync != SyncAlways {
		if f.o.Sync > 0 && f.timer == nil && f.durable < f.written {
			f.ticks.Add(1)
			f.timer = time.AfterFunc(f.o.Sync, f.tick)
		}
		return nil
	}
	for f.durable < seq {
		switch {
		case f.failed != nil:
			return f.failed
		case f.syncing:
			f.moved.Wait()
		default:
			if err := f.syncLocked(); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncLocked syncs what is written, without mu, so that more can be written for the next one. Only one goroutine
// may sync at a time.
func (f *File) syncLocked() error {
	f.syncing = true
	file, end, written := f.f, f.end, f.written
	f.mu.Unlock()
	err := file.Sync()
	f.mu.Lock()
	f.syncing = false
	if err != nil {
		// The kernel may have dropped what it could not write, and report success to the next fsync.
		f.failLocked(err, "fsync")
	} else {
		f.synced, f.durable = end, written
	}
	f.moved.Broadcast()
	if err != nil {
		return f.failed
	}
	return nil
}

// awaitSyncLocked waits until nobody syncs.
func (f *File) awaitSyncLocked() {
	for f.syncing {
		f.moved.Wait()
	}
}

// failLocked marks the file as failed.
func (f *File) failLocked(err error, what string) {
	if f.failed == nil {
		f.failed = f.failf([]error{ErrFailed, err}, "failed, and what is on the disk is not known: %s: %s: close it and open it again to go on with what is there", what, bare(err))
		f.o.log.Say(throttle.OutboxFailed, "path", f.path, "err", err)
	}
	f.moved.Broadcast()
}

// tick syncs at the end of the interval.
func (f *File) tick() {
	defer f.ticks.Done()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.timer = nil
	f.awaitSyncLocked()
	if f.failed == nil && f.durable < f.written {
		_ = f.syncLocked() // the next operation gets the error
	}
}

// stopTimerLocked ends the timer if it has not fired.
func (f *File) stopTimerLocked() {
	if f.timer != nil && f.timer.Stop() {
		f.ticks.Done()
	}
	f.timer = nil
}
