package conn

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

var quiet = slog.New(slog.DiscardHandler)

// tap is a Handler that keeps what it gets and sends what it is given.
type tap struct {
	onFrame func(h frame.Header, r *frame.Reader) error // instead of keeping it
	fill    func() bool

	mu       sync.Mutex
	frames   []got
	released [frame.Groups]uint64
	err      error
	closes   int
	news     chan struct{} // capacity 1: something came
	closed   chan struct{}
}

type got struct {
	h    frame.Header
	body []byte
}

func newTap() *tap {
	return &tap{news: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (t *tap) HandleFrame(h frame.Header, r *frame.Reader) error {
	if t.onFrame != nil {
		return t.onFrame(h, r)
	}
	p, err := r.Payload()
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.frames = append(t.frames, got{h, slices.Clone(p)})
	t.mu.Unlock()
	t.tell()
	return nil
}

func (t *tap) HandleReleased(total [frame.Groups]uint64) error {
	t.mu.Lock()
	t.released = total
	t.mu.Unlock()
	t.tell()
	return nil
}

func (t *tap) Fill() bool {
	if t.fill != nil {
		return t.fill()
	}
	return false
}

func (t *tap) HandleClose(err error) {
	t.mu.Lock()
	t.err = err
	t.closes++
	n := t.closes
	t.mu.Unlock()
	if n == 1 {
		close(t.closed)
	}
}

func (t *tap) tell() {
	select {
	case t.news <- struct{}{}:
	default:
	}
}

func (t *tap) got() []got {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.frames)
}

// wantFrames waits for n frames in all.
func (t *tap) wantFrames(tb testing.TB, n int) []got {
	tb.Helper()
	for {
		if g := t.got(); len(g) >= n {
			return g
		}
		select {
		case <-t.news:
		case <-t.closed:
			if g := t.got(); len(g) >= n {
				return g
			}
			tb.Fatalf("closed (%v) after %d frames, want %d", t.err, len(t.got()), n)
		}
	}
}

// wantClose waits for HandleClose and returns its error.
func (t *tap) wantClose(tb testing.TB) error {
	tb.Helper()
	<-t.closed
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closes != 1 {
		tb.Fatalf("HandleClose called %d times", t.closes)
	}
	return t.err
}

// send appends one DATA frame and wakes the writer.
func send(l *Link, id uint64, body []byte) {
	l.Lock()
	defer l.Unlock()
	put(l, id, body)
	l.Wake()
}

// put appends one DATA frame. Lock held.
func put(l *Link, id uint64, body []byte) {
	b := l.Alloc(frame.HeaderLen + len(body))
	frame.PutHeader(b, frame.Header{Type: frame.TypeData, Length: uint32(len(body)), ID: id})
	copy(b[frame.HeaderLen:], body)
}

// data is the encoding of what put appends.
func data(id uint64, body []byte) []byte {
	return append(frame.AppendHeader(nil, frame.Header{Type: frame.TypeData, Length: uint32(len(body)), ID: id}), body...)
}

// shake shakes hands over both ends of a connection.
func shake(tb testing.TB, a, b net.Conn, client, server *Config) (c, s *Link) {
	tb.Helper()
	client, server = silent(client), silent(server)
	ctx := context.Background()
	var (
		wg   sync.WaitGroup
		cerr error
	)
	wg.Go(func() { c, cerr = Client(ctx, a, client) })
	s, serr := Server(ctx, b, server)
	wg.Wait()
	if err := errors.Join(cerr, serr); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { abort(c, s) })
	return c, s
}

// silent is cfg without a log.
func silent(cfg *Config) *Config {
	if cfg == nil {
		cfg = new(Config)
	}
	c := *cfg
	c.Logger = quiet
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = time.Minute // the machine may be busy
	}
	return &c
}

// patient is for tests in real time, which say nothing about time.
var patient = &Config{CloseTimeout: time.Minute}

// pair is shake over memory with both links started.
func pair(tb testing.TB, cfg *Config, opts ...memnet.Option) (c, s *Link, ct, st *tap) {
	tb.Helper()
	a, b := memnet.Pipe(opts...)
	c, s = shake(tb, a, b, cfg, cfg)
	ct, st = newTap(), newTap()
	c.Start(ct)
	s.Start(st)
	return c, s, ct, st
}

// abort ends links that may have ended before.
func abort(links ...*Link) {
	for _, l := range links {
		l.Abort(nil)
		<-l.Done()
	}
}

// finish closes both links.
func finish(tb testing.TB, links ...*Link) {
	tb.Helper()
	for _, l := range links {
		if err := l.Close(context.Background(), frame.OK, ""); err != nil {
			tb.Errorf("close: %v", err)
		}
	}
}
