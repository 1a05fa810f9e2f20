package flight

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/mux"
)

// errLost ends a test's session.
var errLost = errors.New("lost for a test")

// rig is two sessions over a pipe. What the client starts is the test's to answer, unless the peer echoes.
type rig struct {
	t      testing.TB
	s      *mux.Session // the client's
	link   *conn.Link
	opened chan *mux.Incoming // on the server, with a body or before it is complete
	echo   bool
	end    func()
}

// newRig returns a rig that ends with the test, or with end.
func newRig(t testing.TB, echo bool) *rig {
	t.Helper()
	a, b := memnet.Pipe()
	cfg := &conn.Config{Logger: slog.New(slog.DiscardHandler)}
	served := make(chan *conn.Link, 1)
	go func() {
		l, err := conn.Server(context.Background(), b, cfg)
		if err != nil {
			t.Error(err)
		}
		served <- l
	}()
	cl, err := conn.Client(context.Background(), a, cfg)
	if err != nil {
		t.Fatal(err)
	}
	sl := <-served
	r := &rig{t: t, link: cl, opened: make(chan *mux.Incoming, 4096), echo: echo}
	r.s = mux.New(cl, &mux.Config{Client: true, Local: conn.DefaultLimits(), Peer: cl.Peer().Limits, Acceptor: server{r}})
	ss := mux.New(sl, &mux.Config{Local: conn.DefaultLimits(), Peer: sl.Peer().Limits, Acceptor: server{r}})
	cl.Start(r.s)
	sl.Start(ss)
	r.end = sync.OnceFunc(func() {
		cl.Abort(errLost)
		sl.Abort(errLost)
		<-cl.Done()
		<-sl.Done()
	})
	t.Cleanup(r.end)
	return r
}

// answer answers what was opened first.
func (r *rig) answer(head *frame.Head, body string) {
	r.t.Helper()
	if err := (<-r.opened).Reply(context.Background(), head, []byte(body)); err != nil {
		r.t.Error(err)
	}
}

// server is the Acceptor of both sides.
type server struct{ r *rig }

func (server) NewExchange(frame.Kind) *mux.Incoming { return new(mux.Incoming) }

func (v server) AcceptExchange(x *mux.Incoming) {
	if !v.r.echo {
		v.r.opened <- x
	} else if x.Complete() {
		v.ReadyExchange(x)
	}
}

func (v server) ReadyExchange(x *mux.Incoming) {
	if !v.r.echo {
		return
	}
	if !x.TryReply(nil, x.Body) {
		go func() { _ = x.Reply(context.Background(), nil, x.Body) }() // ends with the session
	}
}

func (v server) CancelExchange(x *mux.Incoming, _ error) {
	if v.r.echo {
		v.ReadyExchange(x)
	}
}

func (server) AcceptStream(*mux.Stream)       {}
func (server) EndStream(*mux.Stream, error)   {}
func (server) HandleDrain(frame.Drain) func() { return nil }

// call and message are what the tests open.
var (
	call    = mux.Open{Kind: frame.KindCall, Name: "m"}
	message = mux.Open{Kind: frame.KindMessage, Name: "t"}
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome is what an owner of a test learned.
type outcome struct {
	err  error
	code frame.Code
	body string
}

// owner is an Owner of a test.
type owner chan outcome

func (o owner) Outcome(f *Flight) { o <- outcomeOf(f) }

func outcomeOf(f *Flight) outcome {
	out := outcome{err: f.Err, code: f.Head.Code, body: string(f.Body)}
	var se *mux.StreamError
	if errors.As(f.Err, &se) {
		out.err, out.code = nil, se.Code
	}
	return out
}
