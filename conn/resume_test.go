package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// reunion is one client and one server link whose carriers a test cuts, and
// that find each other again.
type reunion struct {
	t    testing.TB
	rng  *rand.Rand
	pipe func() (a, b *memnet.Conn) // for each carrier

	mu       sync.Mutex // guards what follows
	sessions map[[16]byte]*Link
	news     []State // of the client
	dials    int
	wg       sync.WaitGroup // redials and accepts

	client, server *Link
}

func (x *reunion) config(client bool) *Config {
	cfg := &Config{Logger: quiet, OnBroken: func(*Link, error) {}}
	if client {
		cfg.OnBroken = func(l *Link, _ error) { x.wg.Go(func() { x.redial(l) }) }
		cfg.OnState = func(s State) {
			x.mu.Lock()
			x.news = append(x.news, s)
			x.mu.Unlock()
		}
		return cfg
	}
	cfg.Accept = func(l *Link) error {
		x.mu.Lock()
		x.sessions[l.Peer().Session] = l
		x.mu.Unlock()
		return nil
	}
	cfg.Find = func(id [16]byte) (*Link, error) {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.sessions[id], nil
	}
	return cfg
}

// carrier is a new connection to the server, which handles it.
func (x *reunion) carrier(started func(l *Link)) net.Conn {
	x.mu.Lock()
	a, b := x.pipe()
	x.dials++
	x.mu.Unlock()
	x.wg.Go(func() {
		l, resumed, err := Accept(context.Background(), b, x.config(false))
		if err == nil && !resumed {
			started(l)
		}
	})
	return a
}

// redial resumes until it works or the link has ended.
func (x *reunion) redial(l *Link) {
	for i := 0; ; i++ {
		err := l.Resume(context.Background(), x.carrier(func(s *Link) { x.t.Error("resume made a new session"); s.Abort(nil) }))
		var refused *RefusedError
		switch {
		case err == nil, errors.Is(err, ErrNotBroken):
			return
		case errors.As(err, &refused):
			l.Lose(err)
			return
		}
		select {
		case <-l.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// counter is a Handler that takes frames in order and sends frames of its own.
type counter struct {
	l     *Link
	n     uint32 // to send
	sent  uint32
	mu    sync.Mutex // guards what follows
	got   uint32
	wrong error
	all   chan struct{} // closed when want were received
	want  uint32
	gone  chan error // capacity 1
}

func newCounter(l *Link, send, want uint32) *counter {
	return &counter{l: l, n: send, want: want, all: make(chan struct{}), gone: make(chan error, 1)}
}

func (c *counter) HandleFrame(h frame.Header, r *frame.Reader) error {
	p, err := r.Payload()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := binary.BigEndian.Uint32(p); n != c.got && c.wrong == nil {
		c.wrong = fmt.Errorf("frame %d came when %d was due", n, c.got)
	}
	if c.got++; c.got == c.want {
		close(c.all)
	}
	return nil
}

func (c *counter) HandleReleased([frame.Groups]uint64) error { return nil }
func (c *counter) HandleClose(err error)                     { c.gone <- err }

// Fill sends a few frames of different sizes at a time.
func (c *counter) Fill() bool {
	for i := 0; c.sent < c.n && i < 5; i++ {
		size := 4 + int(c.sent*c.sent)%3000
		if c.l.Room() < frame.HeaderLen+size {
			return true
		}
		b := make([]byte, size)
		binary.BigEndian.PutUint32(b, c.sent)
		put(c.l, 1, b)
		c.l.Wake()
		c.sent++
	}
	return false
}

// wake makes the link look at Fill.
func wake(l *Link) {
	l.Lock()
	l.Wake()
	l.Unlock()
}

// run exchanges frames each way over carriers that cut themselves.
func (x *reunion) run(frames uint32) {
	t := x.t
	serverUp := make(chan *counter, 1)
	x.sessions = map[[16]byte]*Link{}
	var cc *counter
	for cc == nil { // a first connect may be cut too
		l, err := Client(context.Background(), x.carrier(func(l *Link) {
			sc := newCounter(l, frames, frames)
			l.Start(sc)
			wake(l)
			select {
			case serverUp <- sc:
			default:
				<-serverUp // a ghost of an earlier try
				serverUp <- sc
			}
		}), x.config(true))
		if err == nil {
			x.client = l
			cc = newCounter(l, frames, frames)
			l.Start(cc)
			wake(l)
		}
	}
	<-cc.all
	sc := <-serverUp
	<-sc.all
	x.server = sc.l
	for _, c := range []*counter{cc, sc} {
		c.mu.Lock()
		if c.wrong != nil {
			t.Error(c.wrong)
		}
		c.mu.Unlock()
	}
	x.mu.Lock()
	x.pipe = func() (a, b *memnet.Conn) { return memnet.Pipe() } // no more cuts
	x.mu.Unlock()
	if err := x.client.Close(context.Background(), frame.OK, ""); err != nil {
		t.Errorf("close: %v", err)
	}
	<-x.client.Done()
	x.mu.Lock()
	all := x.sessions
	x.mu.Unlock()
	for _, l := range all {
		l.Abort(nil)
		<-l.Done()
	}
	x.wg.Wait()
	for _, l := range []*Link{x.client, x.server} {
		if m := l.Stats().LogMemory; m != 0 {
			t.Errorf("log holds %d bytes at the end", m)
		}
	}
}

func TestResumeCuts(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &reunion{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
				x.pipe = func() (a, b *memnet.Conn) {
					a, b = memnet.Pipe()
					if x.dials < 30 {
						a.CutAfter(x.rng.IntN(20000))
						b.CutAfter(x.rng.IntN(20000))
					}
					return a, b
				}
				x.run(200)
				if got := x.client.Stats().Resumes; got == 0 {
					t.Error("no resume happened")
				}
			})
		})
	}
}
