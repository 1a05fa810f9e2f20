package vectors

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// player takes the part of one side of a script, byte for byte, against a real other side.
//
// Of the real side, the frames of its log and those of handshakes must be the script's bytes, a BYE must have the
// script's code and position. PING, PONG and ACK stand where they like: the player answers, and looks at what they say.
type player struct {
	*script
	r    *real
	role string // that it plays
	near *memnet.Conn
	up   bool // PING may be sent
	at   int  // step
	seen [frame.Groups]uint64

	mu      sync.Mutex // guards what follows
	in      []byte     // read and not yet looked at
	readers sync.WaitGroup
}

// playAll plays x with a real side for each part that a real program may take.
func playAll(t *testing.T, x *script) {
	for _, part := range x.parts {
		t.Run(x.name+"/"+part, func(t *testing.T) {
			was := rand.Reader
			rand.Reader = draws(part)
			defer func() { rand.Reader = was }()
			synctest.Test(t, func(t *testing.T) {
				p := &player{script: x, role: other(part), r: newReal(t, part, x.limits[part])}
				p.r.config = x.ends[part]
				p.play(t)
			})
		})
	}
}

func (p *player) errorf(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Errorf("step %d: %s", p.at, fmt.Sprintf(format, args...))
}

func (p *player) play(t *testing.T) {
	p.dial()
	for i, s := range p.steps {
		p.at = i
		switch {
		case t.Failed():
		case s.wait > 0:
			<-time.After(time.Duration(s.wait) * time.Millisecond)
			synctest.Wait()
		case s.carrier == "cut":
			p.near.Cut()
			p.readers.Wait()
			synctest.Wait()
			p.up, p.in = false, nil
		case s.carrier == "new":
			p.dial()
		case s.app == p.r.role:
			if s.do != nil {
				s.do(p.r)
				synctest.Wait()
			}
		case s.app != "":
		case s.from == p.role:
			p.say(t, s)
		default:
			p.hear(t, s)
		}
		p.control(t)
	}
	if p.r.mux != nil && !t.Failed() {
		if n, want := p.r.mux.Count(), p.sides[p.r.role].count(); n != want && p.r.link.Err() == nil {
			t.Errorf("%d streams are open at the end, want %d", n, want)
		}
		if b := p.next(t); b != nil {
			t.Errorf("the real side has sent more: %x", b)
		}
	}
	if p.r.link != nil {
		p.r.link.Abort(nil)
		<-p.r.link.Done()
	}
	if p.r.end != nil {
		_ = p.r.end.Close()
	}
	p.near.Cut()
	<-p.r.result
	p.r.work.Wait()
	p.readers.Wait()
}

// dial gives the real side a carrier.
func (p *player) dial() {
	near, far := memnet.Pipe()
	p.near = near
	p.r.carrier(far)
	p.readers.Add(1)
	go func() { // ends with the carrier
		defer p.readers.Done()
		buf := make([]byte, 64<<10)
		for {
			n, err := near.Read(buf)
			p.mu.Lock()
			p.in = append(p.in, buf[:n]...)
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	synctest.Wait()
}

// say writes what the player's side says.
func (p *player) say(t *testing.T, s *step) {
	t.Helper()
	if s.lost {
		return
	}
	if _, err := p.near.Write(s.bytes); err != nil {
		p.errorf(t, "%v", err)
		return
	}
	synctest.Wait()
	switch s.h.Type {
	case frame.TypeWelcome:
		p.up = true
		return
	case frame.TypeHello, frame.TypeRefuse, 0:
		return
	case frame.TypeBye:
		p.up = false
	}
	p.check(t, s)
}

// check asks the real side for its position.
func (p *player) check(t *testing.T, s *step) {
	t.Helper()
	if !p.up {
		return
	}
	me := p.steps[p.at]
	x := frame.Ping{Opaque: 1<<32 + uint64(p.at), Ack: frame.Ack{Position: me.received[p.role], Released: me.released[p.role]}}
	if _, err := p.near.Write(link(frame.TypePing, frame.AppendPing(nil, &x))); err != nil {
		p.errorf(t, "%v", err)
		return
	}
	synctest.Wait()
	found := false
	p.each(func(h frame.Header, b []byte) bool {
		if h.Type != frame.TypePong {
			if h.Type == frame.TypeBye { // nothing follows it
				found, p.up = true, false
			}
			return false
		}
		pong, err := frame.ParsePing(b)
		if err != nil || pong.Opaque != x.Opaque {
			return false
		}
		found = true
		if want := s.received[p.r.role]; pong.Ack.Position != want {
			p.errorf(t, "after %v the real side has received %d bytes, want %d", s.h.Type, pong.Ack.Position, want)
		}
		for g, n := range pong.Ack.Released {
			if n > s.after.Early[g] || n < p.seen[g] {
				p.errorf(t, "the real side says that it has released %d bytes of group %d, of %d", n, g, s.after.Early[g])
			}
			p.seen[g] = n
		}
		return true
	})
	if !found {
		p.errorf(t, "no PONG after %v; it sent %x", s.h.Type, p.in)
	}
}

// hear compares what the real side has said with the script.
func (p *player) hear(t *testing.T, s *step) {
	t.Helper()
	switch s.h.Type {
	case frame.TypePing, frame.TypePong, frame.TypeAck:
		return
	case 0:
		if len(p.in) < len(s.bytes) || !bytes.Equal(p.in[:len(s.bytes)], s.bytes) {
			p.errorf(t, "got %x, want %s", p.in, s.note)
			return
		}
		p.in = p.in[len(s.bytes):]
		return
	}
	got := p.next(t)
	switch {
	case got == nil:
		p.errorf(t, "the real side has not sent %v: %s", s.h.Type, s.note)
	case s.h.Type == frame.TypeBye || s.h.Type == frame.TypeRefuse:
		if a, b := textless(got), textless(s.bytes); !bytes.Equal(a, b) {
			p.errorf(t, "got %x\nwant %x", a, b)
		}
	case !bytes.Equal(got, s.bytes):
		p.errorf(t, "got  %x\nwant %x", got, s.bytes)
	}
	if s.h.Type == frame.TypeWelcome {
		p.up = true
	}
}

// textless is a BYE or REFUSE without its text, which every program may word as it likes.
func textless(b []byte) []byte {
	h, _ := frame.ParseHeader(b)
	if x, err := frame.ParseBye(b[frame.HeaderLen:]); h.Type == frame.TypeBye && err == nil {
		x.Text = ""
		return link(h.Type, frame.AppendBye(nil, &x))
	}
	if x, err := frame.ParseRefuse(b[frame.HeaderLen:]); h.Type == frame.TypeRefuse && err == nil {
		x.Text = ""
		return link(h.Type, frame.AppendRefuse(nil, &x))
	}
	return b
}

// each calls f for the frames that have come, and takes out those for which it returns true.
func (p *player) each(f func(h frame.Header, payload []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []byte
	for b := p.in; ; {
		h, err := frame.ParseHeader(b)
		n := frame.HeaderLen + int(h.Length)
		if err != nil || len(b) < n || p.role == server && !p.greeted() {
			p.in = append(left, b...)
			return
		}
		if !f(h, b[frame.HeaderLen:n]) {
			left = append(left, b[:n]...)
		}
		b = b[n:]
	}
}

// greeted reports whether the preface of the newest carrier has been taken.
func (p *player) greeted() bool { return len(p.in) < 1 || p.in[0] != 0x8A }

// next takes the next frame that is not ACK, PING or PONG; nil = there is none.
func (p *player) next(t *testing.T) (b []byte) {
	p.control(t)
	p.each(func(h frame.Header, payload []byte) bool {
		if b != nil {
			return false
		}
		b = encode(h, bytes.Clone(payload))
		return true
	})
	return b
}

// control takes ACK, PING and PONG out, and answers: a PONG may bring the next PING.
func (p *player) control(t *testing.T) {
	t.Helper()
	for p.answerPings(t) {
		synctest.Wait()
	}
}

func (p *player) answerPings(t *testing.T) bool {
	t.Helper()
	me := p.steps[p.at]
	var pongs [][]byte
	p.each(func(h frame.Header, b []byte) bool {
		var a frame.Ack
		switch h.Type {
		case frame.TypeAck:
			a, _ = frame.ParseAck(b)
		case frame.TypePing, frame.TypePong:
			x, _ := frame.ParsePing(b)
			a = x.Ack
			if x.Ack = (frame.Ack{Position: me.received[p.role], Released: me.released[p.role]}); h.Type == frame.TypePing {
				pongs = append(pongs, link(frame.TypePong, frame.AppendPing(nil, &x)))
			}
		default:
			return false
		}
		if a.Position > p.sides[p.role].sent {
			p.errorf(t, "%v acknowledges %d", h.Type, a.Position)
		}
		return true
	})
	for _, b := range pongs {
		if _, err := p.near.Write(b); err != nil && err != io.EOF && p.up {
			p.errorf(t, "%v", err)
		}
	}
	return len(pongs) > 0
}
