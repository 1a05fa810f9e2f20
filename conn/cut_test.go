package conn

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// plain returns two links that look as if they had shaken hands. An ACK is due
// every ackAlone bytes.
func plain(a, b net.Conn, ackAlone uint64) (c, s *Link) {
	cfg, err := (&Config{Logger: quiet}).withDefaults()
	if err != nil {
		panic(err)
	}
	c, s = newLink(a, cfg, true), newLink(b, cfg, false)
	for _, l := range []*Link{c, s} {
		l.peer = Peer{ID: "peer", Limits: cfg.Limits, Heartbeat: cfg.Heartbeat}
		l.peerReady(l.carrier())
		l.recv.ackAlone = ackAlone
		l.event(evCarrier)
		l.event(evUp)
	}
	return c, s
}

// witness is a Handler that sends frames a few at a time, and when the link has
// ended compares its log with what the other side has received.
type witness struct {
	l      *Link
	frames [][]byte // to be sent, encoded
	next   int
	got    []byte // received, encoded
	n      int
	all    chan struct{} // closed when as many were received as are sent
	mine   chan uint64   // our position, for the other side
	theirs chan uint64
	result chan error
}

func newWitness(l *Link, frames [][]byte, mine, theirs chan uint64) *witness {
	return &witness{l: l, frames: frames, mine: mine, theirs: theirs, all: make(chan struct{}), result: make(chan error, 1)}
}

func (w *witness) HandleFrame(h frame.Header, r *frame.Reader) error {
	p, err := r.Payload()
	if err != nil {
		return err
	}
	w.got = append(frame.AppendHeader(w.got, h), p...)
	if w.n++; w.n == len(w.frames) {
		close(w.all)
	}
	return nil
}

func (w *witness) HandleReleased([frame.Groups]uint64) error { return nil }

func (w *witness) Fill() (waiting bool) {
	for range 7 {
		if w.next == len(w.frames) {
			return false
		}
		f := w.frames[w.next]
		if w.l.Room() < len(f) {
			return true
		}
		copy(w.l.Alloc(len(f)), f)
		w.next++
	}
	w.l.Wake()
	return false
}

// HandleClose waits for the other side's, which tests may do.
func (w *witness) HandleClose(error) {
	w.mine <- w.l.recv.position.Load()
	w.result <- w.check(<-w.theirs)
}

// check rewinds the log to pos, which the peer has received, and wants to find
// exactly the rest in it.
func (w *witness) check(pos uint64) error {
	w.l.Lock()
	defer w.l.Unlock()
	g := &w.l.send.log
	if g.acked > pos || pos > g.sent || g.sent > g.appended {
		return fmt.Errorf("acked %d, received %d, sent %d, appended %d", g.acked, pos, g.sent, g.appended)
	}
	if err := g.rewind(pos); err != nil {
		return err
	}
	all := bytes.Join(w.frames[:w.next], nil)
	if uint64(len(all)) != g.appended {
		return fmt.Errorf("appended %d bytes, the log says %d", len(all), g.appended)
	}
	if !bytes.Equal(g.from(pos), all[pos:]) {
		return fmt.Errorf("the log after %d is not what is missing", pos)
	}
	for g.unsent() > 0 { // the next carrier
		g.take(nil, flushSize)
		g.unpin()
	}
	g.ack(g.appended)
	if g.mem != 0 || g.unacked() != 0 {
		return fmt.Errorf("the log holds %d bytes when everything is acknowledged", g.mem)
	}
	return nil
}

// exchange moves frames both ways over a carrier that is cut when the client
// (or the server) has written n bytes, and returns what the checks say.
func exchange(up, down [][]byte, n int, server bool, opts ...memnet.Option) (pos [2]uint64, err error) {
	a, b := memnet.Pipe(opts...)
	c, s := plain(a, b, 100)
	p1, p2 := make(chan uint64, 1), make(chan uint64, 1)
	cw, sw := newWitness(c, up, p1, p2), newWitness(s, down, p2, p1)
	if server {
		b.CutAfter(n)
	} else {
		a.CutAfter(n)
	}
	c.Start(cw)
	s.Start(sw)
	for _, w := range []*witness{cw, sw} {
		w.l.Lock()
		w.l.Wake()
		w.l.Unlock()
	}
	for _, w := range []*witness{cw, sw} {
		select {
		case <-w.all:
		case <-w.l.Done():
		}
	}
	c.Abort(nil)
	<-c.Done()
	<-s.Done()
	err = errors.Join(<-cw.result, <-sw.result)
	for i, w := range [][2]*witness{{cw, sw}, {sw, cw}} {
		pos[i] = w[1].l.recv.position.Load()
		sent := bytes.Join(w[0].frames, nil)
		if uint64(len(w[1].got)) != pos[i] || !bytes.Equal(w[1].got, sent[:pos[i]]) {
			err = errors.Join(err, fmt.Errorf("handed over %d bytes, counted %d", len(w[1].got), pos[i]))
		}
	}
	return pos, err
}

// randomFrames returns encoded frames with bodies of 1 to max bytes.
func randomFrames(r *rand.Rand, n, max int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		body := make([]byte, 1+r.IntN(max))
		for j := range body {
			body[j] = byte(r.Uint32())
		}
		out[i] = data(uint64(1+2*r.IntN(4)), body)
	}
	return out
}

// TestCutAtEveryByte cuts the carrier at every byte of an exchange of 200
// frames, from either side. Whatever the cut tore, the log of each side holds
// exactly what the other has not received, byte for byte. The race detector
// makes it slow: then a random one of 16 bytes must do.
func TestCutAtEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	up, down := randomFrames(r, 100, 16), randomFrames(r, 100, 16)
	total := len(bytes.Join(up, nil)) + 100*20 // and what is not sequenced
	for _, server := range []bool{false, true} {
		ends := make(map[uint64]bool)
		for n := 0; n < total; n++ {
			if raceEnabled && rand.IntN(16) != 0 {
				continue
			}
			pos, err := exchange(up, down, n, server)
			if err != nil {
				t.Fatalf("cut at byte %d (of the server: %v): %v", n, server, err)
			}
			ends[pos[0]], ends[pos[1]] = true, true
		}
		if len(ends) < 50 {
			t.Errorf("all cuts left only %d positions", len(ends))
		}
	}
}

// TestCutBulk cuts an exchange of large frames at random bytes, over a carrier
// that gives small pieces.
func TestCutBulk(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	up, down := randomFrames(r, 100, 64<<10), randomFrames(r, 100, 20<<10)
	total := len(bytes.Join(up, nil))
	for i := range 40 {
		if raceEnabled && i%4 != 0 {
			continue
		}
		n := r.IntN(total)
		if _, err := exchange(up, down, n, i%2 == 1, memnet.WithMaxRead(30_000), memnet.WithBuffer(50_000), memnet.WithSeed(uint64(i))); err != nil {
			t.Fatalf("cut at byte %d: %v", n, err)
		}
	}
}
