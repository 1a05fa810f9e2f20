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
	beyond  int       // granted to least and first windows and to first bodies when there was no room
	waiting []*budget // whose next body waits for room here only; the first is served before anybody takes more

	tight atomic.Bool // windows are tight; written with mu held
}

// pocket is a limit and what is taken of it, in bytes.
type pocket struct{ limit, used int }

func (p *pocket) fits(n int) bool { return p.used+n <= p.limit }

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
		Beyond: p.beyond, Waiting: len(p.waiting),
	}
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

// firstBody takes n for a body that must not wait. False means beyond the limit. It takes nothing from those that
// do wait.
func (p *process) firstBody(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 && p.bodies.fits(n) {
		p.bodies.used += n
		return true
	}
	p.beyond += n
	return false
}

// body takes n for a body of b, unless others wait before it. When it has, b stands after them.
func (p *process) body(b *budget, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 && p.waiting[0] != b || !p.bodies.fits(n) {
		return false
	}
	p.bodies.used += n
	p.removeLocked(b)
	return true
}

// freeBodies gives back n, and what was beyond. The caller serves those that wait.
func (p *process) freeBodies(n, beyond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies.used -= n
	p.beyond -= beyond
}

// queue records that the next body of b waits for n bytes. 0 means that none does. A body larger than the whole
// limit does not wait here: it goes in when it is the first of its lane.
func (p *process) queue(b *budget, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.needs = n
	switch waits := slices.Contains(p.waiting, b); {
	case n == 0 || n > p.bodies.limit:
		if waits {
			p.removeLocked(b)
		}
	case !waits:
		p.waiting = append(p.waiting, b)
	}
}

func (p *process) removeLocked(b *budget) {
	if i := slices.Index(p.waiting, b); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
}

// next returns the budget that has waited longest, if there is room for what it needs.
func (p *process) next() *budget {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 {
		b := p.waiting[0]
		if b.needs <= p.bodies.limit {
			if !p.bodies.fits(b.needs) {
				return nil
			}
			return b
		}
		p.waiting = slices.Delete(p.waiting, 0, 1) // the limit is lower now
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
