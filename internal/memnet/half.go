package memnet

import (
	"math/rand/v2"
	"sync"
	"time"
)

// half is one direction of a connection: one end writes, the other reads.
// Everything in it is guarded by the mutex of the pipe that it belongs to.
type half struct {
	cfg *config

	// The ring: n bytes from start on.
	buf      []byte
	start, n int

	// segs says where pieces end and when they arrive; unused without
	// WithMaxWrite and WithLatency.
	segs    []segment
	arrival *time.Timer // wakes a Read that waits for the first segment

	fin   bool      // the writer sends no more
	finAt time.Time // when the reader may know
	gone  bool      // the reader reads no more
	dead  bool      // cut; what is buffered may still be read

	left   int64 // bytes until CutAfter's cut, -1 = none
	busy   bool  // a Write is in progress: others wait, so that bytes do not mix
	stallR bool  // BlockReads of the reader
	stallW bool  // BlockWrites of the writer
	rd, wd deadline

	readable, writable sync.Cond

	readRand, writeRand   *rand.Rand
	reads, writes         int64 // calls that moved bytes
	bytesRead, bytesWrite int64
}

type segment struct {
	n  int
	at time.Time
}

func (h *half) init(mu *sync.Mutex, cfg *config, dir uint64) {
	h.cfg, h.left = cfg, -1
	h.readable.L, h.writable.L = mu, mu
	if cfg.seeded {
		h.readRand = rand.New(rand.NewPCG(cfg.seed, 2*dir))
		h.writeRand = rand.New(rand.NewPCG(cfg.seed, 2*dir+1))
	}
}

// limit returns how much of want one step may move under a cap (0 = none).
func limit(want, most int, r *rand.Rand) int {
	if most == 0 {
		return want
	}
	if r != nil {
		most = 1 + r.IntN(most)
	}
	return min(want, most)
}

// roomLocked returns how many bytes a Write may add now.
func (h *half) roomLocked() int {
	if h.stallW {
		return 0
	}
	room := h.cfg.buffer - h.n
	if h.left >= 0 {
		room = int(min(int64(room), h.left))
	}
	return room
}

// putLocked adds one piece of b, which is not longer than the room, and returns its length.
func (h *half) putLocked(b []byte) int {
	n := limit(len(b), h.cfg.maxWrite, h.writeRand)
	h.growLocked(h.n + n)
	end := (h.start + h.n) % len(h.buf)
	k := copy(h.buf[end:], b[:n])
	copy(h.buf, b[k:n])
	h.n += n
	h.bytesWrite += int64(n)
	if h.left >= 0 {
		h.left -= int64(n)
	}
	if h.cfg.latency > 0 || h.cfg.maxWrite > 0 {
		h.segs = append(h.segs, segment{n, h.arrivesLocked()})
	}
	h.readable.Broadcast()
	return n
}

// arrivesLocked returns when something sent now arrives; zero = at once.
func (h *half) arrivesLocked() time.Time {
	if h.cfg.latency == 0 {
		return time.Time{}
	}
	return time.Now().Add(h.cfg.latency)
}

// growLocked makes the ring at least need bytes large.
func (h *half) growLocked(need int) {
	if need <= len(h.buf) {
		return
	}
	buf := make([]byte, min(h.cfg.buffer, max(need, 2*len(h.buf), 512)))
	k := copy(buf, h.buf[h.start:min(h.start+h.n, len(h.buf))])
	copy(buf[k:], h.buf[:h.n-k])
	h.buf, h.start = buf, 0
}

// takeLocked moves bytes that have arrived into b and returns how many.
func (h *half) takeLocked(b []byte) int {
	if h.n == 0 {
		return 0
	}
	want := min(len(b), h.arrivedLocked(len(b)))
	if want == 0 {
		return 0 // and no draw: how often a Read was woken must not change the sequence
	}
	want = limit(want, h.cfg.maxRead, h.readRand)
	k := copy(b[:want], h.buf[h.start:min(h.start+h.n, len(h.buf))])
	copy(b[k:want], h.buf)
	h.start = (h.start + want) % len(h.buf)
	h.n -= want
	h.bytesRead += int64(want)
	h.reads++
	for rest := want; rest > 0 && len(h.segs) > 0; {
		s := min(rest, h.segs[0].n)
		h.segs[0].n -= s
		rest -= s
		if h.segs[0].n == 0 {
			h.segs = h.segs[1:]
		}
	}
	h.writable.Broadcast()
	return want
}

// arrivedLocked returns how many bytes one Read of up to most may take now. With
// WithMaxWrite that is one piece, else all that has arrived. If none has, readers are
// woken when the first does.
func (h *half) arrivedLocked(most int) int {
	if len(h.segs) == 0 {
		return h.n
	}
	if !h.nowLocked(h.segs[0].at) {
		return 0
	}
	n := h.segs[0].n
	if h.cfg.maxWrite > 0 {
		return n
	}
	now := time.Now()
	for i := 1; i < len(h.segs) && n < most && !h.segs[i].at.After(now); i++ {
		n += h.segs[i].n
	}
	return n
}

// endedLocked reports whether the reader has seen everything.
func (h *half) endedLocked() bool {
	return h.n == 0 && h.fin && h.nowLocked(h.finAt)
}

// nowLocked reports whether at has come; if not, readers are woken when it does.
func (h *half) nowLocked(at time.Time) bool {
	if at.IsZero() {
		return true
	}
	d := time.Until(at)
	if d <= 0 {
		return true
	}
	if h.arrival == nil {
		h.arrival = time.AfterFunc(d, func() {
			h.readable.L.Lock()
			defer h.readable.L.Unlock()
			h.arrival = nil
			h.readable.Broadcast()
		})
	}
	return false
}

// finishLocked ends the direction from the writer's side.
func (h *half) finishLocked() {
	if h.fin {
		return
	}
	h.fin, h.finAt = true, h.arrivesLocked()
	h.wakeLocked()
}

// abandonLocked ends the direction from the reader's side: what is buffered is lost.
func (h *half) abandonLocked() {
	h.gone = true
	h.dropLocked()
	h.wakeLocked()
}

func (h *half) dropLocked() {
	h.buf, h.start, h.n, h.segs = nil, 0, 0, nil
	if h.arrival != nil {
		h.arrival.Stop()
		h.arrival = nil
	}
}

func (h *half) wakeLocked() {
	h.readable.Broadcast()
	h.writable.Broadcast()
}
