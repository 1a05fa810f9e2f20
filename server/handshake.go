package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/throttle"
)

// A handshake is one connection on its way to become an End. Its goroutine owns it.
type handshake struct {
	l       *Listener
	slot    *slot
	ctx     context.Context // of the slot, with the timeout
	end     *gantline.End   // has claimed its id; nil before and after
	place   bool            // it has a place in the listener's queue
	refused bool            // the client has its refusal
}

// welcome makes an End of nc and queues it, or closes nc.
func (l *Listener) welcome(nc net.Conn, sl *slot) {
	limit := l.opts.limits.HandshakeTimeout
	ctx, cancel := context.WithTimeoutCause(sl.ctx, limit, errorf("handshake not finished within %v, the limit Limits.HandshakeTimeout: %w", limit, context.DeadlineExceeded))
	defer cancel()
	h := &handshake{l: l, slot: sl, ctx: ctx}
	end, err := h.run(nc)
	if err == nil && end == nil {
		return // an End that existed before continues
	}
	if err != nil {
		h.undo()
		nc.Close()
		if h.refused {
			l.tolls.refused.Add(1)
		} else {
			l.tolls.failed.Add(1)
		}
		if sl.ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			l.tolls.timeout.Add(1)
		}
		l.log.Say(throttle.HandshakeFailed, "listener", l.ln.Addr(), "remote", nc.RemoteAddr(), "err", err)
		return
	}
	l.tolls.accepted.Add(1)
	l.queue <- end // never waits: h has a place
}

// run shakes hands: TLS, then the protocol with setup in the middle of it. A
// panic in a callback of the user's TLS configuration costs this connection.
func (h *handshake) run(nc net.Conn) (end *gantline.End, err error) {
	defer func() {
		if h.l.opts.config.Repanic {
			return
		}
		if v := recover(); v != nil {
			h.l.log.Panicked("handshake", v, "remote", nc.RemoteAddr())
			end, err = nil, errorf("handshake panicked: %v", v)
		}
	}()
	carrier, err := h.secure(nc)
	if err != nil {
		return nil, err
	}
	cfg := h.l.opts.config
	cfg.Setup = h.setup
	end, resumed, err := h.l.peers.sessions.Attach(h.ctx, carrier, &cfg)
	switch {
	case err != nil:
		return nil, err
	case !resumed:
		return end, h.confirm(end, nc)
	case !h.l.peers.returned(end):
		return nil, nil
	}
	return end, h.admit(end, nc)
}

// secure returns what the protocol runs over, while the slot learns whose turn it is.
func (h *handshake) secure(nc net.Conn) (net.Conn, error) {
	if h.l.tls == nil {
		return watchAny(nc, h.slot), nil
	}
	w := watch(nc, h.slot)
	tc := tls.Server(w, h.l.tls)
	if err := tc.HandshakeContext(h.ctx); err != nil {
		if h.ctx.Err() != nil {
			err = context.Cause(h.ctx)
		}
		return nil, errorf("TLS: %w", bare{err})
	}
	return &secured{tc, w}, nil
}

// confirm waits for the client's first frame. A client that never got its welcome, or never wanted one, must not keep
// its id and its place. Its session waits like any other, since the client may have been welcomed and cut off
// (docs/decisions/0002). A client that has sent something and is gone already is an End, and when the listener stops
// all Ends are closed properly.
func (h *handshake) confirm(end *gantline.End, nc net.Conn) error {
	ctx, stop := h.l.peers.whileHere(h.ctx, end) // the slot does not outlive its connection
	defer stop()
	h.slot.awaits()
	_, err := end.Ping(ctx)
	if err == nil || end.Stats().Link.FramesIn > 0 || h.l.ctx.Err() != nil {
		return nil
	}
	h.forsake(end, nc)
	if end.Stats().Link.Resumes > 0 && h.l.peers.returned(end) { // in this moment
		return h.admit(end, nc)
	}
	return errorf("the client did not answer its welcome: %w", bare{err})
}

// forsake makes a ghost of end: it is not on the list, and has no carrier.
func (h *handshake) forsake(end *gantline.End, nc net.Conn) {
	h.undo()
	h.l.peers.forsake(end)
	nc.Close()
}

// admit accepts a ghost whose client has come back. It may be refused as at a first connect; then it stays a
// ghost until its client tries again.
func (h *handshake) admit(end *gantline.End, nc net.Conn) error {
	err := h.l.peers.claim(end)
	if err == nil {
		h.end = end
		if err = h.takePlace(); err == nil {
			err = h.l.peers.show(end)
		}
	}
	if err != nil {
		h.forsake(end, nc)
	}
	return err
}

// setup is Config.Setup of every End. It runs after the client has given its id, and before it is welcomed.
func (h *handshake) setup(e *gantline.End) (err error) {
	passed := false
	defer func() {
		if h.refused = err != nil; !passed {
			h.undo() // now: it may take a while until the client has hung up
		}
	}()
	l := h.l
	h.slot.ours()
	if err := l.peers.claim(e); err != nil {
		l.tellRefused(err)
		return err
	}
	h.end = e
	if err := h.takePlace(); err != nil {
		return err
	}
	if f := l.opts.config.Setup; f != nil {
		if err := f(e); err != nil {
			return err
		}
	}
	err = l.peers.show(e)
	passed = err == nil
	return err
}

// takePlace waits for a place in the queue. It leaves enough time to tell the client that there was none.
func (h *handshake) takePlace() error {
	l := h.l
	select {
	case l.places <- struct{}{}:
		h.place = true
		return nil
	default:
	}
	patience := time.NewTimer(l.opts.limits.HandshakeTimeout / 2)
	defer patience.Stop()
	select {
	case l.places <- struct{}{}:
		h.place = true
		return nil
	case <-l.ctx.Done():
		return errClosing
	case <-h.ctx.Done():
		return context.Cause(h.ctx)
	case <-patience.C:
		l.tolls.places.Add(1)
		err := exhausted("%d clients wait for AcceptEnd at the server, its limit Limits.Backlog: try again later", cap(l.places))
		l.tellRefused(err)
		return err
	}
}

// undo gives back what a failed handshake has taken, once.
func (h *handshake) undo() {
	if h.end != nil {
		h.l.peers.remove(h.end)
	}
	if h.place {
		<-h.l.places
	}
	h.end, h.place = nil, false
}

// tellRefused logs that a limit was hit; an id in use is the client's affair.
func (l *Listener) tellRefused(err error) {
	if !errors.Is(err, gantline.ResourceExhausted) {
		return
	}
	l.log.Say(throttle.ClientRefused, "listener", l.ln.Addr(), "err", fmt.Sprint(bare{err}))
}
