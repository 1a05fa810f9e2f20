package attack

import (
	"crypto/tls"
	"io"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// Strangers do not get as far as a session, or do not want one.

// stranger connects and does something that is no handshake.
func stranger(act func(p *peer)) func(*attacker, int) {
	return func(a *attacker, _ int) {
		p := a.connect()
		if p == nil {
			return
		}
		defer p.close()
		act(p)
	}
}

// claims shakes hands with a HELLO that change has made wrong.
func claims(change func(h *frame.Hello)) func(*attacker, int) {
	return stranger(func(p *peer) {
		h := hello(p.a.name("claim"))
		change(&h)
		if p.greet(h) {
			_, _, _ = p.next(false)
		}
	})
}

// long is an attack that holds a connection until the time is over.
func long(first func(p *peer)) func(*attacker, int) {
	return stranger(func(p *peer) {
		first(p)
		go func() { _, _ = io.Copy(io.Discard, p.nc) }() // ends with p
		p.a.rest(time.Minute)
	})
}

var strangers = []attack{
	{name: "silent", conns: 200, run: long(func(*peer) {})},
	{name: "one byte", conns: 200, run: long(func(p *peer) { p.send([]byte{0x8A}) })},
	{name: "half a HELLO", conns: 200, run: long(func(p *peer) {
		h := hello("half")
		b := frame.AppendHello(nil, &h)
		p.send(append(frame.AppendPreface(nil, frame.Version), raw(frame.TypeHello, 0, 0, b)[:50]...))
	})},
	{name: "a HELLO and no more", conns: 100, run: long(func(p *peer) { p.greet(hello(p.a.name("ghost"))) })},
	{name: "HTTP", conns: 8, run: stranger(func(p *peer) {
		p.send([]byte("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"))
		_, _ = io.Copy(io.Discard, p.nc)
	})},
	{name: "TLS", conns: 8, run: stranger(func(p *peer) { _ = tls.Client(p.nc, &tls.Config{InsecureSkipVerify: true}).Handshake() })},
	{name: "connect and hang up", conns: 8, run: stranger(func(*peer) {})},
	{name: "a welcome and hang up", conns: 8, run: stranger(func(p *peer) {
		if p.greet(hello(p.a.name("brief"))) {
			_, _, _ = p.next(false)
		}
	})},
	{name: "sessions made and dropped", conns: 8, run: stranger(func(p *peer) {
		if q := p.a.dial(p.a.name("drop")); q != nil {
			b, _ := q.open(call, frame.FlagFin)
			q.sequenced(b)
			q.close()
		}
	})},
	{name: "ids with a newline", conns: 4, run: claims(func(h *frame.Hello) { h.ID = "a\nb\x00" })},
	{name: "the honest client's id", conns: 4, run: claims(func(h *frame.Hello) { h.ID = "honest" })},
	{name: "meta as large as may be", conns: 4, run: claims(func(h *frame.Hello) { h.Meta = make([]byte, 4096) })},
	{name: "limits of nothing", conns: 4, run: claims(func(h *frame.Hello) { h.Limits = frame.Limits{} })},
	{name: "a version of the future", conns: 4, run: claims(func(h *frame.Hello) { h.MinVersion, h.MaxVersion = 99, 99 })},
	{name: "a share of zeros", conns: 4, run: claims(func(h *frame.Hello) { h.Share = [32]byte{} })},
	{name: "a token of 8 KiB", conns: 4, run: claims(func(h *frame.Hello) { h.Auth = make([]byte, 7000) })},
}
