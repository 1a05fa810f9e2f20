package sim

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// patience is what any operation may take: far more than every fault of a schedule together.
const patience = 10 * time.Minute

// world is a schedule that is played.
type world struct {
	t     testing.TB
	p     *plan
	began time.Time
	ctx   context.Context // ends with patience
	wg    sync.WaitGroup  // everything but handlers
	dials int

	mu       sync.Mutex // guards what follows
	trace    []string
	down     bool // dials are refused
	ln       *memnet.Listener
	srv      *server.Listener
	carriers []*carrier
	attempt  int // of client.Dial, the one that succeeded
	peers    []*peer
	client   *peer
	ending   bool // all work is done and judged by now

	ledger
}

// peer is an End at work: the client's, or that of one session of a server.
type peer struct {
	w       *world
	name    string // "c", or "s" and a number
	e       *gantline.End
	p       *plan
	attempt int // of client.Dial that it belongs to

	begun  bool          // guarded by w.mu
	worked chan struct{} // closed when its work is done

	faults []string // what it saw go wrong, guarded by w.mu
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// serve begins a server.
func (w *world) serve() {
	ln := memnet.Listen("server", w.p.wire...)
	cfg := w.p.server
	cfg.Logger = quiet
	cfg.Setup = func(e *gantline.End) error {
		w.mu.Lock()
		attempt, _ := strconv.Atoi(string(e.PeerMeta()))
		x := &peer{w: w, name: fmt.Sprint("s", len(w.peers)), e: e, attempt: attempt, worked: make(chan struct{})}
		w.peers = append(w.peers, x)
		w.mu.Unlock()
		x.register(e)
		return nil
	}
	srv := server.NewListener(ln, server.WithConfig(cfg))
	w.mu.Lock()
	w.ln, w.srv, w.down = ln, srv, false
	w.mu.Unlock()
	w.wg.Go(func() {
		for {
			e, err := srv.AcceptEnd(context.Background())
			if err != nil {
				return
			}
			w.mu.Lock()
			for _, x := range w.peers {
				if x.e == e && !x.begun {
					x.begun = true
					w.note1("session %s", x.name)
					w.wg.Go(func() { x.work(&w.p.work[1]) })
				}
			}
			w.mu.Unlock()
		}
	})
}

// kill ends the server as a crash does: nobody hears from it again.
func (w *world) kill() {
	w.mu.Lock()
	w.down = true
	ln, srv := w.ln, w.srv
	w.mu.Unlock()
	_ = ln.Close()
	w.cut()
	w.wg.Go(func() { _ = srv.Close() })
}

// cut breaks every connection there is.
func (w *world) cut() {
	w.mu.Lock()
	all := w.carriers
	w.carriers = nil
	w.mu.Unlock()
	for _, c := range all {
		c.cut()
	}
}

func (w *world) refuse(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

// dial is the client's way to the server.
func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.mu.Lock()
	down, ln, n := w.down, w.ln, w.dials
	if !down {
		w.dials++
	}
	w.mu.Unlock()
	if down {
		return nil, syscall.ECONNREFUSED
	}
	far, err := ln.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return w.carry(n, far), nil
}

// connect makes the client's End. A first connect is not dialled again by itself.
func (w *world) connect() error {
	for n := 1; ; n++ {
		x := &peer{w: w, name: "c", worked: make(chan struct{})}
		cfg := w.p.client
		cfg.Logger = quiet
		cfg.Meta = strconv.AppendInt(nil, int64(n), 10)
		cfg.Setup = func(e *gantline.End) error {
			x.register(e)
			return nil
		}
		cfg.OnSession = func(_ *gantline.End, fresh bool) { w.note("client: session, fresh %v", fresh) }
		cfg.OnState = func(_ *gantline.End, s gantline.State) { w.note("client: %v", s) }
		e, err := client.Dial(w.ctx, "sim", "server", client.WithConfig(cfg), client.WithDialFunc(w.dial))
		if err == nil {
			w.mu.Lock()
			x.e, w.client, w.attempt = e, x, n
			w.mu.Unlock()
			return nil
		}
		w.note("client: dial: %v", err)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-w.ctx.Done():
			return err
		}
	}
}

// weather plays what the plan has for the server and the ways to it.
func (w *world) weather() {
	at := func(d time.Duration) { <-time.After(time.Until(w.began.Add(d))) }
	for _, s := range w.p.restarts {
		at(s.from)
		w.note("server: killed")
		w.kill()
		at(s.to)
		w.note("server: begins anew")
		w.serve()
	}
	for _, s := range w.p.outages {
		at(s.from)
		w.note("outage")
		w.refuse(true)
		w.cut()
		at(s.to)
		w.note("outage is over")
		w.refuse(false)
	}
}

// migrations moves the client's End at the planned times.
func (w *world) migrations() {
	for _, d := range w.p.migrates {
		w.wg.Go(func() {
			<-time.After(d)
			ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
			defer cancel()
			w.note("client: migrate: %v", w.client.e.Migrate(ctx))
		})
	}
}

// note1 is note with w.mu held.
func (w *world) note1(format string, args ...any) {
	if len(w.trace) < 300 {
		w.trace = append(w.trace, fmt.Sprintf("%12v  %s", time.Since(w.began), fmt.Sprintf(format, args...)))
	}
}

// play is the whole schedule, in a bubble.
func (w *world) play() {
	w.began = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.ctx = ctx
	w.serve()
	var weather sync.WaitGroup
	weather.Go(w.weather)
	if err := w.connect(); err != nil {
		w.t.Errorf("the client never got through: %v", err)
		weather.Wait()
		w.end()
		return
	}
	w.wg.Go(func() { w.client.work(&w.p.work[0]) })
	w.migrations()
	weather.Wait()
	w.settle()
	w.end()
	w.verdict()
}

// settle waits until all work is done and the two sides have nothing left to say.
func (w *world) settle() {
	for !w.settled() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-w.ctx.Done():
			w.t.Errorf("not done after %v: %s", patience, w.unfinished())
			return
		}
	}
	live := w.live()
	if live == nil {
		w.t.Error("the server has no session that is up")
		return
	}
	w.idle(live)
}

// settled reports whether everybody has done their work, those aside whom the client cannot reach any more.
func (w *world) settled() bool {
	if w.client.e.State() != gantline.StateUp || !done(w.client) {
		return false
	}
	up := 0
	for _, x := range w.all() {
		switch x.e.State() {
		case gantline.StateUp:
			up++
			if !done(x) {
				return false
			}
		}
	}
	return up == 1 && (w.p.lossy || w.arrived())
}

// all is the sessions of servers that were taken.
func (w *world) all() (xs []*peer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.peers {
		if x.begun {
			xs = append(xs, x)
		}
	}
	return xs
}

// live is the one session of a server that the client has.
func (w *world) live() *peer {
	for _, x := range w.all() {
		if x.e.State() == gantline.StateUp {
			return x
		}
	}
	return nil
}

func done(x *peer) bool {
	select {
	case <-x.worked:
		return true
	default:
		return false
	}
}

// idle checks that what is said last is acknowledged in time, with nothing behind it, and that nothing is held then.
func (w *world) idle(live *peer) {
	ends := [2]*gantline.End{w.client.e, live.e}
	<-time.After(5 * time.Second) // stalls and what is left of acks
	for i, e := range ends {
		if err := e.Notify(w.ctx, "last", []byte("words")); err != nil {
			w.t.Errorf("last notify of %d: %v", i, err)
		}
	}
	const ackTimer = 10 * time.Millisecond
	limit := ackTimer + 3*w.p.latency + time.Millisecond // there, back with the answer, and the ack of that
	if !w.p.calm {
		limit = 2 * time.Minute // a last fault is noticed by the heartbeat
	}
	var said string
	for at := time.Now(); time.Since(at) < limit; {
		<-time.After(limit / 8)
		synctest.Wait()
		said = ""
		for i, e := range ends {
			s := e.Stats()
			if s.Link.LogUnacked != 0 || s.Link.LogMemory != 0 || s.Open != 0 || s.Handlers != 0 {
				said = fmt.Sprintf("%v after the last word end %d has %d bytes unacked, %d of log, %d open, %d handlers", limit, i,
					s.Link.LogUnacked, s.Link.LogMemory, s.Open, s.Handlers)
			}
		}
		if said == "" {
			return
		}
	}
	w.t.Error(said)
}

// end closes both sides.
func (w *world) end() {
	w.mu.Lock()
	w.ending = true
	w.mu.Unlock()
	var err error
	if c := w.client; c != nil {
		switch w.p.closer {
		case 0:
			err = c.e.Close()
		case 1:
			err = c.e.Shutdown(w.ctx)
		default:
			if live := w.live(); live != nil {
				err = live.e.Close()
			}
			_ = c.e.Close()
		}
		if err != nil && !w.t.Failed() {
			w.t.Errorf("close: %v", err)
		}
	}
	w.mu.Lock()
	srv := w.srv
	w.mu.Unlock()
	_ = srv.Close()
	w.cut()
	w.wg.Wait()
}
