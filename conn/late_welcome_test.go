package conn

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
)

// greeting is a handshake over memory, of a new session or of a resume, whose WELCOME the server cannot write yet.
type greeting struct {
	near, far *memnet.Conn
	cancel    context.CancelFunc // of the server's context
	server    chan error         // what Accept returned
	client    chan error         // what Client or Resume returned
	c, s      *Link              // s is there when the WELCOME is due, c of a new session when client has an error or nil
}

var errStop = errors.New("the listener stops")

// greet begins one, for the session of x unless that is nil.
func greet(t *testing.T, x *rejoin) *greeting {
	t.Helper()
	g := &greeting{server: make(chan error, 1), client: make(chan error, 1)}
	g.near, g.far = memnet.Pipe()
	g.far.BlockWrites(true)
	ctx, cancel := context.WithCancelCause(t.Context())
	g.cancel = func() { cancel(errStop) }
	cfg := silent(&Config{Accept: func(l *Link) error { g.s = l; return nil }})
	if x != nil {
		cfg, g.c, g.s, x.near = x.cfg, x.c, x.s, g.near
	}
	go func() {
		_, _, err := Accept(ctx, g.far, cfg)
		g.server <- err
	}()
	go func() {
		var err error
		if x == nil {
			g.c, err = Client(t.Context(), g.near, silent(nil))
		} else {
			err = x.c.Resume(t.Context(), g.near)
		}
		g.client <- err
	}()
	synctest.Wait()
	return g
}

func (g *greeting) end() { abort(g.c, g.s) }

// eachGreeting runs f for a new session and for a resume.
func eachGreeting(t *testing.T, f func(t *testing.T, x *rejoin)) {
	t.Run("new", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, nil) }) })
	t.Run("resumed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			x := newRejoin(t, Config{})
			x.exchange(1)
			x.cut()
			f(t, x)
		})
	})
}

// TestLateWelcome: a context that ends while a WELCOME is being written does not undo it, as the peer may have it
// already; but the write must get through soon.
func TestLateWelcome(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		eachGreeting(t, func(t *testing.T, x *rejoin) {
			g := greet(t, x)
			g.cancel()
			<-time.After(lingerTimeout - 1)
			g.far.BlockWrites(false)
			if err := errors.Join(<-g.server, <-g.client); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
			if g.c.State() != StateUp || g.s.State() != StateUp {
				t.Errorf("the client is %v, the server %v", g.c.State(), g.s.State())
			}
			g.end()
		})
	})
	t.Run("too late", func(t *testing.T) {
		eachGreeting(t, func(t *testing.T, x *rejoin) {
			g := greet(t, x)
			start := time.Now()
			g.cancel()
			err := <-g.server
			if d := time.Since(start); !errors.Is(err, errStop) || d != lingerTimeout {
				t.Errorf("the server returned %v after %v", err, d)
			}
			if <-g.client == nil {
				t.Error("the client is welcome")
			}
			if x == nil {
				g.s.Abort(nil)
				return
			}
			near, _ := x.carrier()
			if err := x.c.Resume(t.Context(), near); err != nil {
				t.Errorf("and cannot resume any more: %v", err)
			}
			x.exchange(2)
			g.end()
		})
	})
	t.Run("before it", func(t *testing.T) {
		near, far := memnet.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		cfg := silent(&Config{Accept: func(*Link) error { cancel(errStop); return nil }})
		done := make(chan error, 1)
		go func() {
			_, err := Server(ctx, far, cfg)
			done <- err
		}()
		if _, err := Client(t.Context(), near, silent(nil)); err == nil {
			t.Error("the client is welcome")
		}
		if err := <-done; !errors.Is(err, errStop) {
			t.Errorf("the server returned %v", err)
		}
	})
}

// TestLoseWhileResuming: a session that its client is coming back for is not lost, except to another client.
func TestLoseWhileResuming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		x.exchange(1)
		x.cut()
		g := greet(t, x)
		if x.s.Lose(&RefusedError{Code: frame.Unavailable, Text: "closing"}) || x.s.Lose(errors.New("no room")) {
			t.Error("lost")
		}
		g.far.BlockWrites(false)
		if err := errors.Join(<-g.server, <-g.client); err != nil {
			t.Fatal(err)
		}
		x.exchange(2)

		x.cut()
		g = greet(t, x)
		if !x.s.Lose(&RefusedError{Code: frame.AlreadyExists, Text: "another one"}) {
			t.Error("not lost")
		}
		if <-g.server == nil || <-g.client == nil {
			t.Error("resumed")
		}
		<-x.s.Done()
		near, _ := x.carrier()
		var refused *RefusedError
		if err := x.c.Resume(t.Context(), near); !errors.As(err, &refused) || !refused.Closed || refused.Code != frame.AlreadyExists {
			t.Errorf("the client learns %v", err)
		}
		x.c.Abort(nil)
	})
}

// TestCloseBeforeStart: a link that is closed when the peer has been welcomed, or is about to be, says goodbye and takes
// nothing. Its handler learns of the end when it comes, once.
func TestCloseBeforeStart(t *testing.T) {
	for _, tt := range []struct {
		name    string
		early   bool          // Close while WELCOME is being written
		startAt time.Duration // after the end; 0 = at once
		answers bool          // the client, which else is silent
		lasts   time.Duration
	}{
		{name: "early, started before the answer", early: true, answers: true},
		{name: "early, started after the end", early: true, answers: true, startAt: time.Hour},
		{name: "early, no answer", early: true, lasts: lingerTimeout},
		{name: "started before the answer", answers: true},
		{name: "started after the end", answers: true, startAt: time.Hour},
		{name: "no answer", lasts: lingerTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := greet(t, nil)
				begin := time.Now()
				closed := make(chan error, 1)
				bye := func() { closed <- g.s.Close(t.Context(), frame.Unavailable, "restart") }
				if tt.early {
					go bye()
					synctest.Wait()
				}
				g.far.BlockWrites(false)
				if err := errors.Join(<-g.server, <-g.client); err != nil {
					t.Fatal(err)
				}
				st, ct := newTap(), newTap()
				if tt.answers {
					send(g.c, 1, []byte("too late"))
					g.c.Start(ct)
					synctest.Wait()
				}
				if !tt.early {
					go bye()
					synctest.Wait()
				}
				if tt.startAt == 0 {
					g.s.Start(st)
				}
				if tt.answers {
					err := ct.wantClose(t)
					var ce *ClosedError
					if !errors.As(err, &ce) || !ce.Remote || ce.Code != frame.Unavailable || ce.Text != "restart" {
						t.Errorf("the client learns %v", err)
					}
					var lost *UnconfirmedError
					if err := g.c.Close(t.Context(), frame.OK, ""); !errors.As(err, &lost) {
						t.Errorf("the client's frame was taken: %v", err)
					}
				}
				if err := <-closed; err != nil {
					t.Errorf("Close = %v", err)
				}
				if d := time.Since(begin); d != tt.lasts {
					t.Errorf("Close took %v, want %v", d, tt.lasts)
				}
				if tt.startAt > 0 {
					<-time.After(tt.startAt)
					g.s.Start(st)
				}
				if err := st.wantClose(t); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the handler learns %v", err)
				}
				if n := len(st.got()); n > 0 {
					t.Errorf("the handler got %d frames", n)
				}
				g.end()
			})
		})
	}
}

// TestLateRefusal: a client that comes back for a session whose BYE it did not hear learns that it is closed, even if the
// listener stops meanwhile.
func TestLateRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRejoin(t, Config{})
		x.exchange(1)
		x.near.BlockReads(true)
		go x.s.Close(context.Background(), frame.Unavailable, "restart")
		synctest.Wait()

		near, far := memnet.Pipe()
		far.BlockWrites(true)
		ctx, cancel := context.WithCancel(t.Context())
		go Accept(ctx, far, x.cfg)
		h := x.hello()
		mac, err := x.c.proof(near, "client", frame.AppendHello(nil, h), nil)
		if err != nil {
			t.Fatal(err)
		}
		h.Resume.MAC = mac
		if _, err := near.Write(append(frame.AppendPreface(nil, frame.Version), message(frame.TypeHello, frame.AppendHello(nil, h))...)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		<-time.After(lingerTimeout / 2)
		far.BlockWrites(false)
		var refused *RefusedError
		if _, _, err := readWelcome(near); !errors.As(err, &refused) || !refused.Closed || refused.Code != frame.Unavailable {
			t.Errorf("the answer is %v", err)
		}
		near.Close()
		x.near.Cut()
		x.c.Abort(nil)
		<-x.s.Done()
	})
}
