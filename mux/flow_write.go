package mux

import (
	"context"
	"slices"

	"github.com/gantline-project/gantline/frame"
)

// write sends p, and with fin the end of the direction, after earlier writes of f. It returns how many bytes
// of p are in the log. p is not used after write has returned.
func (f *flow) write(ctx context.Context, p []byte, fin bool, head []byte, dl *deadline) (int, error) {
	s := f.s
	s.l.Lock()
	defer s.l.Unlock()
	for {
		if err := f.failedLocked(dl); err != nil {
			return 0, err
		}
		if !f.writing {
			break
		}
		if granted, err := s.awaitLocked(&f.writers, 0, ctx, nil); granted {
			break
		} else if err != nil {
			return 0, err
		}
	}
	f.writing = true
	n, err := f.writeLocked(ctx, p, fin, head, dl)
	if f.writing = !f.writers.empty(); f.writing {
		f.writers.wakeFirst(true)
	}
	return n, err
}

func (f *flow) failedLocked(dl *deadline) error {
	if err := f.writeErrLocked(); err != nil {
		return err
	}
	if dl != nil && dl.expired {
		return errDeadline
	}
	return nil
}

// writeLocked appends p while that delays nobody. What is left waits for the link's writer.
func (f *flow) writeLocked(ctx context.Context, p []byte, fin bool, head []byte, dl *deadline) (int, error) {
	s, total := f.s, len(p)
	for {
		if err := f.failedLocked(dl); err != nil {
			return total - len(p), err
		}
		if len(p) == 0 && !fin {
			return total, nil
		}
		if len(p) == 0 || f.directLocked() || f.sparseLocked(p) {
			k, done := f.appendLocked(p, fin, head)
			if len(p) <= sparseWrite && (k > 0 || done) {
				f.smallAt = uint8(s.out.fills)
				s.livelyLocked(k)
			}
			if p = p[k:]; done {
				return total, nil
			}
			if k > 0 {
				continue
			}
		}
		if len(p) == 0 && head == nil { // a bare end is state and waits for nothing
			s.oweLocked(f, oweFin)
			return total, nil
		}
		left, done, err := f.parkLocked(ctx, p, fin, head)
		if p = left; done {
			return total, nil
		}
		if err != nil {
			return total - len(p), err
		}
	}
}

// sparseLocked reports whether p may go past the ring. It may if it is small, and if there was a flush since this
// flow's last small write. So bulk does not hold up a stream that answers what it reads. A stream that pushes gets one
// small write into a flush this way, and all streams together little more than sparseAhead.
func (f *flow) sparseLocked(p []byte) bool {
	s := f.s
	return len(p) <= sparseWrite && f.smallAt != uint8(s.out.fills) && s.l.Unsent() < sparseAhead && s.out.roomWait.empty()
}

// parkLocked leaves p for the writer and waits until it has taken all, or until the wait ends.
func (f *flow) parkLocked(ctx context.Context, p []byte, fin bool, head []byte) (left []byte, done bool, err error) {
	s := f.s
	w := s.newWaiterLocked()
	w.pend, w.fin, w.head, w.done = p, fin, head, false
	f.parked = w
	s.enqueueLocked(f)
	s.l.Wake()
	s.l.Unlock()
	if ctx == nil || ctx.Done() == nil {
		<-w.ch
	} else {
		select {
		case <-w.ch:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	s.l.Lock()
	if err != nil && f.parked != w {
		<-w.ch // woken meanwhile
	}
	f.parked = nil
	left, done = w.pend, w.done
	w.pend, w.head = nil, nil
	s.freeWaiterLocked(w)
	if f.pooled { // it goes without early window, or not at all
		f.pooled = false
		q := &s.pools.flows[f.group]
		*q = slices.DeleteFunc(*q, func(x *flow) bool { return x == f })
	}
	return left, done, err
}

// wakeWriterLocked makes the parked writer look at its flow again.
func (f *flow) wakeWriterLocked() {
	if w := f.parked; w != nil {
		f.parked = nil
		w.ch <- struct{}{}
	}
}

// wakeWritersLocked makes everybody who waits to write look again, for deadlines.
func (f *flow) wakeWritersLocked() {
	f.wakeWriterLocked()
	f.writers.wakeAll()
}

// appendLocked appends one frame with bytes of p. done says that all of p is in the log, and the end when asked
// for. It returns 0, false when credit, early window or room allow nothing.
func (f *flow) appendLocked(p []byte, fin bool, head []byte) (n int, done bool) {
	s := f.s
	var flags frame.Flags
	if len(p) > 0 {
		allowed, early := f.allowanceLocked()
		n = min(len(p), s.frameLocked(), allowed)
		if n <= 0 {
			return 0, false
		}
		room := s.roomLocked() - frame.HeaderLen
		if room < min(n, minBulkRoom) {
			return 0, false
		}
		n = min(n, room)
		if early {
			flags |= frame.FlagEarly
			f.early -= n
			s.pools.sent[f.group] += uint64(n)
		} else {
			f.credit -= int64(n)
		}
		if n > sparseWrite {
			s.bulkOfLocked(f)
		}
		if n < len(p) {
			if more, _ := f.allowanceLocked(); more <= 0 && !f.saidBlocked {
				flags |= frame.FlagBlocked
				f.saidBlocked = true
			}
		}
	} else if s.roomLocked() < frame.HeaderLen+len(head)-controlReserve {
		return 0, false
	}
	done = n == len(p)
	if done && fin {
		if (head != nil || s.cfg.yamux) && n > 0 { // the trailer, and any end of a yamux stream, is a frame of its own
			done = false
		} else {
			flags |= frame.FlagFin
		}
	}
	if head != nil && flags&frame.FlagFin != 0 {
		b := s.l.Alloc(frame.HeaderLen + len(head))
		frame.PutHeader(b, frame.Header{Type: frame.TypeData, Flags: flags | frame.FlagHead, Length: uint32(len(head)), ID: f.id})
		copy(b[frame.HeaderLen:], head)
	} else if !f.extendLocked(p[:n], flags) {
		b := s.l.Alloc(frame.HeaderLen + n)
		frame.PutHeader(b, frame.Header{Type: frame.TypeData, Flags: flags, Length: uint32(n), ID: f.id})
		copy(b[frame.HeaderLen:], p[:n])
	}
	s.l.Wake()
	if flags&frame.FlagFin != 0 {
		s.endSendLocked(f)
	}
	return n, done
}

// extendLocked lengthens the last frame of the log if that is this flow's and no flush has taken it. So many
// small writes become one frame.
func (f *flow) extendLocked(p []byte, flags frame.Flags) bool {
	last, spare := f.s.l.Tail()
	if last == nil || spare < len(p) || f.s.cfg.yamux && flags&frame.FlagFin != 0 {
		return false
	}
	h, err := frame.ParseHeader(last)
	if err != nil || h.ID != f.id || int(h.Length)+len(p) > f.s.frameLocked() {
		return false
	}
	switch {
	case h.Type == frame.TypeData && h.Flags&^frame.FlagEarly == 0 && (len(p) == 0 || h.Length == 0 || h.Flags == flags&frame.FlagEarly):
		if h.Length == 0 {
			h.Flags = 0
		}
		h.Flags |= flags
	case h.Type == frame.TypeOpen && h.Flags == 0 && f.kind == frame.KindStream && flags&frame.FlagBlocked == 0 && (len(p) == 0 || flags&frame.FlagEarly != 0):
		h.Flags = flags &^ frame.FlagEarly
	default:
		return false
	}
	if len(p) > 0 {
		copy(f.s.l.Extend(len(p)), p)
	}
	h.Length += uint32(len(p))
	frame.PutHeader(last, h)
	return true
}
