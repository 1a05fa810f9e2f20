package routes

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

var (
	errDial  = errors.New("gantline: no route")
	errShake = errors.New("gantline: no peer")
	errFinal = errors.New("gantline: go away")
	errElse  = errors.New("gantline: go elsewhere")
	errHold  = errors.New("gantline: unknown here")
)

// fake is a route whose dial takes a while, and its handshake too.
type fake struct {
	name        string
	home        bool
	dial, shake time.Duration
	deaf        bool  // the dial does not honour its context
	err         error // of the handshake; errDial is of the dial
	limit       time.Duration

	w *field
}

// field is where a race goes on.
type field struct {
	mu     sync.Mutex // guards what follows
	began  []string
	ended  []string // with their error
	closed []string
	gone   []string // discarded
}

func (f *fake) Limit(ctx context.Context, _ int) context.Context {
	if f.limit == 0 {
		return ctx
	}
	limited, cancel := context.WithTimeout(ctx, f.limit)
	context.AfterFunc(limited, cancel)
	return limited
}

func (f *fake) Home() bool { return f.home }

func (f *fake) Dial(ctx context.Context) (net.Conn, error) {
	f.w.mu.Lock()
	f.w.began = append(f.w.began, f.name)
	f.w.mu.Unlock()
	done := ctx.Done()
	if f.deaf {
		done = nil
	}
	select {
	case <-time.After(f.dial):
	case <-done:
		return nil, context.Cause(ctx)
	}
	if f.err == errDial {
		return nil, errDial
	}
	near, _ := memnet.Pipe()
	return &line{near, f}, nil
}

func (f *fake) Ended(_ context.Context, nc net.Conn, err error) error {
	text := f.name
	if err != nil {
		text += " " + strings.TrimPrefix(err.Error(), "gantline: ")
	}
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.ended = append(f.w.ended, text)
	return err
}

type line struct {
	*memnet.Conn
	f *fake
}

func (l *line) Close() error {
	l.f.w.mu.Lock()
	defer l.f.w.mu.Unlock()
	l.f.w.closed = append(l.f.w.closed, l.f.name)
	return l.Conn.Close()
}

// race is one whose handshakes make the names of their routes.
func (w *field) race() *Race[string] {
	return &Race[string]{
		After: func() time.Duration { return 2 * time.Second },
		Rest:  new(Rest),
		Until: func() time.Time { return time.Now().Add(time.Hour) },
		Shake: func(ctx context.Context, nc net.Conn) (string, error) {
			f := nc.(*line).f
			select {
			case <-time.After(f.shake):
			case <-ctx.Done():
				_ = nc.Close()
				return "", context.Cause(ctx)
			}
			if f.err != nil {
				_ = nc.Close()
			}
			return f.name, f.err
		},
		Judge: func(_ bool, err error) Verdict {
			switch err {
			case errFinal:
				return Verdict{Then: Stop}
			case errHold:
				return Verdict{Then: Hold}
			case errElse:
				return Verdict{Then: Again, Addr: "elsewhere"}
			}
			return Verdict{}
		},
	}
}

const s = time.Second

// TestRace: who wins, when, and what becomes of the others.
func TestRace(t *testing.T) {
	tests := []struct {
		name   string
		routes []fake
		won    string
		err    error
		took   time.Duration
		began  string
		ended  string
		closed string
	}{
		{"one", []fake{{name: "a", shake: s}}, "a", nil, s, "a", "a", ""},
		{"the first", []fake{{name: "a", shake: s}, {name: "b"}}, "a", nil, s, "a", "a", ""},
		{"the first dial fails", []fake{{name: "a", err: errDial, dial: s}, {name: "b", shake: s}}, "b", nil, 2 * s, "a b", "a no route, b", ""},
		{"the first handshake fails", []fake{{name: "a", err: errShake, shake: s}, {name: "b"}}, "b", nil, s, "a b", "a no peer, b", "a"},
		{"the first dial hangs", []fake{{name: "a", dial: 9 * s}, {name: "b"}}, "b", nil, 2 * s, "a b", "b", ""},
		{"the first is silent", []fake{{name: "a", shake: 9 * s}, {name: "b"}}, "b", nil, 2 * s, "a b", "b", "a"},
		{"the first is slow", []fake{{name: "a", shake: 3 * s}, {name: "b", shake: 9 * s}}, "a", nil, 3 * s, "a b", "a", "b"},
		{"two at once", []fake{{name: "a", shake: 5 * s, err: errShake}, {name: "b", shake: 9 * s}, {name: "c"}}, "c", nil, 5 * s, "a b c", "a no peer, c", "a b"},
		{"a limit", []fake{{name: "a", shake: 9 * s, limit: s}, {name: "b"}}, "b", nil, s, "a b", "a context deadline exceeded, b", "a"},
		{"a dial that came late", []fake{{name: "a", dial: 3 * s, deaf: true, shake: s / 2, limit: s}}, "a", nil, 3*s + s/2, "a", "a", ""},
		{"a dial that does not end", []fake{{name: "a", dial: 9 * s, deaf: true}, {name: "b"}}, "b", nil, 2*s + reapTime, "a b", "b", ""},
		{"all fail", []fake{{name: "a", err: errDial}, {name: "b", shake: s, err: errShake}}, "", errShake, s, "a b", "a no route, b no peer", "b"},
		{"a final failure", []fake{{name: "a", shake: 9 * s}, {name: "b", err: errFinal}, {name: "c"}}, "", errFinal, 2 * s, "a b", "b go away", "a b"},
		{"elsewhere", []fake{{name: "a", shake: 9 * s}, {name: "b", err: errElse}, {name: "c"}}, "elsewhere", nil, 3 * s, "a b elsewhere", "b go elsewhere, elsewhere", "a b"},
		{"held until home fails", []fake{{name: "a", home: true, shake: 4 * s, err: errShake}, {name: "b", err: errHold}, {name: "c", err: errDial}}, "", errShake, 4 * s,
			"a b c", "b unknown here, c no route, a no peer", "a b"},
		{"held, and home wins", []fake{{name: "a", home: true, shake: 4 * s}, {name: "b", err: errHold}}, "a", nil, 4 * s, "a b", "b unknown here, a", "b"},
	}
	for _, tt := range tests {
		for _, finish := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := new(field)
					set := &Set{Named: func(addr string) (Route, error) { return &fake{name: addr, shake: s, w: w}, nil }}
					for i := range tt.routes {
						f := tt.routes[i]
						f.w = w
						set.Routes = append(set.Routes, &f)
					}
					x := w.race()
					if finish {
						x.Discard = func(name string) {
							w.mu.Lock()
							defer w.mu.Unlock()
							w.gone = append(w.gone, name)
						}
					}
					start := time.Now()
					won, err := x.Go(t.Context(), set)
					if took := time.Since(start); won != tt.won || !errors.Is(err, tt.err) || took != tt.took {
						t.Errorf("won %q, %v after %v", won, err, took)
					}
					if r := set.Won(); tt.err == nil && r.(*fake).name != tt.won || tt.err != nil && r != nil {
						t.Errorf("Won returns %v", r)
					}
					x.Rest.Wait()
					w.mu.Lock()
					defer w.mu.Unlock()
					if got := strings.Join(w.began, " "); got != tt.began {
						t.Errorf("began %s", got)
					}
					if got := strings.Join(w.ended, ", "); got != tt.ended {
						t.Errorf("ended %s", got)
					}
					slices.Sort(w.closed)
					if got := strings.Join(w.closed, " "); !finish && got != tt.closed && !strings.HasPrefix(tt.name, "a dial that does not end") {
						t.Errorf("closed %s", got)
					}
					for _, f := range tt.routes { // all others may finish
						late := finish && slices.Contains(w.began, f.name) && f.name != tt.won && f.err == nil && f.dial == 0 && f.limit == 0
						if late != slices.Contains(w.gone, f.name) {
							t.Errorf("discarded %q", w.gone)
						}
					}
				})
			})
		}
	}
}

// TestRaceHeld: what is held decides at its time, also when that is over before the race.
func TestRaceHeld(t *testing.T) {
	for _, wait := range []time.Duration{-s, 3 * s, 20 * s} {
		for _, before := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := new(field)
				x := w.race()
				until := time.Now().Add(wait)
				x.Until = func() time.Time { return until }
				set := &Set{Routes: []Route{&fake{name: "a", home: true, shake: 9 * s, w: w}}}
				if x.Held = errHold; !before {
					x.Held = nil
					set.Routes = append(set.Routes, &fake{name: "b", err: errHold, w: w})
				}
				start := time.Now()
				won, err := x.Go(t.Context(), set)
				want := max(wait, 0)
				if !before {
					want = max(wait, 2*s)
				}
				if want > 9*s {
					want = 9 * s
				}
				if took := time.Since(start); took != want || (won == "a") != (wait > 9*s) || (err == errHold) != (wait < 9*s) {
					t.Errorf("wait %v, before %v: won %q, %v after %v", wait, before, won, err, took)
				}
				x.Rest.Wait()
			})
		}
	}
}

// TestRaceContext: the end of the context ends a race, with what has become of each route.
func TestRaceContext(t *testing.T) {
	for _, outlive := range []bool{false, true} {
		for _, how := range []error{context.DeadlineExceeded, context.Canceled} {
			for _, deaf := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := new(field)
					x := w.race()
					x.Outlive = outlive
					x.Discard = func(string) {}
					ctx, cancel := context.WithTimeout(t.Context(), 3*s)
					defer cancel()
					if how == context.Canceled {
						time.AfterFunc(2*s+1, cancel)
					}
					_, err := x.Go(ctx, &Set{Routes: []Route{&fake{name: "a", dial: 9 * s, deaf: deaf, w: w}, &fake{name: "b", shake: 9 * s, w: w}}})
					var all *Failed
					if !errors.Is(err, how) || !errors.As(err, &all) || len(all.Errs) != 2 || !all.Dialled {
						t.Errorf("%v (%#v)", err, all)
					}
					x.Rest.Wait()
				})
			}
		}
	}
}

// TestRaceOutlive: a handshake that is not needed outlives the context of a race, but not that of EndWith.
func TestRaceOutlive(t *testing.T) {
	for _, ends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := new(field)
			x := w.race()
			x.Outlive = true
			discarded := time.Time{}
			x.Discard = func(string) { discarded = time.Now() }
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			set := &Set{Routes: []Route{&fake{name: "a", shake: 9 * s, w: w}, &fake{name: "b", w: w}}}
			start := time.Now()
			if won, err := x.Go(ctx, set); won != "b" {
				t.Fatal(err)
			}
			cancel()
			end, stop := context.WithCancel(t.Context())
			set.EndWith(end)
			if ends {
				stop()
			}
			x.Rest.Wait()
			if ends != discarded.IsZero() || ends != (time.Since(start) == 2*s) {
				t.Errorf("ends %v: over after %v", ends, time.Since(start))
			}
			stop()
		})
	}
}

// TestRaceGoexit: a dial that ends its goroutine has failed.
func TestRaceGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(field)
		x := w.race()
		x.Run = func(func()) { runtime.Goexit() }
		done := make(chan error)
		go func() {
			_, err := x.Go(context.Background(), &Set{Routes: []Route{&fake{name: "a", w: w}}})
			done <- err
		}()
		if err := <-done; !errors.Is(err, errGoexit) {
			t.Error(err)
		}
	})
}

// TestSet: what stands for a connection says no more than that.
func TestSet(t *testing.T) {
	if Wanted(t.Context()) || !Wanted(Want(t.Context())) {
		t.Error("Wanted does not say what Want wants")
	}
	if err := new(Set).Close(); err != nil {
		t.Error(err)
	}
	if text := (&Failed{Errs: []error{errDial, errShake}}).Error(); text != "gantline: no route; no peer" {
		t.Error(text)
	}
}
