package gantline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/work"
)

// TestScopeIsTheStreams: a method of one stream is not found on another, nor on the End.
func TestScopeIsTheStreams(t *testing.T) {
	c, s := pair(t, nil, &Config{OnStream: func(st *Stream) error {
		st.Handle(st.Name(), named(st.Name()))
		return nil
	}})
	s.Handle("end", named("end"))
	ctx := short(t)
	a, err := c.OpenStream(ctx, WithName("a"))
	must(t, err)
	b, err := c.OpenStream(ctx, WithName("b"))
	must(t, err)
	for _, test := range []struct {
		on     *Stream
		method string
		found  bool
	}{
		{a, "a", true}, {b, "b", true}, {c.Stream, "end", true},
		{a, "b", false}, {b, "a", false}, {c.Stream, "a", false}, {a, "end", false},
	} {
		got, err := test.on.Call(ctx, test.method, nil)
		if test.found {
			must(t, err)
		} else {
			want(t, err, Unimplemented)
		}
		if test.found && string(got) != test.method {
			t.Errorf("%q answered %q", test.method, got)
		}
	}
	// The other direction: the acceptor calls what the opener handles.
	a.Handle("back", named("back"))
	sa, err := s.AcceptStream(ctx)
	must(t, err)
	if sa.Name() != "a" || sa.ID() != a.ID() || sa.Side() != ClientSide || a.Side() != ClientSide {
		t.Fatalf("accepted %q, id %d", sa.Name(), sa.ID())
	}
	got, err := sa.Call(ctx, "back", nil)
	must(t, err)
	if string(got) != "back" {
		t.Errorf("answer is %q", got)
	}
}

// TestScopeWaits: when a call to a stream waits for its handler, and for how long.
func TestScopeWaits(t *testing.T) {
	type step struct {
		at time.Duration
		do string // accept, m, other
	}
	for _, test := range []struct {
		name  string
		steps []step
		after time.Duration // until the call is over
		code  Code
	}{
		{"never accepted", nil, 10 * time.Second, Unimplemented},
		{"accepted and handled late", []step{{3 * time.Second, "accept"}, {5 * time.Second, "m"}}, 5 * time.Second, OK},
		{"accepted, nothing registered", []step{{3 * time.Second, "accept"}}, 10 * time.Second, Unimplemented},
		{"accepted, others registered", []step{{time.Second, "accept"}, {2 * time.Second, "other"}}, 3 * time.Second, Unimplemented},
		{"accepted, others registered first", []step{{time.Second, "accept"}, {1001 * time.Millisecond, "other"}, {1900 * time.Millisecond, "m"}}, 1900 * time.Millisecond, OK},
		{"stream closed", []step{{time.Second, "accept"}, {2 * time.Second, "close"}}, 2 * time.Second, NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, nil)
				st, err := c.OpenStream(t.Context())
				must(t, err)
				start := time.Now()
				go func() {
					var peer *Stream
					for _, step := range test.steps {
						<-time.After(time.Until(start.Add(step.at)))
						switch step.do {
						case "accept":
							var err error
							peer, err = s.AcceptStream(context.Background())
							must(t, err)
						case "close":
							must(t, peer.Close())
						default:
							peer.Handle(step.do, echo)
						}
					}
				}()
				_, err = st.Call(t.Context(), "m", nil)
				if CodeOf(err) != test.code || time.Since(start) != test.after {
					t.Errorf("error is %v after %v, want %v after %v", err, time.Since(start), test.code, test.after)
				}
			})
		})
	}
}

// TestScopeHandledMeanwhile: a handler registered just after a call has looked for it gets the call, whether
// or not the scope would still wait.
func TestScopeHandledMeanwhile(t *testing.T) {
	for _, strict := range []bool{false, true} {
		_, s := pair(t, nil, nil)
		st, err := s.OpenStream(short(t))
		must(t, err)
		sc := st.callScope()
		sv := &serving{sc: sc}
		sv.req.Method = "m"
		if sc.find([]byte("m")) != nil {
			t.Fatal("found before it was registered")
		}
		st.Handle("m", named("m"))
		st.taken(strict)
		sv.item.Begin(sv, 0, 2)
		if v := sv.verdict(); v != work.Taken || sv.route.Name != "m" || sc.parked.Len() != 0 {
			t.Errorf("strict %v: the verdict is %v, route %v, and %d wait", strict, v, sv.route, sc.parked.Len())
		}
	}
}

// TestScopeWaitsForTheOpenersHandlers: the acceptor may call before the opener has registered anything.
func TestScopeWaitsForTheOpenersHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		st, err := c.OpenStream(t.Context())
		must(t, err)
		peer, err := s.AcceptStream(t.Context())
		must(t, err)
		time.AfterFunc(time.Second, func() { st.Handle("m", named("late")) })
		got, err := peer.Call(t.Context(), "m", nil)
		must(t, err)
		if string(got) != "late" {
			t.Errorf("answer is %q", got)
		}
	})
}

// TestScopeWaitCancelled: a caller that gives up leaves nothing behind.
func TestScopeWaitCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		st, err := c.OpenStream(t.Context())
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = st.Call(ctx, "m", nil)
		want(t, err, context.DeadlineExceeded)
		must(t, st.Notify(t.Context(), "n", nil))
		cs, err := st.OpenCall(t.Context(), "m")
		must(t, err)
		cs.Cancel()
		synctest.Wait()
		if n := s.session().Mux.Count(); n != 2 { // the stream and the notify
			t.Errorf("%d open, want 2", n)
		}
		ran := make(chan string, 3)
		for st := range s.Streams() {
			if n := st.callScope().parked.Len(); n != 1 { // the notify
				t.Errorf("%d wait for a handler, want 1", n)
			}
			st.Fallback(HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
				ran <- req.Method
				return nil, nil
			}))
		}
		if m := <-ran; m != "n" {
			t.Errorf("%q ran", m)
		}
		synctest.Wait()
		if len(ran) > 0 {
			t.Errorf("%q ran too", <-ran)
		}
	})
}

// TestOnStream: it runs before the stream's calls and before AcceptStream, may refuse, and nobody waits for
// handlers it has not registered.
func TestOnStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		c, s := pair(t, nil, &Config{OnStream: func(st *Stream) error {
			<-release
			if st.Name() == "bad" {
				return &Error{Code: PermissionDenied, Message: "not you"}
			}
			st.Handle("m", named("set up"))
			return nil
		}})
		bad, err := c.OpenStream(t.Context(), WithName("bad"))
		must(t, err)
		good, err := c.OpenStream(t.Context(), WithName("good"), WithMeta([]byte("meta")), WithMetadata(Metadata{"k": {"v"}}))
		must(t, err)
		time.AfterFunc(time.Second, func() { close(release) })
		got, err := good.Call(t.Context(), "m", nil)
		must(t, err)
		if string(got) != "set up" {
			t.Errorf("answer is %q", got)
		}
		start := time.Now()
		_, err = good.Call(t.Context(), "other", nil)
		want(t, err, Unimplemented)
		if time.Since(start) > 0 {
			t.Error("a call waited for a handler after OnStream")
		}
		_, err = bad.Read(make([]byte, 1))
		want(t, err, PermissionDenied)
		st, err := s.AcceptStream(t.Context())
		must(t, err)
		if st.Name() != "good" || string(st.Meta()) != "meta" || st.Metadata().Get("k") != "v" || string(good.Meta()) != "meta" {
			t.Errorf("accepted %q with %q and %v", st.Name(), st.Meta(), st.Metadata())
		}
	})
}
