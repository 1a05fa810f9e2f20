package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"iter"
	"log/slog"
	"net"
	"slices"
	"sync"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/internal/throttle"
)

// A Server runs a handler for each End, like http.Server. The zero value is ready to use. Its fields must not
// be changed once Serve or ListenAndServe was called. All methods may be called from any goroutine. A Server
// that was closed or shut down cannot be used again.
type Server struct {
	// Handler is called for each End on a goroutine of its own; when it returns, the End is closed. A panic in
	// it is logged and costs only its End, unless Config.Repanic is set. Nil means that Config.Router and
	// Config.Setup do everything: the End lives until the peer closes it.
	Handler func(*gantline.End)
	// Config sets up every End, as WithConfig does. Its Logger gets the server's log.
	Config gantline.Config
	// TLS puts TLS under every connection, as WithTLS does. Nil means none.
	TLS *tls.Config
	// Limits are those of each listener. Those of peers and suspended Ends are for all of them together.
	Limits Limits

	mu        sync.Mutex // guards what follows
	closing   bool
	listeners map[*Listener]struct{}
	peers     *peers        // nil until it is needed
	id        string        // Config.ID, or a random one; set with peers
	logger    *slog.Logger  // Config.Logger, with bounds for all Ends together; set with peers
	log       *throttle.Log // of logger; constant once it is set
	past      Stats         // of listeners that are closed

	handlers tally // Handlers that run; add is called with mu held
}

// ListenAndServe listens on addr as Listen does and then calls Serve.
func (s *Server) ListenAndServe(network, addr string) error {
	if s.isClosing() {
		return ErrServerClosed
	}
	ln, err := listen(network, addr, s.TLS)
	if err != nil {
		return err
	}
	return s.Serve(ln)
}

// Serve makes Ends of the connections that ln accepts and calls Handler for each. It may be called for several
// listeners: a peer's id is in use once over all of them. It always returns an error and closes ln; the Ends
// live on. Errors: ErrServerClosed after Close or Shutdown, *gantline.Error with InvalidArgument for a Config
// or TLS configuration that cannot work, else what ended ln.
func (s *Server) Serve(ln net.Listener) error {
	l := s.listener(ln)
	if l == nil {
		ln.Close()
		return ErrServerClosed
	}
	defer s.forget(l)
	for {
		e, err := l.AcceptEnd(context.Background())
		switch {
		case err == nil:
			s.start(e)
		case s.isClosing():
			return ErrServerClosed
		default:
			return err
		}
	}
}

// listener makes and records the Listener for ln; nil when the server is closing.
func (s *Server) listener(ln net.Listener) *Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil
	}
	s.readyLocked()
	o := options{config: s.Config, tls: s.TLS, limits: s.Limits}
	o.config.ID, o.config.Logger = s.id, s.logger
	l := newListener(ln, o, s.peers)
	if s.listeners == nil {
		s.listeners = make(map[*Listener]struct{})
	}
	s.listeners[l] = struct{}{}
	return l
}

// readyLocked makes what all listeners share.
func (s *Server) readyLocked() {
	if s.peers != nil {
		return
	}
	s.peers = newPeers(s.Limits.withDefaults())
	if s.id = s.Config.ID; s.id == "" {
		s.id = rand.Text()
	}
	s.logger = throttle.Shared(s.Config.Logger)
	s.log = throttle.New(s.logger)
}

// forget removes l from the server and waits for its goroutines; its Ends live on.
func (s *Server) forget(l *Listener) {
	_ = l.stop() // Serve returns a better reason
	_ = l.running.wait(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.past.add(l.Stats())
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// start runs the handler for e. An End that comes too late is on the list of peers, which Close and Shutdown go
// through.
func (s *Server) start(e *gantline.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.Handler == nil {
		return
	}
	s.handlers.add()
	go s.handle(e) // ends when Handler returns, which Shutdown waits for
}

func (s *Server) handle(e *gantline.End) {
	defer s.handlers.done()
	defer func() { _ = e.Close() }() // to learn of lost bytes the handler closes it itself
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		s.log.Panicked("handler of an End", v, "peer", e.PeerID(), "remote", e.RemoteAddr())
		if s.Config.Repanic {
			panic(v)
		}
	}()
	s.Handler(e)
}

// End returns the End whose peer has the id, as Listener.End does, over all
// listeners.
func (s *Server) End(id string) *gantline.End {
	return s.list().end(id)
}

// Ends returns the Ends that are alive when the loop begins, as Listener.Ends does, over all listeners.
func (s *Server) Ends() iter.Seq[*gantline.End] {
	return func(yield func(*gantline.End) bool) { slices.Values(s.list().all())(yield) }
}

func (s *Server) list() *peers {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readyLocked()
	return s.peers
}

// Close closes all listeners and all Ends, and ends the handshakes in progress; Serve returns ErrServerClosed.
// It works like Listener.Close and returns the first error of a listener. Handlers may call it: it does not
// wait for them.
func (s *Server) Close() error {
	listeners, err := s.stop()
	s.list().closeAll(s.list().shut())
	for _, l := range listeners {
		_ = l.running.wait(context.Background()) // the context never ends
	}
	return err
}

// Shutdown drains all Ends as Listener.Shutdown does, and waits until every Handler has returned. It first
// closes all listeners and ends the handshakes in progress; Serve returns ErrServerClosed at once. A Handler
// learns of it from Config.OnState (StateDraining) or End.Draining, so that it can end what would keep the End busy,
// such as idle streams of an http.Server. When the End is closed, AcceptStream fails and the Context ends.
//
// It returns nil when all of that is done. When ctx ends first, it closes the Ends that are left, waits for no
// more Handlers, and returns an error that wraps the context's. A Handler must not call it.
func (s *Server) Shutdown(ctx context.Context) error { return s.ShutdownWith(ctx, nil) }

// ShutdownWith is Shutdown with a reason for the peers, as Listener.ShutdownWith has one.
func (s *Server) ShutdownWith(ctx context.Context, reason error) error {
	listeners, err := s.stop()
	var waited error
	wait := func(t *tally) {
		if e := t.wait(ctx); waited == nil {
			waited = e
		}
	}
	for _, l := range listeners {
		wait(&l.running) // first, so that nobody meets Ends that are half made
	}
	if drained := drainAll(ctx, s.list().shut(), reason); err == nil {
		err = drained
	}
	wait(&s.handlers)
	if err == nil && waited != nil {
		err = errorf("shutdown: %w", waited)
	}
	return err
}

// stop accepts no more connections and returns the listeners there were.
func (s *Server) stop() (listeners []*Listener, err error) {
	s.mu.Lock()
	s.closing = true
	for l := range s.listeners {
		listeners = append(listeners, l)
	}
	s.mu.Unlock()
	for _, l := range listeners {
		if e := l.stop(); err == nil {
			err = e
		}
	}
	return listeners, err
}
