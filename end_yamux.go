package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gantline-project/gantline/mux"
)

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
	s, limits := e.line.Blank(), &e.cfg.Limits
	l, err := e.line.NewYamux(s, nc, client, e.cfg.ID, &mux.YamuxConfig{
		Acceptor:     acceptor{e, s},
		Limits:       limits.wire(),
		Heartbeat:    e.cfg.Heartbeat,
		OpenTimeout:  limits.OpenTimeout,
		MaxWindow:    limits.MaxWindow,
		StreamBudget: limits.StreamMemory,
		Logger:       e.cfg.Logger,
		Head:         head,
		OnEnd: func(err error) error {
			if errors.Is(err, ErrSessionLost) {
				e.stateChanged(StateBroken)
			}
			return err
		},
	})
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
		l.Drop(err)
		return err
	}
	e.stateChanged(StateUp)
	e.start()
	return nil
}
