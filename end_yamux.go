package gantline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/mux"
)

// yamuxLink is the link to a peer that speaks yamux.
type yamuxLink struct {
	y      *mux.Yamux
	client bool
	id     string
	peer   conn.Peer
	begun  sync.Once // the session was started
}

var _ sessions.Link = (*yamuxLink)(nil)

// firstByte reads one byte of nc, which it closes at an error.
func firstByte(ctx context.Context, nc net.Conn) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { cutConn(nc) })
	head := make([]byte, 1)
	_, err := io.ReadFull(nc, head)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err == nil {
		return head, nil
	}
	cutConn(nc)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("gantline: handshake with %v: nothing came: %w", nc.RemoteAddr(), err)
}

// cutConn closes nc at once: over TLS without its goodbye, which may block.
func cutConn(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
	}
	_ = nc.Close()
}

// runYamux makes e one that speaks yamux over nc, of which head was read already, and starts it. At an error nc is
// closed and e over.
func (e *End) runYamux(ctx context.Context, nc net.Conn, client bool, head []byte) error {
	e.plain = true
	s, l, err := newYamuxSession(e, nc, client, head)
	if err != nil {
		_ = nc.Close()
		e.abandon(err)
		return err
	}
	if err = e.attach(s); err == nil && ctx.Err() != nil {
		err = contextError(ctx, "")
	}
	if err == nil && e.ctx.Err() != nil { // closed by Setup
		err = context.Cause(e.ctx)
	}
	if err != nil {
		e.abandon(err)
		l.drop(err)
		<-l.y.Done()
		return err
	}
	e.stateChanged(StateUp)
	e.start()
	return nil
}

// newYamuxSession returns a session of e over nc. The peer is not heard before begin. The error is about e's Config.
func newYamuxSession(e *End, nc net.Conn, client bool, head []byte) (*session, *yamuxLink, error) {
	s := e.line.Blank()
	limits := &e.cfg.Limits
	cfg := &mux.YamuxConfig{
		Acceptor:     acceptor{e, s},
		Limits:       limits.wire(),
		Heartbeat:    e.cfg.Heartbeat,
		OpenTimeout:  limits.OpenTimeout,
		MaxWindow:    limits.MaxWindow,
		StreamBudget: limits.StreamMemory,
		Logger:       e.cfg.Logger,
		Held:         true,
		Head:         head,
		// As linkHandler.HandleClose: the context goes first.
		OnEnd: func(err error) error {
			if err = yamuxError(err); errors.Is(err, ErrSessionLost) {
				e.stateChanged(StateBroken)
			}
			e.cancel(err)
			return err
		},
		OnClose: func(error) {
			s.Ended()
			e.line.Finish(context.Cause(e.ctx))
		},
	}
	run := mux.YamuxServer
	l := &yamuxLink{client: client, id: e.cfg.ID}
	l.peer.Limits = frame.Limits{Body: math.MaxInt32} // bodies are refused for another reason
	if client {
		run = mux.YamuxClient
	} else {
		l.peer.ID = "yamux-" + rand.Text()
		if l.id == "" {
			l.id = rand.Text()
		}
	}
	y, err := run(nc, cfg)
	if err != nil {
		return nil, nil, err
	}
	l.y = y
	s.Link, s.Mux = l, y.Session()
	s.Begin = func() { l.begun.Do(y.Start) }
	return s, l, nil
}

// drop ends a session that may not have begun.
func (l *yamuxLink) drop(err error) {
	l.y.Abort(err)
	l.begun.Do(l.y.Start)
}

func (l *yamuxLink) Client() bool         { return l.client }
func (l *yamuxLink) LocalID() string      { return l.id }
func (l *yamuxLink) Peer() *conn.Peer     { return &l.peer }
func (l *yamuxLink) LocalAddr() net.Addr  { return l.y.LocalAddr() }
func (l *yamuxLink) RemoteAddr() net.Addr { return l.y.RemoteAddr() }
func (l *yamuxLink) Abort(err error)      { l.y.Abort(err) }

// State is Draining from Close, by either side, until the goroutines are gone.
func (l *yamuxLink) State() State {
	select {
	case <-l.y.Done():
		return StateClosed
	default:
	}
	switch err := l.y.Err(); {
	case err == nil:
		return StateUp
	case errors.Is(err, net.ErrClosed):
		return StateDraining
	}
	return StateClosed
}

func (l *yamuxLink) Ping(ctx context.Context) (time.Duration, error) {
	rtt, err := l.y.Ping(ctx)
	return rtt, yamuxError(err)
}

// Close is called outside the link's own goroutines. yamux has no words for a reason.
func (l *yamuxLink) Close(ctx context.Context, _ Code, _ string) error {
	l.begun.Do(func() { // by Setup
		l.y.Abort(nil)
		l.y.Start()
	})
	err := l.y.Close(ctx)
	if why := l.y.Err(); err == nil && !errors.Is(why, net.ErrClosed) {
		err = why
	}
	return yamuxError(err)
}

func (l *yamuxLink) Stats() conn.Stats {
	y := l.y.Stats()
	return conn.Stats{BytesIn: y.BytesIn, BytesOut: y.BytesOut, FramesIn: y.FramesIn, LogUnacked: y.Waiting, RTT: y.RTT}
}

// yamuxError is err, from mux, as an End says it.
func yamuxError(err error) error {
	if errors.Is(err, mux.ErrYamuxLost) {
		return &yamuxLost{err}
	}
	return err
}

// yamuxLost is the end of an End whose carrier was torn.
type yamuxLost struct{ err error }

func (e *yamuxLost) Error() string {
	return ErrSessionLost.Error() + strings.TrimPrefix(e.err.Error(), mux.ErrYamuxLost.Error())
}

func (e *yamuxLost) Unwrap() []error { return []error{ErrSessionLost, e.err} }
