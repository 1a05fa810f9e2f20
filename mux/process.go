package mux

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Defaults of what all sessions of the process grant together, in bytes. They are the numbers of docs/LIMITS.md.
const (
	DefaultProcessWindows = 128 << 20 // windows of streams: 8 long paths filled at once
	DefaultProcessBodies  = 64 << 20  // bodies: 16 of the default limit at once
)

// process bounds what all sessions of the process grant together. It does not bound what each of them needs to
// go on: the least window of a stream, the first window of a session, the first body of each lane. So peers that
// make us grant everything can slow others down, but not stop them.
type process struct {
	mu      sync.Mutex // guards what follows; taken inside a budget's lock, and nothing is locked or called with it held
	windows pocket
	bodies  pocket
	beyond  int          // granted to least and first windows and to first bodies when there was no room
	waiting [2][]*budget // whose next body waits for room here only, in the queues of queueOf

	tight atomic.Bool // windows are tight; written with mu held
}

// pocket is a limit and what is taken of it, in bytes.
type pocket struct{ limit, used int }

func (p *pocket) fits(n int) bool { return p.used+n <= p.limit }

// Bodies that have begun and those that have not wait in queues of their own. The first of a queue is served before
// any other of it takes more, and before the second queue.
const (
	begunQueue = iota
	unsentQueue
)

func queueOf(a *assembly) int {
	if a.begun.Load() {
		return begunQueue
	}
	return unsentQueue
}

// room is up to where bodies of a queue may take. Half is left to those that have begun, so that peers which announce
// bodies and send nothing leave room to all others.
func (p *process) room(queue int) int { return p.bodies.limit >> queue }

// freeLocked reports whether n of a body of b in queue fit, and nobody waits who comes before.
func (p *process) freeLocked(b *budget, queue, n int) bool {
	for q := range queue + 1 {
		if w := p.waiting[q]; len(w) > 0 && (q < queue || w[0] != b) {
			return false
		}
	}
	return p.bodies.used+n <= p.room(queue)
}

// enough is up to where windows may grow. The last quarter is left to small ones.
func (p *pocket) enough() int { return p.limit / 4 * 3 }

// shared is the process of every session whose Config has no other.
var shared = newProcess(DefaultProcessWindows, DefaultProcessBodies)

func newProcess(windows, bodies int) *process {
	return &process{windows: pocket{limit: windows}, bodies: pocket{limit: bodies}}
}

// MemoryStats is what all sessions of the process have granted to their peers, in bytes. The peers may send it
// and the sessions may have to hold it. Early windows are not in it.
type MemoryStats struct {
	Windows, WindowLimit int // of streams
	Bodies, BodyLimit    int // of calls, answers and messages being received
	Beyond               int // granted when there was no room: least windows, a session's first window, the first body of each lane
	Waiting              int // sessions with a body that waits for room
}

// Memory returns the numbers as they are now. Any goroutine may call it.
func Memory() MemoryStats {
	p := shared
	p.mu.Lock()
	defer p.mu.Unlock()
	return MemoryStats{
		Windows: p.windows.used, WindowLimit: p.windows.limit,
		Bodies: p.bodies.used, BodyLimit: p.bodies.limit,
		Beyond: p.beyond, Waiting: p.waitingLocked(),
	}
}

// waitingLocked returns how many sessions wait in any queue.
func (p *process) waitingLocked() int {
	n := len(p.waiting[begunQueue])
	for _, b := range p.waiting[unsentQueue] {
		if b.needs[begunQueue] == 0 {
			n++
		}
	}
	return n
}

// SetMemoryLimits sets how many bytes windows and bodies of all sessions may take together. What is granted stays
// granted: lower limits act as windows and bodies are given back. Any goroutine may call it.
func SetMemoryLimits(windows, bodies int) { shared.setLimits(windows, bodies) }

func (p *process) setLimits(windows, bodies int) {
	p.mu.Lock()
	p.windows.limit, p.bodies.limit = windows, bodies
	p.tight.Store(p.windows.used > p.windows.enough())
	p.mu.Unlock()
	giveGrants(p.serve())
}

// window takes n for the first window of a stream. If that is too much, it takes just the least, unless the stream
// is the first of its session. It returns what is granted, and for how much of it there was no room.
func (p *process) window(n, least int, first bool) (granted, beyond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !first && !p.windows.fits(n) {
		n = least
	}
	if !p.windows.fits(n) {
		p.beyond += n
		return n, n
	}
	p.windows.used += n
	p.tight.Store(p.windows.used > p.windows.enough())
	return n, 0
}

// grow takes up to n more for a window, and returns how much. small says that the window stays small.
func (p *process) grow(n int, small bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := p.windows.enough()
	if small {
		most = p.windows.limit
	}
	n = max(0, min(n, most-p.windows.used))
	p.windows.used += n
	p.tight.Store(p.windows.used > p.windows.enough())
	return n
}

// freeWindows gives back n, and what was beyond.
func (p *process) freeWindows(n, beyond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.windows.used -= n
	p.beyond -= beyond
	p.tight.Store(p.windows.used > p.windows.enough())
}

// firstBody takes n for a body of queue that must not wait. False means beyond the limit. It takes nothing from
// those that do wait.
func (p *process) firstBody(queue, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.freeLocked(nil, queue, n) {
		p.bodies.used += n
		return true
	}
	p.beyond += n
	return false
}

// body takes n for a body of b in queue, unless others wait before it. When it has, b stands after them.
func (p *process) body(b *budget, queue, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.freeLocked(b, queue, n) {
		return false
	}
	p.bodies.used += n
	p.removeLocked(b, queue)
	return true
}

// freeBodies gives back n, and what was beyond. The caller serves those that wait.
func (p *process) freeBodies(n, beyond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies.used -= n
	p.beyond -= beyond
}

// queue records how many bytes the next body of b in each queue waits for; 0 means that none does. A body larger than
// its queue's room does not wait here: it goes in when it is the first of its lane, or has begun.
func (p *process) queue(b *budget, needs [2]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q, n := range needs {
		switch waits := slices.Contains(p.waiting[q], b); {
		case n == 0 || n > p.room(q):
			needs[q] = 0
			p.removeLocked(b, q)
		case !waits:
			p.waiting[q] = append(p.waiting[q], b)
		}
	}
	b.needs = needs
}

func (p *process) removeLocked(b *budget, queue int) {
	if i := slices.Index(p.waiting[queue], b); i >= 0 {
		p.waiting[queue] = slices.Delete(p.waiting[queue], i, i+1)
	}
}

// next returns the budget that has waited longest, if there is room for what it needs.
func (p *process) next() *budget {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q := range p.waiting {
		for len(p.waiting[q]) > 0 {
			b := p.waiting[q][0]
			if b.needs[q] <= p.room(q) {
				if p.bodies.used+b.needs[q] > p.room(q) {
					return nil
				}
				return b
			}
			p.waiting[q] = slices.Delete(p.waiting[q], 0, 1) // the limit is lower now
		}
	}
	return nil
}

// serve lets those that wait take what fits. It is called with no lock held. The caller calls giveGrants with
// what was granted.
func (p *process) serve() (granted []*assembly) {
	for b := p.next(); b != nil; b = p.next() {
		b.mu.Lock()
		granted = append(granted, b.nextLocked()...)
		b.mu.Unlock()
	}
	return granted
}
