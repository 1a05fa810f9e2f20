package mux

import (
	"bytes"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

// lightSink keeps what Complete says.
type lightSink struct{ done bool }

func (s *lightSink) Complete(*Exchange) { s.done = true }

// loop is two scripted sessions joined without a goroutine: what one appends is handed to the other at once.
type loop struct {
	c, s *raw
	src  bytes.Reader
	fr   *frame.Reader
}

func (l *loop) Read(p []byte) (int, error) { return l.src.Read(p) }

// carry hands over what from has appended, and what was released.
func (l *loop) carry(t testing.TB, from, to *raw) {
	k := from.l
	k.Lock()
	from.Fill()
	b := k.log
	k.log, k.sent, k.acked = k.log[:0], k.end, k.end
	k.Unlock()
	var freed [frame.Groups]uint64
	for g, n := range to.l.freed {
		freed[g] = uint64(n)
	}
	if err := from.HandleReleased(freed); err != nil {
		t.Fatal(err)
	}
	l.src.Reset(b)
	for l.src.Len() > 0 || l.fr.Buffered() > 0 {
		h, err := l.fr.Next()
		if err == nil {
			err = to.HandleFrame(h, l.fr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// lightAcceptor answers at once.
type lightAcceptor struct {
	rawAcceptor
	answer []byte
}

func (a *lightAcceptor) NewExchange(frame.Kind) *Incoming { return &Incoming{} }
func (a *lightAcceptor) AcceptExchange(x *Incoming) {
	x.Dispatched()
	x.TryReply(nil, a.answer)
}

// TestLightPath: a small call costs the Incoming, its body and the answer's body, and nothing beside; a message
// with an empty answer less.
func TestLightPath(t *testing.T) {
	body := make([]byte, 100)
	for _, c := range []struct {
		kind         frame.Kind
		body, answer []byte
		most         float64
	}{
		{frame.KindCall, body, body, 3},
		{frame.KindMessage, body, nil, 2},
		{frame.KindNotify, nil, nil, 1},
	} {
		acc := &lightAcceptor{answer: c.answer}
		l := &loop{c: newRaw(t, func(c *Config) { c.Client = true }), s: newRaw(t, func(c *Config) { c.Acceptor = acc })}
		l.fr = frame.NewReader(l, frame.DefaultMaxPayload)
		sink := &lightSink{}
		x := &Exchange{Sink: sink}
		o := &Open{Kind: c.kind, Name: "a/method"}
		ctx := t.Context()
		n := testing.AllocsPerRun(200, func() {
			if err := l.c.Start(ctx, x, o, c.body); err != nil {
				t.Fatal(err)
			}
			l.carry(t, l.c, l.s)
			l.carry(t, l.s, l.c)
			if !sink.done || x.Err != nil || len(x.Body) != len(c.answer) || !x.Reusable {
				t.Fatalf("%v, %d bytes, reusable %v", x.Err, len(x.Body), x.Reusable)
			}
			sink.done = false
			x.Clear()
		})
		if n > c.most {
			t.Errorf("%v: %v allocations, want at most %v", c.kind, n, c.most)
		}
	}
}

// TestStreamAllocs: bytes that are read as they come cost no memory.
func TestStreamAllocs(t *testing.T) {
	l := &loop{c: newRaw(t, func(c *Config) { c.Client = true }), s: newRaw(t, nil)}
	l.fr = frame.NewReader(l, frame.DefaultMaxPayload)
	st, err := l.c.OpenStream(t.Context(), &Open{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.carry(t, l.c, l.s)
	peer := l.s.acc.streams[0]
	p := make([]byte, 16<<10)
	n := testing.AllocsPerRun(200, func() {
		if _, err := st.Write(p[:9<<10]); err != nil {
			t.Fatal(err)
		}
		st.Write(p[:100])
		l.carry(t, l.c, l.s)
		for got := 0; got < 9<<10+100; {
			n, err := peer.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
		l.carry(t, l.s, l.c)
	})
	if n > 1 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}
