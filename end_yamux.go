package gantline

import (
	"context"
	"errors"
	"net"

	"github.com/gantline-project/gantline/mux"
)

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
