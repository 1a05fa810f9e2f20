package mux

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// miser is a scripted session whose frames are fed and taken without an allocation of the test's.
type miser struct {
	*raw
	src  bytes.Reader
	fr   *frame.Reader
	sent int
}

func (m *miser) Read(p []byte) (int, error) { return m.src.Read(p) }

// send feeds frames, drops what the session says, and grants it early window again.
func (m *miser) send(b []byte) {
	m.sent += len(b)
	m.src.Reset(b)
	for m.src.Len() > 0 || m.fr.Buffered() > 0 {
		h, err := m.fr.Next()
		if err == nil {
			err = m.HandleFrame(h, m.fr)
		}
		if err != nil && err != io.EOF {
			m.t.Fatal(err)
		}
	}
	m.l.now += int64(10 * time.Second) // for the budget of frames without effect
	m.l.Lock()
	for more := true; more || len(m.l.log) > 0; {
		m.l.log, m.l.sent, m.l.acked = m.l.log[:0], m.l.end, m.l.end
		more = m.Fill()
	}
	m.l.Unlock()
	clear(m.acc.incoming)
	m.acc.incoming, m.acc.ready, m.acc.ended = m.acc.incoming[:0], m.acc.ready[:0], m.acc.ended[:0]
}

func newMiser(t testing.TB, change func(*Config)) *miser {
	m := &miser{raw: newRaw(t, change)}
	m.fr = frame.NewReader(m, frame.DefaultMaxPayload)
	return m
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func join(fs ...rawFrame) (b []byte) {
	for _, f := range fs {
		b = append(b, f.bytes()...)
	}
	return b
}

// setID rewrites the ids of the frames in b.
func setID(b []byte, id uint64) {
	for len(b) > 0 {
		h, err := frame.ParseHeader(b)
		if err != nil {
			panic(err)
		}
		h.ID = id
		frame.PutHeader(b, h)
		b = b[frame.HeaderLen+int(h.Length):]
	}
}

// TestAnnouncedBodies: what a peer announces and does not send costs nothing. Each byte that it sends makes the session
// allocate at most 64, whatever it opens and gives up, and at whatever depth.
func TestAnnouncedBodies(t *testing.T) {
	const size = 4 << 20
	open := func(kind frame.Kind, first int) rawFrame {
		return fOpen(1, 0, frame.Open{Kind: kind, Size: size, Name: []byte("n"), Body: make([]byte, first)})
	}
	reset := mk(frame.TypeReset, 1, 0, frame.AppendReset(nil, &frame.Reset{Code: frame.Canceled}))
	for _, c := range []struct {
		name   string
		frames []rawFrame
	}{
		{"nothing", []rawFrame{open(frame.KindCall, 0), reset}},
		{"nothing of a notify", []rawFrame{open(frame.KindNotify, 0), reset}},
		{"nothing of a message", []rawFrame{open(frame.KindMessage, 0), reset}},
		{"nothing of a size not announced", []rawFrame{fOpen(1, 0, frame.Open{Kind: frame.KindCall}), reset}},
		{"a byte in the open", []rawFrame{open(frame.KindCall, 1), reset}},
		{"a byte after the open", []rawFrame{open(frame.KindCall, 0), fData(1, 0, 1), reset}},
		{"a byte early", []rawFrame{open(frame.KindCall, 0), fData(1, flEarly, 1), reset}},
		{"a byte in each", []rawFrame{open(frame.KindCall, 1), fData(1, flEarly, 1), fData(1, 0, 1), reset}},
		{"100 bytes", []rawFrame{open(frame.KindCall, 50), fData(1, 0, 50), reset}},
		{"8 KiB", []rawFrame{open(frame.KindCall, 0), fData(1, 0, 8<<10), reset}},
		{"what is read in place", []rawFrame{open(frame.KindCall, 0), fData(1, 0, 8<<10), fData(1, 0, 8<<10), reset}},
		{"60 KiB", []rawFrame{open(frame.KindCall, 60<<10), reset}},
		{"120 KiB", []rawFrame{open(frame.KindCall, 60<<10), fData(1, 0, 60<<10), reset}},
		{"60 KiB of a message", []rawFrame{open(frame.KindMessage, 60<<10), reset}},
	} {
		for _, depth := range []uint8{0, MaxDepth} {
			t.Run(fmt.Sprintf("%s at depth %d", c.name, depth), func(t *testing.T) {
				m := newMiser(t, nil)
				m.acc.onAccept = func(x *Incoming) {
					if x.Kind == frame.KindMessage {
						x.Want()
					}
				}
				id := uint64(1)
				b := join(c.frames...)
				b[frame.HeaderLen+1] = depth
				once := func() {
					setID(b, id)
					id += 2
					m.send(b)
					for _, x := range m.acc.cancelled {
						x.TryReply(nil, nil)
					}
				}
				for range 10 {
					once()
					clear(m.acc.incoming[:cap(m.acc.incoming)])
				}
				m.sent = 0
				n := allocated(func() {
					for range 200 {
						m.acc.cancelled = m.acc.cancelled[:0]
						once()
					}
				})
				t.Logf("%d bytes allocated for %d sent: %.1f each", n, m.sent, float64(n)/float64(m.sent))
				if n > 64*m.sent {
					t.Errorf("%d bytes were allocated for %d", n, m.sent)
				}
			})
		}
	}
}

// TestAnnouncedAnswers: the same of answers to calls of ours, whose sizes the peer announces.
func TestAnnouncedAnswers(t *testing.T) {
	r := newRaw(t, nil)
	for i, c := range []struct{ early, granted int }{{0, 0}, {0, 1}, {1, 1}, {1, 9 << 10}, {40 << 10, 20 << 10}} {
		id := uint64(2 + 2*i)
		x := &Exchange{Sink: make(waitSink, 1)}
		if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall, Name: "m"}, nil); err != nil {
			t.Fatal(err)
		}
		var flags frame.Flags
		if c.early > 0 {
			flags = flEarly
		}
		r.ok(fHead(id, flags, frame.Head{Size: 4 << 20}, c.early))
		if c.granted > 0 {
			r.ok(fData(id, 0, c.granted))
		}
		if n := cap(x.asm.buf); n > 64*(c.early+c.granted) {
			t.Errorf("%d bytes are allocated after %d and %d", n, c.early, c.granted)
		}
		r.ok(fReset(id, frame.Internal))
		r.take()
	}
	checkRaw(t, r)
}

// TestHonestBodies: room for a body of up to 4 MiB is allocated once after its first frame, for a larger one a few times more.
func TestHonestBodies(t *testing.T) {
	for _, c := range []struct{ size, room int }{{128 << 10, 1}, {1 << 20, 1}, {3 << 20, 1}, {4 << 20, 1}, {64 << 20, 6}} {
		r := newRaw(t, func(c *Config) { c.Local.Body, c.BodyBudget = 64<<20, 64<<20 })
		const first, each = 64<<10 - 40, 32 << 10
		r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindCall, Size: uint32(c.size), Body: make([]byte, first)}))
		x := r.acc.incoming[0]
		last, moved := &x.asm.buf[0], 0
		for got := first; got < c.size-1; {
			n := min(each, c.size-1-got)
			r.ok(fData(1, 0, n))
			got += n
			if p := &x.asm.buf[0]; p != last {
				last, moved = p, moved+1
			}
			if n := cap(x.asm.buf); n > c.size+c.size/8 || len(x.asm.buf) != got {
				t.Fatalf("room for %d bytes of %d, %d are there", n, c.size, len(x.asm.buf))
			}
		}
		if moved > c.room {
			t.Errorf("a body of %d bytes moved %d times, want at most %d", c.size, moved, c.room)
		}
		r.ok(fData(1, flFin, 1))
		if len(x.Body) != c.size {
			t.Errorf("%d bytes of %d", len(x.Body), c.size)
		}
		x.Reply(t.Context(), nil, nil)
		r.take()
		checkRaw(t, r)
	}
}
