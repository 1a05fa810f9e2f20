package mux

import (
	"runtime"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// TestOpenResetPairs: a peer may open and reset as often as it likes, or open what is refused: nothing of it stays.
func TestOpenResetPairs(t *testing.T) {
	md := labelled(2000)
	for _, c := range []struct {
		name   string
		before frame.Open // opened as often as there may be, if it has a name
		open   frame.Open
	}{
		{"calls", frame.Open{}, frame.Open{Kind: frame.KindCall, Size: 4 << 20, Metadata: md}},
		{"messages", frame.Open{}, frame.Open{Kind: frame.KindMessage, Parent: 1, Size: 4 << 20, Body: md}},
		{"streams", frame.Open{}, frame.Open{Kind: frame.KindStream, Metadata: md}},
		{"streaming calls", frame.Open{}, frame.Open{Kind: frame.KindStreamingCall, Metadata: md, Body: md}},
		{"refused streams", frame.Open{Kind: frame.KindStream, Name: []byte("n")}, frame.Open{Kind: frame.KindStream, Body: md}},
		{"refused calls", frame.Open{Kind: frame.KindCall, Depth: 3, Name: []byte("n")}, frame.Open{Kind: frame.KindCall, Depth: 3, Metadata: md}},
		{"refused for their metadata", frame.Open{Kind: frame.KindMessage, Name: []byte("n"), Metadata: labelled(8000)}, frame.Open{Kind: frame.KindMessage, Metadata: labelled(8000), Body: md}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMiser(t, func(c *Config) { c.Local.Streams, c.Local.Calls, c.Local.Messages = 100, 100, 1000 })
			taken := 0
			m.acc.onAccept = func(*Incoming) { taken++ }
			m.send(fOpen(1, 0, frame.Open{}).bytes()) // the parent
			id := uint64(3)
			for range 200 {
				if c.before.Name != nil {
					m.send(fOpen(id, 0, c.before).bytes())
				}
				id += 2
			}
			pair := join(fOpen(1, 0, c.open), fReset(1, frame.Canceled))
			once := func() {
				setID(pair, id)
				id += 2
				m.send(pair)
				for _, x := range m.acc.cancelled {
					x.TryReply(nil, nil)
				}
				for _, st := range m.acc.streams {
					st.Close()
				}
				taken += len(m.acc.streams)
				m.acc.cancelled, m.acc.streams = m.acc.cancelled[:0], m.acc.streams[:0]
			}
			for range 1000 {
				once()
			}
			before := inUse()
			taken = 0
			for range manyPairs {
				once()
			}
			n := inUse() - before
			t.Logf("%d pairs hold %d bytes", manyPairs, n)
			if n > 1<<20 {
				t.Errorf("%d pairs hold %d bytes", manyPairs, n)
			}
			if refused := c.before.Name != nil; refused != (taken == 0) {
				t.Errorf("%d were taken", taken)
			}
			if n := m.Held(); n > 300*12<<10 {
				t.Errorf("%d bytes are held", n)
			}
		})
	}
}

// inUse returns how many bytes are in use.
func inUse() int {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}
