package vectors

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline"
	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// real is conn and mux, or a whole End, which take the part of one side. Its application does what the script says.
type real struct {
	config *gantline.Config // of an End; nil = conn and mux
	end    *gantline.End

	t      testing.TB
	role   string
	cfg    conn.Config
	result chan error // of the handshake or resume under way
	err    error      // of the last one, once it has ended
	forget bool       // a server that has restarted

	mu       sync.Mutex // guards what follows
	link     *conn.Link
	mux      *mux.Session
	streams  map[uint64]*mux.Stream
	incoming map[uint64]*mux.Incoming
	gaveUp   map[uint64]error
	answers  map[uint64]*mux.Exchange
	drained  *frame.Drain
	work     sync.WaitGroup
}

func newReal(t testing.TB, role string, limits frame.Limits) *real {
	r := &real{t: t, role: role, streams: map[uint64]*mux.Stream{}, incoming: map[uint64]*mux.Incoming{},
		gaveUp: map[uint64]error{}, answers: map[uint64]*mux.Exchange{}}
	r.cfg = conn.Config{ID: "c1", Limits: limits, Logger: slog.New(slog.DiscardHandler), OnBroken: func(*conn.Link, error) {}}
	if role == server {
		r.cfg.ID = "hub"
		r.cfg.Find = func(session [16]byte) (*conn.Link, error) {
			if !r.forget && r.link != nil && session == r.link.Peer().Session {
				return r.link, nil
			}
			return nil, nil
		}
	}
	return r
}

// carrier shakes hands over nc, for a new session or to resume the one there is.
func (r *real) carrier(nc net.Conn) {
	if r.result != nil {
		r.err = <-r.result
	}
	r.result = make(chan error, 1)
	go func() { // ends with the handshake, which the player's end of nc bounds
		ctx := context.Background()
		if r.config != nil {
			r.result <- r.shakeEnd(ctx, nc)
			return
		}
		if r.role == client && r.link != nil {
			r.result <- r.link.Resume(ctx, nc)
			return
		}
		var l *conn.Link
		var err error
		resumed := false
		if r.role == client {
			l, err = conn.Client(ctx, nc, &r.cfg)
		} else {
			l, resumed, err = conn.Accept(ctx, nc, &r.cfg)
		}
		if err == nil && !resumed {
			s := mux.New(l, &mux.Config{Client: r.role == client, Local: r.cfg.Limits, Peer: l.Peer().Limits, Acceptor: r})
			r.link, r.mux = l, s
			l.Start(s)
		}
		r.result <- err
	}()
}

// shakeEnd makes the End.
func (r *real) shakeEnd(ctx context.Context, nc net.Conn) (err error) {
	r.config.ID, r.config.Logger = r.cfg.ID, r.cfg.Logger
	if r.role == client {
		r.end, err = gantline.Client(ctx, nc, r.config)
	} else {
		r.end, _, err = new(gantline.Sessions).Attach(ctx, nc, r.config)
	}
	return err
}

// AcceptStream implements mux.Acceptor, as do the others.
func (r *real) AcceptStream(st *mux.Stream) {
	r.mu.Lock()
	r.streams[st.ID()] = st
	r.mu.Unlock()
}

func (r *real) NewExchange(frame.Kind) *mux.Incoming { return new(mux.Incoming) }

func (r *real) AcceptExchange(x *mux.Incoming) {
	r.mu.Lock()
	r.incoming[x.ID()] = x
	r.mu.Unlock()
}

func (r *real) ReadyExchange(*mux.Incoming) {}

func (r *real) CancelExchange(x *mux.Incoming, err error) {
	r.mu.Lock()
	r.gaveUp[x.ID()] = err
	r.mu.Unlock()
}

func (r *real) EndStream(*mux.Stream, error) {}

func (r *real) HandleDrain(d frame.Drain) func() { r.drained = &d; return nil }

// run does something that may wait for the peer.
func (r *real) run(f func()) {
	r.work.Add(1)
	go func() { // ends with what it waits for, or with the session
		defer r.work.Done()
		f()
	}()
	synctest.Wait()
}

// Complete implements mux.Sink.
func (r *real) Complete(x *mux.Exchange) {
	r.mu.Lock()
	r.answers[x.ID()] = x
	r.mu.Unlock()
}

// start opens a call, message or notify.
func (r *real) start(o mux.Open, body []byte) *mux.Exchange {
	x := &mux.Exchange{Sink: r}
	r.run(func() {
		if err := r.mux.Start(context.Background(), x, &o, body); err != nil {
			r.t.Errorf("%s: Start %q: %v", r.role, o.Name, err)
		}
	})
	return x
}

// wantAnswer wants the exchange id to be answered.
func (r *real) wantAnswer(id uint64, code frame.Code, body []byte) {
	r.t.Helper()
	r.mu.Lock()
	x := r.answers[id]
	r.mu.Unlock()
	switch {
	case x == nil:
		r.t.Errorf("%s: %d is not answered", r.role, id)
	case x.Err != nil || x.Head.Code != code || !slices.Equal(x.Body, body):
		r.t.Errorf("%s: the answer of %d is %v with %d bytes, error %v; want %v with %d", r.role, id, x.Head.Code, len(x.Body), x.Err, code, len(body))
	}
}

// wantDrained wants the exchange id to be known as one that the peer's DRAIN left out.
func (r *real) wantDrained(id uint64) {
	r.t.Helper()
	r.mu.Lock()
	x := r.answers[id]
	r.mu.Unlock()
	if x == nil || gantline.CodeOf(x.Err) != gantline.Unavailable || x.WasReset {
		r.t.Errorf("%s: %d is not known as left out by DRAIN: %+v", r.role, id, x)
	}
}

// got is the exchange id of the peer's, with its body, which must be all there.
func (r *real) got(id uint64, body []byte) *mux.Incoming {
	r.t.Helper()
	r.mu.Lock()
	x := r.incoming[id]
	r.mu.Unlock()
	if x == nil {
		r.t.Fatalf("%s: %d has not come", r.role, id)
	}
	if !x.Complete() || !slices.Equal(x.Body, body) {
		r.t.Errorf("%s: %d has come with %d bytes (complete: %v), want %d", r.role, id, len(x.Body), x.Complete(), len(body))
	}
	x.Dispatched()
	return x
}

// reply answers the exchange id of the peer's.
func (r *real) reply(id uint64, h *frame.Head, body []byte) {
	r.t.Helper()
	r.mu.Lock()
	x := r.incoming[id]
	r.mu.Unlock()
	r.run(func() { _ = x.Reply(context.Background(), h, body) })
}

// openStream opens a stream or streaming call; later steps find it by its id.
func (r *real) openStream(o mux.Open) {
	r.run(func() {
		st, err := r.mux.OpenStream(context.Background(), &o, nil)
		if err != nil {
			r.t.Errorf("%s: OpenStream %q: %v", r.role, o.Name, err)
			return
		}
		r.AcceptStream(st)
	})
}

func (r *real) stream(id uint64) *mux.Stream {
	r.t.Helper()
	if id == 0 {
		return r.mux.First()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.streams[id]
	if st == nil {
		r.t.Fatalf("%s: there is no stream %d", r.role, id)
	}
	return st
}

func (r *real) write(id uint64, p []byte) {
	st := r.stream(id)
	r.run(func() {
		if n, err := st.Write(p); n != len(p) || err != nil {
			r.t.Errorf("%s: Write of %d bytes to %d = %d, %v", r.role, len(p), id, n, err)
		}
	})
}

// read wants exactly these bytes next.
func (r *real) read(id uint64, want []byte) {
	st := r.stream(id)
	r.run(func() {
		p := make([]byte, len(want))
		if n, err := io.ReadFull(st, p); err != nil || !slices.Equal(p, want) {
			r.t.Errorf("%s: Read of %d bytes of %d = %d, %v", r.role, len(want), id, n, err)
		}
	})
}

// wantRead wants Read to fail with an error that ok approves of.
func (r *real) wantRead(id uint64, ok func(error) bool) {
	st := r.stream(id)
	r.run(func() {
		if n, err := st.Read(make([]byte, 1)); n != 0 || !ok(err) {
			r.t.Errorf("%s: Read of %d = %d, %v", r.role, id, n, err)
		}
	})
}

// wantEOF wants the peer to have ended its direction of stream id.
func (r *real) wantEOF(id uint64) { r.wantRead(id, func(err error) bool { return err == io.EOF }) }

// wantReset wants Read of stream id to fail with what the peer's RESET said.
func (r *real) wantReset(id uint64, code frame.Code) {
	r.wantRead(id, func(err error) bool {
		var s *mux.StreamError
		return errors.As(err, &s) && s.Remote && s.Code == code
	})
}

// closeWrite ends this side's direction of stream id.
func (r *real) closeWrite(id uint64) {
	st := r.stream(id)
	r.run(func() {
		if err := st.CloseWrite(); err != nil {
			r.t.Errorf("%s: CloseWrite of %d = %v", r.role, id, err)
		}
	})
}

// close ends the session as an End does.
func (r *real) close() {
	if r.end != nil {
		r.run(func() {
			if err := r.end.Close(); err != nil {
				r.t.Errorf("%s: Close = %v", r.role, err)
			}
		})
		return
	}
	r.mux.CloseStreams(true)
	r.run(func() {
		if err := r.link.Close(context.Background(), frame.OK, ""); err != nil {
			r.t.Errorf("%s: Close = %v", r.role, err)
		}
	})
}

// remoteClosed reports whether err says that the peer has ended the session.
func remoteClosed(err error) bool {
	var c *conn.ClosedError
	return errors.As(err, &c) && c.Remote
}
