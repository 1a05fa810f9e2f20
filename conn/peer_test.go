package conn

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// peer is the other end of a link, written by hand.
type peer struct {
	testing.TB
	nc net.Conn
	r  *frame.Reader
}

// scripted returns a client link and the server that the test plays.
func scripted(tb testing.TB, cfg *Config, opts ...memnet.Option) (*Link, *tap, *peer) {
	tb.Helper()
	l, p := unstarted(tb, cfg, opts...)
	t := newTap()
	l.Start(t)
	return l, t, p
}

func unstarted(tb testing.TB, cfg *Config, opts ...memnet.Option) (*Link, *peer) {
	tb.Helper()
	a, b := memnet.Pipe(opts...)
	type result struct {
		l   *Link
		err error
	}
	done := make(chan result, 1)
	go func() {
		l, err := Client(context.Background(), a, silent(cfg))
		done <- result{l, err}
	}()
	p := &peer{TB: tb, nc: b}
	p.readPreface()
	p.r = frame.NewReader(b, frame.DefaultMaxPayload)
	p.want(frame.TypeHello)
	p.welcome(nil)
	res := <-done
	if res.err != nil {
		tb.Fatal(res.err)
	}
	tb.Cleanup(func() {
		b.Close()
		abort(res.l)
	})
	return res.l, p
}

func (p *peer) readPreface() {
	p.Helper()
	b := make([]byte, frame.PrefaceLen)
	if _, err := io.ReadFull(p.nc, b); err != nil {
		p.Fatal(err)
	}
	if v, err := frame.ParsePreface(b); err != nil || v != frame.Version {
		p.Fatal(v, err)
	}
}

// welcome sends a WELCOME, changed by f.
func (p *peer) welcome(f func(*frame.Welcome)) {
	p.Helper()
	w := validWelcome()
	if f != nil {
		f(&w)
	}
	p.send(message(frame.TypeWelcome, frame.AppendWelcome(nil, &w)))
}

func validShare() (share [32]byte) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return [32]byte(k.PublicKey().Bytes())
}

func validWelcome() frame.Welcome {
	return frame.Welcome{
		Version:   frame.Version,
		Limits:    DefaultLimits(),
		Heartbeat: 15000,
		Expiry:    60000,
		Session:   [16]byte{1},
		Share:     validShare(),
		ServerID:  "server",
		ClientID:  "client",
	}
}

func validHello() frame.Hello {
	return frame.Hello{
		MinVersion: frame.Version,
		MaxVersion: frame.Version,
		Limits:     DefaultLimits(),
		Heartbeat:  15000,
		Expiry:     60000,
		Share:      validShare(),
		ID:         "client",
	}
}

func (p *peer) send(b []byte) {
	p.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.Fatal(err)
	}
}

func (p *peer) ack(pos uint64, released ...uint64) {
	p.Helper()
	a := frame.Ack{Position: pos}
	copy(a.Released[:], released)
	p.send(message(frame.TypeAck, frame.AppendAck(nil, a)))
}

func (p *peer) ping(t frame.Type, opaque, pos uint64) {
	p.Helper()
	p.send(message(t, frame.AppendPing(nil, &frame.Ping{Opaque: opaque, Ack: frame.Ack{Position: pos}})))
}

func (p *peer) bye(code frame.Code, text string, pos uint64) {
	p.Helper()
	p.send(message(frame.TypeBye, frame.AppendBye(nil, &frame.Bye{Code: code, Text: text, Position: pos})))
}

// next reads one frame; the payload is a copy.
func (p *peer) next() (frame.Header, []byte) {
	p.Helper()
	h, err := p.r.Next()
	if err != nil {
		p.Fatalf("next frame: %v", err)
	}
	b, err := p.r.Payload()
	if err != nil {
		p.Fatal(err)
	}
	return h, slices.Clone(b)
}

// want reads one frame, which must be of type t, and returns its payload.
func (p *peer) want(t frame.Type) []byte {
	p.Helper()
	h, b := p.next()
	if h.Type != t {
		p.Fatalf("got a %v frame, want %v", h.Type, t)
	}
	return b
}

func (p *peer) wantPing() frame.Ping {
	p.Helper()
	x, err := frame.ParsePing(p.want(frame.TypePing))
	if err != nil {
		p.Fatal(err)
	}
	return x
}

// settle answers the pings that a link begins with.
func (p *peer) settle() {
	p.Helper()
	for range startupPings {
		p.ping(frame.TypePong, p.wantPing().Opaque, 0)
	}
}

func (p *peer) wantBye() frame.Bye {
	p.Helper()
	b, err := frame.ParseBye(p.want(frame.TypeBye))
	if err != nil {
		p.Fatal(err)
	}
	return b
}

// wantIdle checks that nothing comes within d. Only in a synctest bubble.
func (p *peer) wantIdle(d time.Duration) {
	p.Helper()
	p.nc.SetReadDeadline(time.Now().Add(d))
	defer p.nc.SetReadDeadline(time.Time{})
	var b [64]byte
	if n, err := p.nc.Read(b[:]); n > 0 {
		h, _ := frame.ParseHeader(b[:n])
		p.Fatalf("got a %v frame, want nothing", h.Type)
	} else if ne := net.Error(nil); !errors.As(err, &ne) || !ne.Timeout() {
		p.Fatalf("got %v, want nothing", err)
	}
}

// wantEnd checks that the link hangs up.
func (p *peer) wantEnd() {
	p.Helper()
	if h, err := p.r.Next(); err == nil {
		p.Fatalf("got a %v frame, want the end", h.Type)
	}
}
