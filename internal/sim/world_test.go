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
	"time"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/client"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/server"
)

// patience is what any operation may take: far more than all faults of a schedule together.
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
					w.noteLocked("session %s", x.name)
					w.wg.Go(func() { x.work(&w.p.work[1]) })
				}
			}
			w.mu.Unlock()
		}
	})
}

// kill ends the server like a crash: nobody hears from it again.
func (w *world) kill() {
	w.mu.Lock()
	w.down = true
	ln, srv := w.ln, w.srv
	w.mu.Unlock()
	_ = ln.Close()
	w.each((*carrier).cut)
	w.wg.Go(func() { _ = srv.Close() })
}

// each does something to every connection there is.
func (w *world) each(do func(*carrier)) {
	w.mu.Lock()
	all := w.carriers
	w.carriers = nil
	w.mu.Unlock()
	for _, c := range all {
		do(c)
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

// connect makes the client's End. A first connect does not redial by itself.
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

// weather plays what the plan has for the server and the paths to it.
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
		if w.p.unheard {
			w.each((*carrier).vanish) // the server's session ends before the client's
		} else {
			w.each((*carrier).cut)
		}
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
