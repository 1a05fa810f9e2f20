package server_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/server"
)

// rawPeer is a client below the protocol's rules: after the handshake it sends the frames that the test gives it.
type rawPeer struct {
	testing.TB
	nc     net.Conn
	sent   int
	pongs  chan struct{}
	noAcks bool // it acknowledges nothing; set before settle
	closed chan struct{}

	mu     sync.Mutex // guards what follows
	resets []uint64   // ids that were reset and not answered
	got    uint64     // bytes of sequenced frames
	count  int        // how many were reset in all
}

// takeResets returns the ids that the server has reset since it was called last.
func (p *rawPeer) takeResets() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := p.resets
	p.resets = nil
	return ids
}

// dialRaw connects a raw peer that is called id. Its reader ends with the connection, which the test's end closes.
func dialRaw(t testing.TB, ln *server.Listener, id string) *rawPeer {
	t.Helper()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := &rawPeer{TB: t, nc: nc, pongs: make(chan struct{}, 1), closed: make(chan struct{})}
	t.Cleanup(func() { nc.Close() })
	if _, err = nc.Write(hello(id)); err != nil {
		t.Fatal(err)
	}
	r := frame.NewReader(nc, frame.DefaultMaxPayload)
	if h, err := r.Next(); err != nil || h.Type != frame.TypeWelcome {
		t.Fatal(h, err)
	}
	go p.read(r)
	t.Cleanup(func() { nc.Close(); <-p.closed })
	return p
}

func (p *rawPeer) read(r *frame.Reader) {
	defer close(p.closed)
	for {
		h, err := r.Next()
		if err != nil {
			return
		}
		if h.Type.Sequenced() {
			p.mu.Lock()
			p.got += frame.HeaderLen + uint64(h.Length)
			p.mu.Unlock()
		}
		switch h.Type {
		case frame.TypePong:
			p.pongs <- struct{}{}
		case frame.TypeReset:
			p.mu.Lock()
			p.resets, p.count = append(p.resets, h.ID), p.count+1
			p.mu.Unlock()
		}
	}
}

// send sends frames, and fails the test if the server has hung up.
func (p *rawPeer) send(b []byte) {
	p.Helper()
	p.sent += len(b)
	if _, err := p.nc.Write(b); err != nil {
		p.Fatal(err)
	}
}

// settle waits until the server has taken all that was sent.
func (p *rawPeer) settle() {
	p.Helper()
	p.mu.Lock()
	ping := frame.Ping{Ack: frame.Ack{Position: p.got}}
	p.mu.Unlock()
	if p.noAcks {
		ping.Ack.Position = 0
	}
	p.send(rawFrame(frame.TypePing, 0, 0, frame.AppendPing(nil, &ping)))
	select {
	case <-p.pongs:
	case <-p.closed:
		p.Fatal("the server hung up")
	case <-time.After(20 * time.Second):
		p.Fatal("no answer to a ping")
	}
}

func rawOpen(id uint64, o frame.Open) []byte {
	return rawFrame(frame.TypeOpen, id, 0, frame.AppendOpen(nil, &o))
}

func rawReset(id uint64) []byte {
	return rawFrame(frame.TypeReset, id, 0, frame.AppendReset(nil, &frame.Reset{Code: frame.Canceled}))
}

// attacked is a listener on the loopback whose Ends serve "echo", and an honest client that calls it all the time.
type attacked struct {
	testing.TB
	ln    *server.Listener
	dial  dialFunc
	end   *gantline.End
	stop  chan struct{}
	done  chan struct{}
	calls int // made by the honest client; read it after rest
}

// attack starts them. serve may add to what an End does; the test's end stops all.
func attack(t testing.TB, cfg gantline.Config, serve func(*gantline.End)) *attacked {
	t.Helper()
	cfg.Setup = func(e *gantline.End) error {
		e.Handle("echo", gantline.HandlerFunc(echoBody))
		if serve != nil {
			serve(e)
		}
		return nil
	}
	ln, dial := listenNet(t, "tcp", "127.0.0.1:0", []server.Option{server.WithConfig(cfg)})
	a := &attacked{TB: t, ln: ln, dial: dial, stop: make(chan struct{}), done: make(chan struct{})}
	a.end = mustDial(t, dial, named("honest"))
	go a.live()
	t.Cleanup(a.rest)
	return a
}

// live makes honest calls until rest, each of a body that fits a frame, and now and then of one that does not.
func (a *attacked) live() {
	defer close(a.done)
	small, large := bytes.Repeat([]byte("s"), 100), bytes.Repeat([]byte("l"), 200<<10)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-tick.C:
		}
		body := small
		if a.calls++; a.calls%50 == 0 {
			body = large
		}
		got, err := a.end.Call(a.Context(), "echo", body)
		if err != nil || len(got) != len(body) {
			a.Errorf("the honest client's call %d: %d bytes, %v", a.calls, len(got), err)
			return
		}
	}
}

// rest stops the honest client.
func (a *attacked) rest() {
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
	<-a.done
}
