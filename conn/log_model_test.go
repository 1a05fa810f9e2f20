package conn

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// model is what a sendLog is to do, with all bytes ever appended kept.
type model struct {
	all               []byte
	bounds            []uint64 // ends of frames, 0 first
	acked, sent       uint64
	flushing          bool
	flushFrom         uint64
	g                 sendLog
	taken             [][]byte
	r                 *rand.Rand
	maxFrame, rewinds int
	noise             [4096]byte
}

func (m *model) appended() uint64 { return uint64(len(m.all)) }

// bound returns a random frame boundary between lo and hi.
func (m *model) bound(lo, hi uint64) uint64 {
	i, _ := slices.BinarySearch(m.bounds, lo)
	j, _ := slices.BinarySearch(m.bounds, hi+1)
	return m.bounds[i+m.r.IntN(j-i)]
}

func (m *model) step() error {
	switch op := m.r.IntN(10); {
	case op < 4: // append
		n := frame.HeaderLen + m.r.IntN(m.maxFrame)
		if m.r.IntN(50) == 0 {
			n += chunkSize
		}
		b := m.g.alloc(n)
		if len(b) != n {
			return fmt.Errorf("alloc(%d) returned %d bytes", n, len(b))
		}
		m.fill(b)
		m.all = append(m.all, b...)
		m.bounds = append(m.bounds, m.appended())
	case op == 4: // extend
		b, spare := m.g.lastFrame()
		from := m.bounds[max(0, len(m.bounds)-2)]
		if can := m.appended() > m.sent && from >= m.sent; can != (b != nil) {
			return fmt.Errorf("last frame %d bytes, want one: %v", len(b), can)
		}
		if b == nil {
			return nil
		}
		if !bytes.Equal(b, m.all[from:]) {
			return fmt.Errorf("the last frame is another one")
		}
		n := m.r.IntN(min(spare, 1000) + 1)
		x := m.g.extend(n)
		if len(x) != n {
			return fmt.Errorf("extend(%d) returned %d bytes", n, len(x))
		}
		for i := range x {
			x[i] = byte(m.r.Uint32())
		}
		m.all = append(m.all, x...)
		m.bounds[len(m.bounds)-1] = m.appended()
		b, _ = m.g.lastFrame()
		frame.PutHeader(b, frame.Header{Type: frame.TypeData, Length: uint32(len(b) - frame.HeaderLen)})
		copy(m.all[from:], b[:frame.HeaderLen])
	case op < 7: // begin or end a flush
		if m.flushing {
			if got := bytes.Join(m.taken, nil); !bytes.Equal(got, m.all[m.flushFrom:m.flushFrom+uint64(len(got))]) {
				return fmt.Errorf("the bytes of a flush changed while it was written")
			}
			m.g.unpin()
			m.flushing = false
			return nil
		}
		m.flushFrom = m.sent
		m.taken = m.g.take(nil, flushSize)
		m.flushing = len(m.taken) > 0
		n := 0
		for _, b := range m.taken {
			n += len(b)
		}
		if m.sent < m.appended() && n == 0 {
			return fmt.Errorf("nothing taken of %d bytes", m.appended()-m.sent)
		}
		m.sent += uint64(n)
		if _, ok := slices.BinarySearch(m.bounds, m.sent); !ok {
			return fmt.Errorf("flush ends inside of a frame")
		}
	case op < 9: // acknowledge
		m.acked = m.bound(m.acked, m.sent)
		m.g.ack(m.acked)
	case !m.flushing: // a new carrier
		pos := m.bound(m.acked, m.sent)
		if err := m.g.rewind(pos); err != nil {
			return err
		}
		m.acked, m.sent = pos, pos
		m.rewinds++
	}
	return nil
}

func (m *model) fill(b []byte) {
	for n := copy(b, m.noise[m.r.IntN(len(m.noise)):]); n < len(b); n += copy(b[n:], m.noise[:]) {
	}
	frame.PutHeader(b, frame.Header{Type: frame.TypeData, Length: uint32(len(b) - frame.HeaderLen)})
}

func (m *model) check() error {
	g := &m.g
	if g.acked != m.acked || g.sent != m.sent || g.appended != m.appended() {
		return fmt.Errorf("cursors %d %d %d, want %d %d %d", g.acked, g.sent, g.appended, m.acked, m.sent, m.appended())
	}
	held, pos := g.free.n*chunkSize, m.acked
	for c := g.head; c != nil; c = c.next {
		held += len(c.buf)
		if pos < c.end() {
			if !bytes.Equal(c.buf[pos-c.base:c.w], m.all[pos:c.end()]) {
				return fmt.Errorf("the log differs after %d", pos)
			}
			pos = c.end()
		}
	}
	if pos != m.appended() {
		return fmt.Errorf("the log ends at %d, want %d", pos, m.appended())
	}
	if held != g.mem {
		return fmt.Errorf("holds %d bytes and says %d", held, g.mem)
	}
	if m.acked == m.appended() && !m.flushing && g.mem != 0 {
		return fmt.Errorf("idle and holds %d bytes", g.mem)
	}
	return nil
}

// TestLogModel does random things to a log and compares it with one that keeps
// everything.
func TestLogModel(t *testing.T) {
	seeds, steps := 24, 300
	if testing.Short() {
		seeds = 10
	}
	rewinds := 0
	for seed := range seeds {
		m := &model{r: rand.New(rand.NewPCG(uint64(seed), 1)), bounds: []uint64{0}, maxFrame: []int{50, 3000, 64 << 10}[seed%3]}
		for i := range m.noise {
			m.noise[i] = byte(m.r.Uint32())
		}
		for i := range steps {
			if err := m.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
			if i%16 == 0 || i == steps-1 {
				if err := m.check(); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
			}
		}
		rewinds += m.rewinds
	}
	if rewinds == 0 {
		t.Error("no rewind was tried")
	}
}
