package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"iter"
	"net"
	"slices"
	"sync"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/throttle"
)

// A Listener makes Ends of the connections that a net.Listener accepts. Make one with Listen or NewListener.
// All methods may be called from any goroutine.
//
// It shakes hands as soon as it is made, with every connection on a goroutine of its own, and queues the Ends
// for AcceptEnd. To register handlers before the peer's first call is processed, use gantline.Config.Setup.
type Listener struct {
	ln      net.Listener
	opts    options // with defaults
	tls     *tls.Config
	peers   *peers
	slots   *slots             // one for each handshake
	places  chan struct{}      // one for each End in queue, or about to be
	queue   chan *gantline.End // has room for every place
	running tally              // accept, and the handshakes

	ctx    context.Context // done when the listener stops
	cancel context.CancelCauseFunc
	stop   func() error // once: takes no more connections, ends the handshakes

	failed  chan struct{} // closed when Accept failed for good
	failure error         // why; set before failed is closed

	tolls tolls
	log   *throttle.Log // shares its bounds with all Ends
}

// Listen announces addr and returns a Listener for it. Networks are:
//
//   - "tcp", "tcp4" and "tcp6" with an address "host:port" (no host means all addresses, port 0 a free one),
//   - "tls", which is tcp and needs WithTLS,
//   - "unix" with the path of a socket that does not exist yet.
//
// Errors: *gantline.Error with InvalidArgument for a network, address, TLS
// configuration or gantline.Config that cannot work, else what net.Listen returned.
func Listen(network, addr string, opts ...Option) (*Listener, error) {
	o := newOptions(opts)
	if err := checkConfig(o.config); err != nil {
		return nil, err
	}
	ln, err := listen(network, addr, o.tls)
	if err != nil {
		return nil, err
	}
	return newListener(ln, o, nil), nil
}

// NewListener returns a Listener over ln, which it closes when it is closed itself.
// ln may be a listener of TLS connections. When WithTLS or WithConfig was given a
// configuration that cannot work, AcceptEnd returns the error.
func NewListener(ln net.Listener, opts ...Option) *Listener {
	return newListener(ln, newOptions(opts), nil)
}

// newListener starts a listener; with a nil p it makes a list of its own.
func newListener(ln net.Listener, o options, p *peers) *Listener {
	o.limits = o.limits.withDefaults()
	if o.config.ID == "" {
		o.config.ID = rand.Text() // the same for all its Ends
	}
	if p == nil {
		p = newPeers(o.limits)
	}
	o.config.Logger = throttle.Shared(o.config.Logger)
	l := &Listener{
		log:    throttle.New(o.config.Logger),
		ln:     ln,
		opts:   o,
		peers:  p,
		places: make(chan struct{}, o.limits.Backlog),
		queue:  make(chan *gantline.End, o.limits.Backlog),
		failed: make(chan struct{}),
	}
	l.slots = newSlots(o.limits, &l.tolls.firstByte)
	if o.config.Yamux {
		l.slots.silence = 0 // its clients may have nothing to say at first
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.stop = sync.OnceValue(func() error {
		l.cancel(net.ErrClosed)
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return errorf("listener %v: %w", ln.Addr(), err)
		}
		return nil
	})
	var err error
	if l.tls, err = serverTLS(o.tls); err == nil {
		err = checkConfig(o.config)
	}
	if err != nil {
		l.fail(err)
		return l
	}
	l.warnPlain()
	l.running.add()
	go l.accept()
	return l
}

// AcceptEnd waits for the next End and returns it. Its handshake is done and
// Config.Setup has run. Ends come in the order in which they became ready. One may
// be over already; what it has received can still be read.
//
// Errors: net.ErrClosed after Close or Shutdown, the context's when ctx ends first,
// or what ended the net.Listener. errors.Is finds all of them.
func (l *Listener) AcceptEnd(ctx context.Context) (*gantline.End, error) {
	if l.ctx.Err() == nil {
		select {
		case e := <-l.queue:
			<-l.places
			return e, nil
		default:
		}
		select {
		case e := <-l.queue:
			<-l.places
			return e, nil
		case <-l.ctx.Done():
		case <-l.failed:
			return l.last()
		case <-ctx.Done():
			return nil, errorf("accept on %v: %w", l.ln.Addr(), ctx.Err())
		}
	}
	return nil, errorf("listener %v: %w", l.ln.Addr(), net.ErrClosed)
}

// last is AcceptEnd after Accept has failed: handshakes in progress may still lead
// to an End.
func (l *Listener) last() (*gantline.End, error) {
	select {
	case e := <-l.queue:
		<-l.places
		return e, nil
	default:
		return nil, l.failure
	}
}

// fail records that no more connections come. The existing Ends live on.
func (l *Listener) fail(err error) {
	l.failure = err
	close(l.failed)
	l.ln.Close()
}

// Addr returns the address that the net.Listener listens on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// End returns the End whose peer has the id, or nil if there is none. An End is
// found from the end of its Config.Setup until it is over. Close it to disconnect
// the peer: its id is free again when Close returns.
func (l *Listener) End(id string) *gantline.End { return l.peers.end(id) }

// Ends returns the Ends that are alive when the loop begins, in no particular
// order. They may be closed during the loop.
func (l *Listener) Ends() iter.Seq[*gantline.End] {
	return func(yield func(*gantline.End) bool) { slices.Values(l.peers.all())(yield) }
}

// Close closes the net.Listener and every End that came from it, accepted or not.
// It also ends the handshakes in progress, and waits for the listener's goroutines.
// An End takes up to 5 s to close when its peer does not answer; all of them close
// at the same time. Config.Setup must not call Close. Handlers may: Close does not
// wait for them. Clients are asked to come again, as by Shutdown; to send one away
// for good, close its End before.
//
// It returns the error of the net.Listener's Close, each time the same. To learn
// what an End could not deliver, close that End.
func (l *Listener) Close() error {
	err := l.stop()
	l.peers.closeAll(l.peers.shut())
	_ = l.running.wait(context.Background()) // the context never ends
	return err
}

// Shutdown closes the net.Listener, ends the handshakes in progress, and drains
// every End at the same time. Nothing new is accepted; what runs may finish; then
// everything is closed. It returns nil when everything was delivered and all Ends
// are closed.
//
// Clients that redial come again: as soon as they are asked to, each begins a
// fresh session wherever its addresses lead, beside the one that is being drained.
//
// When ctx ends first, Shutdown closes what is left, which takes up to 5 s more,
// and the error wraps the context's. It also returns an error if an End's peer is
// lost in the meantime. Neither Config.Setup nor a handler may call it: it waits
// for them.
func (l *Listener) Shutdown(ctx context.Context) error { return l.ShutdownWith(ctx, nil) }

// ShutdownWith is Shutdown with a reason for the peers: see gantline.End.ShutdownWith.
// A *conn.RefusedError can name an address to go to, or a time to wait.
func (l *Listener) ShutdownWith(ctx context.Context, reason error) error {
	err := l.stop()
	waited := l.running.wait(ctx) // first, so that nobody meets Ends that are half made
	if drained := drainAll(ctx, l.peers.shut(), reason); err == nil {
		err = drained
	}
	if err == nil && waited != nil {
		err = errorf("shutdown of listener %v: %w", l.ln.Addr(), waited)
	}
	return err
}
