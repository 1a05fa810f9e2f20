package sessions

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/mux"
)

var errClosed = errors.New("the end is closed")

// world is a Line with a fake Host, and the server that it dials. A test changes what the server says.
type world struct {
	t  *testing.T
	ln *Line

	mu       sync.Mutex // guards what follows
	calls    []string   // of the Host
	finished error
	fresh    func(s *Session) // called by Fresh, if set
	lost     func()           // called by Lost, if set
	making   func()           // called while a session is made, if set
	dial     func(ctx context.Context) (net.Conn, error)
	dials    []dialled
	welcome  error // refuses new sessions
	resume   error // refuses resumes
	links    map[[16]byte]*conn.Link
	carrier  *memnet.Conn // the newest
	ends     []error      // of the server's links
	frames   []frame.Type // that the server got
}

// dialled is one call of Config.Redial.
type dialled struct {
	at   time.Time
	hint Hint
}

// newWorld returns a Line that renews its sessions. The first one is up. It needs a synctest bubble.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, true)
}

func newWorldOf(t *testing.T, renews bool) *world {
	t.Helper()
	w := &world{t: t, links: make(map[[16]byte]*conn.Link)}
	w.dial = w.connect
	w.ln = New(w, Config{Closed: errClosed, Logger: slog.New(slog.DiscardHandler), Redial: func(ctx context.Context) (net.Conn, error) {
		w.mu.Lock()
		w.dials = append(w.dials, dialled{time.Now(), HintOf(ctx)})
		dial := w.dial
		w.mu.Unlock()
		return dial(ctx)
	}})
	if renews {
		w.ln.Renew()
	}
	w.begin()
	t.Cleanup(w.end)
	return w
}

// begin makes the first session.
func (w *world) begin() {
	w.t.Helper()
	nc, err := w.connect(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := conn.Client(w.t.Context(), nc, w.LinkConfig())
	if err != nil {
		w.t.Fatal(err)
	}
	s := w.ln.NewSession(l)
	s.Notifies.Open()
	s.Publications.Open()
	w.ln.Put(s)
	s.Begin()
	synctest.Wait()
}

// close closes the Line as an End does.
func (w *world) close() {
	s := w.ln.Close()[0]
	_ = s.Link.Close(context.Background(), frame.OK, "")
	if s.Lost() {
		w.ln.Finish(errClosed)
	}
	w.ln.Wait()
	w.ln.Session().Resending.Wait()
}

func (w *world) end() {
	w.close()
	w.mu.Lock()
	links := w.links
	w.mu.Unlock()
	for _, l := range links {
		l.Abort(nil)
	}
}

// connect is a dial that works.
func (w *world) connect(context.Context) (net.Conn, error) {
	near, far := memnet.Pipe()
	w.mu.Lock()
	w.carrier = near
	w.mu.Unlock()
	go w.accept(far)
	return near, nil
}

// accept is the server.
func (w *world) accept(nc net.Conn) {
	l, resumed, err := conn.Accept(context.Background(), nc, &conn.Config{
		ID:       "server",
		Logger:   slog.New(slog.DiscardHandler),
		OnBroken: func(*conn.Link, error) {},
		Accept: func(l *conn.Link) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.welcome == nil {
				w.links[l.Peer().Session] = l
			}
			return w.welcome
		},
		Find: func(id [16]byte) (*conn.Link, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.resume != nil {
				return nil, w.resume
			}
			return w.links[id], nil
		},
	})
	if err == nil && !resumed {
		l.Start(&far{w: w})
	}
}

// far is the server's handler: it takes everything.
type far struct{ w *world }

func (f *far) HandleFrame(h frame.Header, _ *frame.Reader) error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.frames = append(f.w.frames, h.Type)
	return nil
}

func (*far) HandleReleased([frame.Groups]uint64) error { return nil }
func (*far) Fill() bool                                { return false }

func (f *far) HandleClose(err error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.ends = append(f.w.ends, err)
}

// set changes what the server or the network does.
func (w *world) set(change func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// cut breaks the carrier.
func (w *world) cut() {
	w.mu.Lock()
	nc := w.carrier
	w.mu.Unlock()
	nc.Cut()
}

// forget makes the server lose all sessions.
func (w *world) forget() {
	w.mu.Lock()
	links := w.links
	w.links = make(map[[16]byte]*conn.Link)
	w.mu.Unlock()
	for _, l := range links {
		l.Abort(errors.New("forgotten"))
	}
}

// forgetOnly makes the server lose s.
func (w *world) forgetOnly(s *Session) {
	id := s.Native.Peer().Session
	w.mu.Lock()
	l := w.links[id]
	delete(w.links, id)
	w.mu.Unlock()
	l.Abort(errors.New("forgotten"))
}

// lose ends the newest session, and waits for the next one.
func (w *world) lose() *Session {
	w.t.Helper()
	old := w.ln.Session()
	w.forget()
	w.cut()
	s, how := w.ln.Next(w.t.Context(), old)
	if how != Renewed {
		w.t.Fatalf("no next session: %v", how)
	}
	return s
}

// since returns how long after the moment each dial came.
func (w *world) since(moment time.Time) (after []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.dials {
		after = append(after, d.at.Sub(moment))
	}
	return after
}

func (w *world) hints() (hints []Hint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.dials {
		hints = append(hints, d.hint)
	}
	return hints
}

// wantCalls checks what the Host was called with so far.
func (w *world) wantCalls(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.calls, want) {
		w.t.Errorf("the Host was called with %q, want %q", w.calls, want)
	}
}

func (w *world) called(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, what)
}

// The Host.

func (w *world) MuxConfig(_ *Session, l *conn.Link) *mux.Config {
	w.mu.Lock()
	f := w.making
	w.mu.Unlock()
	if f != nil {
		f()
	}
	return &mux.Config{Client: true, Local: conn.DefaultLimits(), Peer: l.Peer().Limits, Acceptor: nobody{}}
}

func (w *world) LinkConfig() *conn.Config {
	lc := &conn.Config{ID: "client", Logger: slog.New(slog.DiscardHandler)}
	if w.ln.Renews() {
		lc.OnBroken = func(*conn.Link, error) { w.ln.Kick() }
	}
	return lc
}

func (w *world) Fresh(s *Session) {
	w.called("fresh")
	w.mu.Lock()
	f := w.fresh
	w.mu.Unlock()
	if f != nil {
		f(s)
	}
}

func (w *world) Lost() {
	w.called("lost")
	w.mu.Lock()
	f := w.lost
	w.mu.Unlock()
	if f != nil {
		f()
	}
}

func (w *world) Finished(err error) {
	w.called("finished")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = err
}

// nobody is an Acceptor for a peer that opens nothing.
type nobody struct{}

func (nobody) AcceptStream(*mux.Stream)             {}
func (nobody) NewExchange(frame.Kind) *mux.Incoming { return new(mux.Incoming) }
func (nobody) AcceptExchange(*mux.Incoming)         {}
func (nobody) ReadyExchange(*mux.Incoming)          {}
func (nobody) CancelExchange(*mux.Incoming, error)  {}
func (nobody) EndStream(*mux.Stream, error)         {}
func (nobody) HandleDrain(frame.Drain) func()       { return nil }

func refused(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }

// in runs f in a bubble.
func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
