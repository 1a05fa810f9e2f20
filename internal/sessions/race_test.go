package sessions

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/internal/routes"
)

// road is a route that a test makes.
type road struct {
	home bool
	dial func(ctx context.Context) (net.Conn, error)
}

func (r *road) Limit(ctx context.Context, _ int) context.Context     { return ctx }
func (r *road) Dial(ctx context.Context) (net.Conn, error)           { return r.dial(ctx) }
func (r *road) Home() bool                                           { return r.home }
func (r *road) Ended(_ context.Context, _ net.Conn, err error) error { return err }

// roads is a Config.Redial with these routes and no others.
func roads(list ...*road) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		if !routes.Wanted(ctx) {
			return nil, errors.New("no routes are wanted")
		}
		set := &routes.Set{Named: func(addr string) (routes.Route, error) { return nil, errors.New("no way to " + addr) }}
		for _, r := range list {
			set.Routes = append(set.Routes, r)
		}
		return set, nil
	}
}

func unheard(context.Context) (net.Conn, error) {
	near, _ := memnet.Pipe()
	return near, nil
}

func hung(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// answering is a dial to a server that refuses everybody with err.
func answering(err error) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		near, far := memnet.Pipe()
		go func() {
			_, _, _ = conn.Accept(context.Background(), far, &conn.Config{
				Accept: func(*conn.Link) error { return err },
				Find:   func([16]byte) (*conn.Link, error) { return nil, err },
			})
		}()
		return near, nil
	}
}

// TestRaceVerdicts: what becomes of a session whose own server behaves in some way while another one answers.
func TestRaceVerdicts(t *testing.T) {
	refusal := func(c frame.Code, wait time.Duration) error { return &conn.RefusedError{Code: c, RetryAfter: wait} }
	tests := []struct {
		name        string
		home, other func(context.Context) (net.Conn, error)
		lost        time.Duration // when the session is lost, at the latest; 0 = it is not within 30 s
		least       time.Duration
	}{
		{"nobody, unknown", refused, answering(refusal(frame.NotFound, 0)), time.Millisecond, 0},
		{"silent, unknown", unheard, answering(refusal(frame.NotFound, 0)), homePatience, homePatience},
		{"hung, unknown", hung, answering(refusal(frame.NotFound, 0)), homePatience, homePatience},
		{"nobody, later", refused, answering(refusal(frame.Unavailable, 0)), 0, 0},
		{"silent, later", unheard, answering(refusal(frame.ResourceExhausted, 0)), 0, 0},
		{"nobody, unknown but later", refused, answering(refusal(frame.NotFound, time.Second)), 0, 0},
		{"unknown, silent", answering(refusal(frame.NotFound, 0)), unheard, time.Millisecond, 0},
		{"later, unknown", answering(refusal(frame.Unavailable, 0)), answering(refusal(frame.NotFound, 0)), 0, 0},
		{"later with a time, unknown", answering(refusal(frame.Unavailable, time.Second)), answering(refusal(frame.NotFound, 0)), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				w := newWorld(t)
				<-time.After(time.Minute)
				w.set(func(w *world) { w.dial = roads(&road{home: true, dial: tt.home}, &road{dial: tt.other}) })
				s := w.ln.Session()
				cut := time.Now()
				w.cut()
				lost := false
				select {
				case <-s.Native.Done():
					lost = true
				case <-time.After(30 * time.Second):
				}
				if took := time.Since(cut); lost != (tt.lost > 0) || lost && (took > tt.lost || took < tt.least) {
					t.Errorf("lost: %v, after %v", lost, took)
				}
			})
		})
	}
}

// TestRaceNoFresh: the word of another server does not end a session that no other one replaces.
func TestRaceNoFresh(t *testing.T) {
	for _, home := range []func(context.Context) (net.Conn, error){refused, unheard} {
		in(t, func(t *testing.T) {
			w := newWorld(t)
			<-time.After(time.Minute)
			w.ln.cfg.NoFresh = true
			w.set(func(w *world) {
				w.dial = roads(&road{home: true, dial: home}, &road{dial: answering(&conn.RefusedError{Code: frame.NotFound})})
			})
			w.cut()
			<-time.After(15 * time.Second)
			if s := w.ln.Session(); s.Native.State() != conn.StateBroken || w.ln.Context().Err() != nil {
				t.Errorf("it is %v", s.Native.State())
			}
			w.set(func(w *world) { w.dial = w.connect })
			<-time.After(40 * time.Second)
			if s := w.ln.Session(); s.Native.State() != conn.StateUp || s.Seq != 1 {
				t.Errorf("later it is %v", s.Native.State())
			}
		})
	}
}

// TestRaceFinal: a server that wants no session of this client ends a race for a new one, and the Line.
func TestRaceFinal(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		w.set(func(w *world) {
			w.dial = roads(&road{home: true, dial: answering(&conn.RefusedError{Code: frame.NotFound})}, &road{dial: answering(&conn.RefusedError{Code: frame.PermissionDenied})})
		})
		w.cut()
		<-time.After(30 * time.Second)
		if err := context.Cause(w.ln.Context()); !errors.Is(err, conn.ErrSessionLost) {
			t.Errorf("the Line ends with %v", err)
		}
	})
}

// TestRaceLater: when all servers have named a time, the first of them is asked again then.
func TestRaceLater(t *testing.T) {
	full := func(d time.Duration) *road {
		return &road{home: true, dial: answering(&conn.RefusedError{Code: frame.Unavailable, RetryAfter: d})}
	}
	in(t, func(t *testing.T) {
		w := newWorld(t)
		<-time.After(time.Minute)
		w.set(func(w *world) {
			w.dials, w.dial = nil, func(ctx context.Context) (net.Conn, error) {
				if HintOf(ctx).Home != nil {
					return roads(&road{home: true, dial: answering(&conn.RefusedError{Code: frame.NotFound})})(ctx)
				}
				return roads(full(9*time.Second), full(7*time.Second))(ctx)
			}
		})
		cut := time.Now()
		w.cut()
		<-time.After(20 * time.Second)
		if at := w.since(cut); !slices.Equal(at, []time.Duration{0, 0, 7 * time.Second, 14 * time.Second}) {
			t.Errorf("dialled after %v", at)
		}
	})
}

// TestRedialVisit: an address that is to be dialled next is in the hint of the next attempt, once.
func TestRedialVisit(t *testing.T) {
	in(t, func(t *testing.T) {
		w := newWorld(t)
		w.ln.redial.visit("there")
		synctest.Wait()
		if n := len(w.hints()); n > 0 {
			t.Errorf("%d dials with a carrier", n)
		}
		<-time.After(time.Minute)
		w.set(func(w *world) { w.dial = refused })
		w.cut()
		<-time.After(5 * time.Second)
		h := w.hints()
		if len(h) < 2 || h[0].Addr != "there" || h[1].Addr != "" {
			t.Errorf("hints %v", h)
		}
		w.set(func(w *world) { w.dial, w.dials = w.connect, nil })
		<-time.After(5 * time.Second)
		if s := w.ln.Session(); s.Seq != 1 || s.Native.State() != conn.StateUp {
			t.Errorf("session %d is %v", s.Seq, s.Native.State())
		}
	})
}

// TestFirstStates: only the link that is taken says anything of its states, and the other one says goodbye to its server.
func TestFirstStates(t *testing.T) {
	in(t, func(t *testing.T) {
		var mu sync.Mutex
		var states []conn.State
		var late *conn.Link
		server := func(wait time.Duration, keep **conn.Link) *road {
			return &road{dial: func(context.Context) (net.Conn, error) {
				near, far := memnet.Pipe()
				time.AfterFunc(wait, func() {
					if l, err := conn.Server(context.Background(), far, &conn.Config{Logger: slog.New(slog.DiscardHandler)}); err == nil {
						l.Start(idle{})
						*keep = l
					}
				})
				return near, nil
			}}
		}
		var quick *conn.Link
		set := &routes.Set{Routes: []routes.Route{server(3*time.Second, &late), server(500*time.Millisecond, &quick)}}
		start := time.Now()
		l, err := First(t.Context(), set, &conn.Config{OnState: func(s conn.State) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, s)
		}})
		if err != nil || time.Since(start) != 2500*time.Millisecond {
			t.Fatal(err, time.Since(start))
		}
		<-time.After(10 * time.Second)
		l.Abort(nil)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(states, []conn.State{conn.StateHandshaking, conn.StateUp, conn.StateClosed}) {
			t.Errorf("states %v", states)
		}
		if late == nil || !errors.Is(late.Err(), net.ErrClosed) {
			t.Errorf("the late server has %v", late)
		}
	})
}

// idle is a handler that takes nothing.
type idle struct{}

func (idle) HandleFrame(frame.Header, *frame.Reader) error { return nil }
func (idle) HandleReleased([frame.Groups]uint64) error     { return nil }
func (idle) Fill() bool                                    { return false }
func (idle) HandleClose(error)                             {}
