package sessions

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
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/mux"
)

// YamuxLink is the Link to a peer that speaks yamux.
type YamuxLink struct {
	y      *mux.Yamux
	client bool
	id     string
	peer   conn.Peer
	begun  sync.Once // the session was started
}

var _ Link = (*YamuxLink)(nil)

// NewYamux makes s, from Blank, a session over nc that speaks yamux. The peer is not heard before s.Begin. The End is
// over with the session: cfg.OnEnd, which may not be nil, is called with the reason first. The error is about cfg.
func (ln *Line) NewYamux(s *Session, nc net.Conn, client bool, id string, cfg *mux.YamuxConfig) (*YamuxLink, error) {
	ending := cfg.OnEnd
	cfg.Held = true
	// As handler.HandleClose: the context goes first.
	cfg.OnEnd = func(err error) error {
		err = ending(yamuxError(err))
		ln.Cancel(err)
		return err
	}
	cfg.OnClose = func(error) {
		s.Ended()
		ln.Finish(context.Cause(ln.Context()))
	}
	run := mux.YamuxServer
	l := &YamuxLink{client: client, id: id}
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
		return nil, errs.Coded(err)
	}
	l.y = y
	s.Link, s.Mux = l, y.Session()
	s.Begin = func() { l.begun.Do(y.Start) }
	return l, nil
}

// Drop ends a session that may not have begun, and waits for its goroutines.
func (l *YamuxLink) Drop(err error) {
	l.y.Abort(err)
	l.begun.Do(l.y.Start)
	<-l.y.Done()
}

func (l *YamuxLink) Client() bool         { return l.client }
func (l *YamuxLink) LocalID() string      { return l.id }
func (l *YamuxLink) Peer() *conn.Peer     { return &l.peer }
func (l *YamuxLink) LocalAddr() net.Addr  { return l.y.LocalAddr() }
func (l *YamuxLink) RemoteAddr() net.Addr { return l.y.RemoteAddr() }
func (l *YamuxLink) Abort(err error)      { l.y.Abort(err) }

// State is Draining from Close, by either side, until the goroutines are gone.
func (l *YamuxLink) State() conn.State {
	select {
	case <-l.y.Done():
		return conn.StateClosed
	default:
	}
	switch err := l.y.Err(); {
	case err == nil:
		return conn.StateUp
	case errors.Is(err, net.ErrClosed):
		return conn.StateDraining
	}
	return conn.StateClosed
}

func (l *YamuxLink) Ping(ctx context.Context) (time.Duration, error) {
	rtt, err := l.y.Ping(ctx)
	return rtt, yamuxError(err)
}

// Close is called outside the link's own goroutines. yamux has no words for a reason.
func (l *YamuxLink) Close(ctx context.Context, _ frame.Code, _ string) error {
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

func (l *YamuxLink) Stats() conn.Stats {
	y := l.y.Stats()
	return conn.Stats{BytesIn: y.BytesIn, BytesOut: y.BytesOut, FramesIn: y.FramesIn, LogUnacked: y.Waiting, RTT: y.RTT, Odd: y.Odd, Cheap: y.Cheap}
}

// yamuxError is err, from mux, as an End says it.
func yamuxError(err error) error {
	if errors.Is(err, mux.ErrYamuxLost) {
		return &yamuxLost{err}
	}
	return errs.Coded(err)
}

// yamuxLost is the end of an End whose carrier was torn.
type yamuxLost struct{ err error }

func (e *yamuxLost) Error() string {
	return conn.ErrSessionLost.Error() + strings.TrimPrefix(e.err.Error(), mux.ErrYamuxLost.Error())
}

func (e *yamuxLost) Unwrap() error { return errs.Seal(frame.Unavailable, conn.ErrSessionLost, e.err) }

// FirstByte reads the one byte of nc that tells which dialect the peer speaks. At an error it closes nc.
func FirstByte(ctx context.Context, nc net.Conn) ([]byte, error) {
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
	return nil, errs.Coded(fmt.Errorf("gantline: handshake with %v: nothing came: %w", nc.RemoteAddr(), err))
}

// cutConn closes nc at once: over TLS without its goodbye, which may block.
func cutConn(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
	}
	_ = nc.Close()
}
