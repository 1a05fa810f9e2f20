package mux

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// fuzzAcceptor does something else with every stream.
type fuzzAcceptor struct {
	testAcceptor
	n int
}

func (a *fuzzAcceptor) AcceptStream(st *Stream) {
	switch a.n++; a.n % 6 {
	case 0:
		st.Accept()
	case 1:
		st.Reset(frame.Aborted, "")
	case 2:
		st.Close()
	case 3:
		st.CloseRead()
	case 4:
		st.Write([]byte("hello"))
		st.CloseWrite()
	}
}

func (a *fuzzAcceptor) HandleDrain(frame.Drain) func() { return nil }

// FuzzYamuxReader gives the bytes in to a session whose writer runs after every read of the connection, and
// checks what it says.
func FuzzYamuxReader(f *testing.F) {
	add := func(hs ...yamuxHeader) {
		var b []byte
		for _, h := range hs {
			b = appendYamux(b, h)
			if h.kind == yamuxData {
				b = append(b, make([]byte, min(h.length, 1000))...)
			}
		}
		f.Add(b, true, uint16(7))
		f.Add(b, false, uint16(4096))
	}
	add(yamuxHeader{1, 1, 1, 0}, yamuxHeader{0, 0, 1, 5}, yamuxHeader{1, 4, 1, 0})
	add(yamuxHeader{1, 1, 2, 0}, yamuxHeader{0, 0, 2, 5}, yamuxHeader{1, 4, 2, 0})
	add(yamuxHeader{1, 2, 1, 0}, yamuxHeader{1, 2, 2, 100}, yamuxHeader{0, 4, 1, 9}, yamuxHeader{0, 4, 2, 9})
	add(yamuxHeader{0, 5, 3, 9}, yamuxHeader{0, 1, 1, 9}, yamuxHeader{0, 9, 4, 9}, yamuxHeader{0, 1, 2, 9})
	add(yamuxHeader{1, 8, 1, 0}, yamuxHeader{1, 8, 2, 4097}, yamuxHeader{2, 1, 0, 7}, yamuxHeader{2, 2, 0, 1}, yamuxHeader{3, 0, 0, 0})
	add(yamuxHeader{1, 1, 1, 0}, yamuxHeader{1, 1, 3, 0}, yamuxHeader{1, 1, 5, 0}, yamuxHeader{1, 1, 7, 0}, yamuxHeader{0, 0, 5, 300}, yamuxHeader{0, 0, 7, 400})
	add(yamuxHeader{1, 1, 1, 1 << 31}, yamuxHeader{1, 0, 1, 1 << 31})
	add(yamuxHeader{3, 0, 0, 1})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), true, uint16(100))

	f.Fuzz(func(t *testing.T, in []byte, client bool, piece uint16) {
		a, b := memnet.Pipe()
		defer a.Close()
		defer b.Close()
		cfg := YamuxConfig{Acceptor: &fuzzAcceptor{}, Logger: quiet, Limits: frame.Limits{Streams: 8, Backlog: 6}}
		y, err := newYamux(a, &cfg, client) // without goroutines
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			st, err := y.s.OpenStream(t.Context(), &Open{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			st.Write([]byte("opened here"))
		}
		y.in.src = &fuzzSource{t: t, y: y, r: bytes.NewReader(in), piece: max(int(piece), 1)}
		err = y.readFrames()
		if err == nil {
			t.Fatal("reading ended without an error")
		}
		var ye *YamuxError
		if y.in.err == nil && err != io.EOF && !errors.As(err, &ye) { // a violation: the peer learns of it
			y.accuse(err)
			if !errors.Is(y.Err(), ErrYamuxProtocol) {
				t.Fatal(y.Err())
			}
			y.l.life.killer.Stop()
		}
		checkYamuxOutput(t, y)
		y.s.HandleClose(err)
		if n := y.s.Count(); n != 0 {
			t.Fatalf("%d streams are left", n)
		}
	})
}

// fuzzSource is the connection's input in pieces.
type fuzzSource struct {
	t     *testing.T
	y     *Yamux
	r     *bytes.Reader
	piece int
}

func (s *fuzzSource) Read(p []byte) (int, error) {
	checkYamuxOutput(s.t, s.y)
	return s.r.Read(p[:min(len(p), s.piece)])
}

// checkYamuxOutput does one round of the writer's and checks that its output is well formed.
func checkYamuxOutput(t *testing.T, y *Yamux) {
	l := y.l
	l.Lock()
	y.s.Fill()
	batch := l.takeLocked(nil)
	out := l.controlLocked(nil)
	taken := l.log.taken
	l.Unlock()
	y.mu.Lock()
	for _, p := range batch {
		out = append(out, p.buf[:y.translateLocked(p.buf[:p.n])]...)
	}
	known := len(y.streams)
	y.mu.Unlock()
	freeYamuxPieces(batch)
	y.flushed(taken)
	if known > 2*8+maxRefused+1 {
		t.Fatalf("%d streams are known", known)
	}
	for len(out) > 0 {
		if len(out) < yamuxHeaderLen {
			t.Fatalf("%d bytes after the last frame", len(out))
		}
		h, err := parseYamux(out)
		if err != nil {
			t.Fatal(err)
		}
		out = out[yamuxHeaderLen:]
		if h.kind == yamuxData {
			if int(h.length) > len(out) || h.length == 0 || h.flags&(yamuxFIN|yamuxRST) != 0 {
				t.Fatalf("%+v with %d bytes after it", h, len(out))
			}
			out = out[h.length:]
		}
	}
}
