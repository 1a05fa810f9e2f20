package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/oddity"
)

// TestPositionCounts sends frames of all kinds and wants the position to be
// their bytes: unknown ones that may be skipped count, link frames do not.
func TestPositionCounts(t *testing.T) {
	l, tap, p := scripted(t, nil)
	p.settle()
	var sent uint64
	seq := func(b []byte) {
		p.send(b)
		sent += uint64(len(b))
	}
	seq(data(2, []byte("one")))
	p.ack(0)
	seq(append(frame.AppendHeader(nil, frame.Header{Type: 0xC0, Length: 5, Flags: 0xFF, ID: 77}), "later"...))
	p.send(append(frame.AppendHeader(nil, frame.Header{Type: 0x40, Length: 5, ID: 1}), "later"...))
	seq(data(2, bytes.Repeat([]byte("x"), 60<<10)))
	seq(data(4, []byte("two")))
	g := tap.wantFrames(t, 3)
	if string(g[0].body) != "one" || len(g[1].body) != 60<<10 || string(g[2].body) != "two" || g[2].h.ID != 4 {
		t.Error("wrong frames")
	}
	p.ping(frame.TypePing, 42, 0)
	for {
		switch h, b := p.next(); h.Type {
		case frame.TypeAck:
		case frame.TypePong:
			x, _ := frame.ParsePing(b)
			if x.Opaque != 42 || x.Ack.Position != sent {
				t.Fatalf("PONG %d with position %d, want 42 and %d", x.Opaque, x.Ack.Position, sent)
			}
			p.bye(frame.OK, "", 0)
			if b := p.wantBye(); b.Position != sent {
				t.Errorf("BYE with position %d, want %d", b.Position, sent)
			}
			if s := l.Stats(); s.Received != sent || s.FramesIn < 8 {
				t.Errorf("stats %+v", s)
			}
			<-l.Done()
			return
		default:
			t.Fatalf("got a %v frame", h.Type)
		}
	}
}

// TestProtocolErrors breaks one rule per case, and wants a BYE with the reason
// and a ProtocolError.
func TestProtocolErrors(t *testing.T) {
	link := func(t frame.Type, p []byte) []byte { return message(t, p) }
	ack := func(pos uint64, rel ...uint64) []byte {
		a := frame.Ack{Position: pos}
		copy(a.Released[:], rel)
		return link(frame.TypeAck, frame.AppendAck(nil, a))
	}
	w, h := validWelcome(), validHello()
	head := func(h frame.Header) []byte { return frame.AppendHeader(nil, h) }
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"second WELCOME", link(frame.TypeWelcome, frame.AppendWelcome(nil, &w)), "WELCOME"},
		{"HELLO", link(frame.TypeHello, frame.AppendHello(nil, &h)), "HELLO"},
		{"CHALLENGE", link(frame.TypeChallenge, nil), "CHALLENGE"},
		{"REFUSE", link(frame.TypeRefuse, frame.AppendRefuse(nil, &frame.Refuse{})), "REFUSE"},
		{"unknown type", head(frame.Header{Type: 0x20}), "unknown"},
		{"unknown sequenced type", head(frame.Header{Type: 0xA0}), "unknown"},
		{"type 0", head(frame.Header{}), "unknown"},
		{"bad flag", head(frame.Header{Type: frame.TypeData, Flags: 0x80, Length: 1}), "flags"},
		{"id in a link frame", append(head(frame.Header{Type: frame.TypeAck, Length: 32, ID: 1}), make([]byte, 32)...), "id"},
		{"payload of max+1", head(frame.Header{Type: frame.TypeData, Length: frame.DefaultMaxPayload + 1, ID: 1}), "too long"},
		{"payload of 2^24-1", head(frame.Header{Type: frame.TypeData, Length: frame.MaxLength, ID: 1}), "too long"},
		{"short ACK", head(frame.Header{Type: frame.TypeAck, Length: 31}), "too short"},
		{"ack from the future", ack(1000), "position 1000"},
		{"released goes back", append(ack(0, 5, 5, 5), ack(0, 5, 4, 5)...), "goes back"},
		{"pong with a bad ack", link(frame.TypePong, frame.AppendPing(nil, &frame.Ping{Ack: frame.Ack{Position: 1}})), "position 1"},
		{"bye with a bad position", link(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{Position: 7})), "position 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, tap, p := scripted(t, nil)
			p.settle()
			p.send(tt.bytes)
			if b := p.wantBye(); b.Code != frame.Internal || !strings.Contains(b.Text, tt.want) || strings.Contains(b.Text, "gantline") {
				t.Errorf("BYE %v %q, want one about %q", b.Code, b.Text, tt.want)
			}
			p.nc.Close() // as a peer does that has read BYE
			err := tap.wantClose(t)
			var pe *ProtocolError
			if !errors.As(err, &pe) || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "gantline: ") != 1 {
				t.Errorf("closed with %q, want one about %q", err, tt.want)
			}
			if errors.Is(err, ErrSessionLost) || errors.Is(err, net.ErrClosed) {
				t.Errorf("%v is something else too", err)
			}
			<-l.Done()
			if l.State() != StateClosed || l.Err() != err {
				t.Errorf("%v, %v", l.State(), l.Err())
			}
		})
	}
}

// TestAckRange acknowledges less than before, and more than was sent.
func TestAckRange(t *testing.T) {
	for name, second := range map[string]uint64{"back": 10, "ahead": 41} {
		t.Run(name, func(t *testing.T) {
			l, tap, p := scripted(t, nil)
			p.settle()
			send(l, 1, make([]byte, 8))
			send(l, 1, make([]byte, 8))
			for n := 0; n < 2; n++ {
				p.want(frame.TypeData)
			}
			p.ack(20)
			p.ack(second)
			p.wantBye()
			p.bye(frame.OK, "", 20)
			var pe *ProtocolError
			if err := tap.wantClose(t); !errors.As(err, &pe) {
				t.Errorf("closed with %v", err)
			}
		})
	}
}

// TestHandlerError is a rule of the handler's that the peer broke.
func TestHandlerError(t *testing.T) {
	l, p := unstarted(t, nil)
	tap := newTap()
	calls := 0
	tap.onFrame = func(h frame.Header, r *frame.Reader) error {
		calls++
		var one [1]byte
		if err := r.ReadFull(one[:]); err != nil {
			return err
		}
		return &StreamRule{frame.ResourceExhausted}
	}
	l.Start(tap)
	p.settle()
	p.send(append(data(2, []byte("xyz")), data(2, []byte("never seen"))...))
	if b := p.wantBye(); b.Code != frame.ResourceExhausted || b.Text != "too much" || b.Position != 0 {
		t.Errorf("BYE %+v", b)
	}
	p.send(data(2, []byte("nor this")))
	p.bye(frame.OK, "", 0)
	err := tap.wantClose(t)
	var r *StreamRule
	if !errors.As(err, &r) || !errors.Is(err, frame.ResourceExhausted) || calls != 1 {
		t.Errorf("closed with %v after %d calls", err, calls)
	}
	<-l.Done()
}

// StreamRule is an error with a code of its own.
type StreamRule struct{ frame.Code }

func (*StreamRule) Error() string   { return "gantline: too much" }
func (r *StreamRule) Unwrap() error { return r.Code }

// TestTornFrame ends the carrier inside a payload: that is no protocol error,
// whether or not the handler was reading it, and the frame does not count.
func TestTornFrame(t *testing.T) {
	whole := data(2, []byte("whole"))
	for name, read := range map[string]func(h frame.Header, r *frame.Reader) error{
		"payload": nil,
		"full": func(h frame.Header, r *frame.Reader) error {
			return r.ReadFull(make([]byte, h.Length))
		},
		"skipped": func(frame.Header, *frame.Reader) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			l, p := unstarted(t, nil)
			tap := newTap()
			tap.onFrame = read
			l.Start(tap)
			p.settle()
			p.send(whole)
			p.send(data(2, make([]byte, 5000))[:4000])
			p.nc.Close()
			err := tap.wantClose(t)
			var pe *ProtocolError
			if !errors.Is(err, ErrSessionLost) || errors.As(err, &pe) || errors.Is(err, io.EOF) {
				t.Errorf("closed with %v", err)
			}
			<-l.Done()
			if got := l.Stats().Received; got != uint64(len(whole)) {
				t.Errorf("position %d, want %d", got, len(whole))
			}
		})
	}
}

// TestFloods sends what costs the peer little until the budget is used up.
func TestFloods(t *testing.T) {
	for name, tt := range map[string]struct {
		one   []byte
		limit int
	}{
		"ping":               {message(frame.TypePing, frame.AppendPing(nil, &frame.Ping{})), oddity.MaxCheap},
		"pong":               {message(frame.TypePong, frame.AppendPing(nil, &frame.Ping{Opaque: 999})), oddity.MaxOdd},
		"empty ack":          {message(frame.TypeAck, frame.AppendAck(nil, frame.Ack{})), oddity.MaxCheap},
		"unknown":            {frame.AppendHeader(nil, frame.Header{Type: 0x41}), oddity.MaxOdd},
		"unknown, sequenced": {frame.AppendHeader(nil, frame.Header{Type: 0xC1}), oddity.MaxOdd},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, tap, p := scripted(t, nil)
				p.settle()
				go io.Copy(io.Discard, p.nc)
				begin := time.Now()
				for range tt.limit {
					p.nc.Write(tt.one)
				}
				synctest.Wait()
				if l.State() != StateUp {
					t.Fatalf("closed within the limit: %v", l.Err())
				}
				for range 100 {
					p.nc.Write(tt.one)
				}
				err := tap.wantClose(t)
				var pe *ProtocolError
				if !errors.As(err, &pe) || pe.Code != frame.ResourceExhausted || !strings.Contains(err.Error(), strconv.Itoa(tt.limit)) {
					t.Errorf("closed with %v", err)
				}
				if s := l.Stats(); s.Odd+s.Cheap != uint64(tt.limit)+1 {
					t.Errorf("%d and %d in the stats", s.Odd, s.Cheap)
				}
				if d := time.Since(begin); d > lingerTimeout {
					t.Errorf("closed after %v", d)
				}
			})
		})
	}
}

// TestNoFlood sends as many over a longer time.
func TestNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		p.settle()
		go io.Copy(io.Discard, p.nc)
		tick := time.NewTicker(oddity.Window / 900)
		defer tick.Stop()
		for range 3000 {
			p.ping(frame.TypePing, 1, 0)
			<-tick.C
		}
		if l.State() != StateUp {
			t.Error(l.State())
		}
	})
}

// TestPongCoalesces sends many pings to a link whose writer is stuck: one PONG
// comes, to the last.
func TestPongCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		p.settle()
		nc := l.NetConn().(interface{ BlockWrites(bool) })
		nc.BlockWrites(true)
		for i := range 500 {
			p.ping(frame.TypePing, uint64(i), 0)
		}
		synctest.Wait()
		nc.BlockWrites(false)
		var last uint64
		n := 0
		for ; last != 499; n++ {
			x, _ := frame.ParsePing(p.want(frame.TypePong))
			last = x.Opaque
		}
		if n > 2 {
			t.Errorf("%d PONGs", n)
		}
	})
}

// TestConfirmed wants the first frame of the peer to confirm the link.
func TestConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, p := scripted(t, nil)
		synctest.Wait()
		select {
		case <-l.Confirmed():
			t.Error("confirmed before the peer has said anything")
		default:
		}
		p.ping(frame.TypePing, 7, 0)
		<-l.Confirmed()
	})
}
