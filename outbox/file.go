package outbox

import (
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/throttle"
)

// File is a gantline.Outbox in a file. Make one with Open.
type File struct {
	path string
	o    Options
	disk disk
	torn *TornError // what Open found; not changed later

	mu     sync.Mutex // guards what follows
	moved  sync.Cond  // durable, syncing or failed has changed
	failed error      // why nothing works any more
	closes bool       // Close was called
	lock   io.Closer
	f      diskFile
	salt   uint64
	end    int64 // after the last record
	synced int64 // as far as the file is known to be on the disk
	index  index
	owed   []owed // what could not be written

	compactAt int64 // no new file while this one is shorter

	written, durable uint64 // records; all up to durable are on the disk
	syncing          bool   // by a goroutine that has let go of mu

	timer *time.Timer // syncs after the interval; nil = none is due
	ticks sync.WaitGroup
}

var _ gantline.Outbox = (*File)(nil)

// owed are messages that are forgotten, although the file does not say so yet.
type owed struct {
	peer string
	ids  []gantline.MessageID
}

// Open opens the file at path and locks it, or makes it. A torn end is moved aside and logged: see Torn. The
// caller closes the File after the Ends that use it. nil options mean all defaults.
//
// Errors: ErrLocked, ErrCorrupt, or the operating system's. What is already pending may exceed Options.Limit.
func Open(path string, o *Options) (*File, error) { return open(osDisk{}, path, o) }

// Keep implements gantline.Outbox.
func (f *File) Keep(peer string, m *gantline.KeptMessage) error {
	if err := checkKeep(peer, m); err != nil {
		return err
	}
	rec := newRecord()
	defer rec.free()
	rec.b = appendKeep(rec.b, peer, m)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	size := int64(len(rec.b))
	if f.end+size > 2*f.o.Limit+4*f.o.compactMin {
		if err := f.compactLocked(); err != nil { // which Forget has tried before
			return f.because(err, "the file is too long and cannot be written anew")
		}
	}
	if e := f.index.find(peer, m.ID); e != nil {
		return f.commitLocked(e.seq)
	}
	if err := f.checkLimitsLocked(peer, size); err != nil {
		return err
	}
	if err := f.payLocked(); err != nil {
		return err
	}
	if err := f.appendLocked(kindKeep, rec); err != nil {
		return err
	}
	e := &entry{id: m.ID, off: f.end - size, size: size, seq: f.written}
	f.index.add(peer, e)
	return f.commitLocked(e.seq)
}

// checkLimitsLocked refuses a record for which the limits have no room.
func (f *File) checkLimitsLocked(peer string, size int64) error {
	what := []error{ErrFull, gantline.ResourceExhausted}
	if n := f.index.cost + costOf(size); n > f.o.Limit {
		return f.failf(what, "full: %d bytes would be pending, the limit is %d: wait for acks, forget what is for peers that are gone, or raise Options.Limit", n, f.o.Limit)
	}
	if n := f.index.shelfCost(peer) + costOf(size); peer != "" && n > f.o.PeerLimit {
		return f.failf(what, "full: %d bytes would be pending for peer %q, the limit is %d: wait for its acks, or raise Options.PeerLimit", n, peer, f.o.PeerLimit)
	}
	return nil
}

// maxForget is how many ids one record has.
const maxForget = 4096

// Forget implements gantline.Outbox. This File forgets a message even if recording that fails. The message then
// comes back when the file is opened again, unless later writes succeed.
func (f *File) Forget(peer string, ids ...gantline.MessageID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	gone := slices.DeleteFunc(slices.Clone(ids), func(id gantline.MessageID) bool { return !f.index.remove(peer, id) })
	for part := range slices.Chunk(gone, maxForget) {
		f.owed = append(f.owed, owed{peer, part})
	}
	if err := f.payLocked(); err != nil {
		return err
	}
	if garbage := f.end - headerSize - f.index.live; garbage > max(f.index.live, f.o.compactMin) && f.end >= f.compactAt {
		if err := f.compactLocked(); err != nil {
			if f.failed != nil {
				return f.failed
			}
			f.compactAt = f.end + f.o.compactMin
			f.o.log.Say(throttle.OutboxGrows, "path", f.path, "bytes", f.end, "err", err)
		}
	}
	return f.commitLocked(f.written)
}

// Pending implements gantline.Outbox.
func (f *File) Pending(peer string) ([]*gantline.KeptMessage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return nil, f.failed
	}
	s := f.index.peers[peer]
	if s == nil {
		return nil, nil
	}
	all := make([]*gantline.KeptMessage, 0, len(s.byID))
	for e := s.head; e != nil; e = e.next {
		payload, err := f.readLocked(e)
		if err != nil {
			return nil, err
		}
		_, m, err := parseKeep(payload)
		if err != nil {
			return nil, f.corrupt(e.off, "%s", bare(err))
		}
		all = append(all, m)
	}
	return all, nil
}

// Peers lists the peers for which messages are kept, sorted: ids of clients, "" for the server of a client.
func (f *File) Peers() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.index.peers))
}

// Torn returns what Open found torn and moved aside, nil if there was nothing.
func (f *File) Torn() *TornError { return f.torn }

// Close syncs and closes the file and unlocks it. It returns why that failed, or why the file had failed before. A
// second Close returns an error that is os.ErrClosed.
func (f *File) Close() error {
	f.mu.Lock()
	if f.closes {
		defer f.mu.Unlock()
		return f.closed()
	}
	f.closes = true
	f.awaitSyncLocked()
	err := f.failed
	if err == nil {
		if err = f.payLocked(); err == nil && f.written > f.durable {
			err = f.syncLocked()
		}
	}
	if f.f != nil {
		if e := f.f.Close(); err == nil && e != nil {
			err = f.because(e, "close")
		}
	}
	f.failed = f.closed()
	lock := f.lock
	f.lock, f.f = nil, nil
	f.moved.Broadcast()
	f.stopTimerLocked()
	f.mu.Unlock()
	f.ticks.Wait()
	_ = lock.Close()
	return err
}
