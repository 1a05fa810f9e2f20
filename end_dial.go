package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/internal/sessions"
	"github.com/gantline-project/gantline/internal/throttle"
)

// newEnd returns an End without a link.
func newEnd(c *Config) (*End, error) {
	e := &End{cfg: c.withDefaults()}
	e.life.up = make(chan struct{})
	if err := e.cfg.check(); err != nil {
		return nil, err
	}
	e.line = sessions.New(host{e}, sessions.Config{Redial: e.cfg.Redial, Logger: e.cfg.Logger, Closed: errEndClosed, NoFresh: e.cfg.NoFresh})
	e.ctx, e.cancel, e.cfg.Logger = e.line.Context(), e.line.Cancel, e.line.Logger()
	e.log = throttle.New(e.cfg.Logger)
	e.Stream = &Stream{end: e, scope: scope{accepted: true}}
	e.calls, e.messages = newEndCalls(e), newEndMessages(e)
	e.hooks.Hold()
	return e, nil
}

// Client makes an End of the dialling side out of nc, as tls.Client does. It shakes hands, runs cfg.Setup and returns.
// ctx bounds only that. nc belongs to the End from now on and is closed with it, or at an error. nil cfg means all
// defaults. With Config.Redial the End outlives nc.
//
// Errors: ctx's, the server's refusal with its code and text (CodeOf), InvalidArgument for a bad Config,
// FailedPrecondition while another End of this process has its Config.Outbox, Setup's, or why the handshake failed.
func Client(ctx context.Context, nc net.Conn, cfg *Config) (*End, error) {
	e, err := newEnd(cfg)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	if e.cfg.Yamux {
		if err := e.runYamux(ctx, nc, true, nil); err != nil {
			return nil, err
		}
		return e, nil
	}
	if e.cfg.Redial != nil && e.cfg.SessionExpiry >= 0 {
		e.line.Renew()
	}
	if e.cfg.Outbox != nil {
		if err := e.claimOutbox(ctx, "", func() error { return errOutboxInUse }); err != nil {
			_ = nc.Close()
			e.abandon(err)
			return nil, err
		}
	}
	l, err := sessions.First(ctx, nc, e.linkConfig())
	if err != nil {
		e.abandon(err)
		return nil, err
	}
	if err := e.attach(e.line.NewSession(l)); err != nil {
		code := PermissionDenied
		errors.As(err, &code)
		_ = l.Close(ctx, code, cleanText(err))
		e.abandon(err)
		return nil, errs.Coded(fmt.Errorf("gantline: server %q refused: %w", l.Peer().ID, bareError{err}))
	}
	e.start()
	return e, nil
}

// bareError is an error whose text has lost our prefix.
type bareError struct{ error }

func (e bareError) Error() string { return strings.TrimPrefix(cleanText(e.error), "refused: ") }
func (e bareError) Unwrap() error { return e.error }

// Server makes an End of the accepting side out of nc, as tls.Server does. cfg.Setup runs before the client is
// welcomed, so it can refuse it. The End does not outlive nc: for that use Sessions.Attach. Otherwise as Client.
func Server(ctx context.Context, nc net.Conn, cfg *Config) (*End, error) {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	c.SessionExpiry = -1
	e, _, err := new(Sessions).Attach(ctx, nc, &c)
	return e, err
}

// Pipe returns the two Ends of a connection in memory, for tests. It works inside testing/synctest. It panics
// when the two do not agree, because a Setup returned an error for instance.
func Pipe(client, server *Config) (c, s *End) {
	a, b := memnet.Pipe()
	type result struct {
		e   *End
		err error
	}
	done := make(chan result, 1)
	go func() { // ends with the handshake
		e, err := Server(context.Background(), b, server)
		done <- result{e, err}
	}()
	c, err := Client(context.Background(), a, client)
	r := <-done
	if err == nil {
		err = r.err
	}
	if err != nil {
		if c != nil {
			_ = c.Close()
		}
		if r.e != nil {
			_ = r.e.Close()
		}
		panic("gantline: Pipe: " + cleanText(err))
	}
	return c, r.e
}
