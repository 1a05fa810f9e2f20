package conn

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestBound: a session that begins where both sides see the same TLS 1.3 is bound to that for good, and any other can be
// resumed wherever its client is. The log says once, on each side that can know, that a session over TLS is not bound.
func TestBound(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	for _, first := range paths {
		for _, second := range paths {
			t.Run(first.name+"; "+second.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testBound(t, newBonds(t, cert), first, second) })
			})
		}
	}
}

func testBound(t *testing.T, x *bonds, first, second *path) {
	if err := x.connect(first, nil); err != nil {
		t.Fatal(err)
	}
	defer x.end()
	for _, l := range []*Link{x.c, x.s} {
		if got := l.Stats().Bound; got != first.bound() || got != (l.Peer().Features == frame.FeatureBound) {
			t.Errorf("bound: %v, features %#x", got, l.Peer().Features)
		}
	}
	x.exchange(1)
	x.cut()
	err := x.resume(second, nil)
	var refused *RefusedError
	switch {
	case !first.bound() || second.bound():
		if err != nil {
			t.Fatalf("not resumed: %v", err)
		}
	case second.sees() == first.sees():
		if !refusedAs(err) || !strings.Contains(err.Error(), "bound to TLS") {
			t.Errorf("Resume = %v", err)
		}
	default: // the client knows by itself
		if err == nil || errors.As(err, &refused) || !strings.Contains(err.Error(), "not TLS 1.3") {
			t.Errorf("Resume = %v", err)
		}
	}
	if err != nil {
		if x.c.State() != StateBroken || x.s.State() != StateBroken {
			t.Errorf("the session has not waited: %v, %v", x.c.State(), x.s.State())
		}
		if err := x.resume(first, nil); err != nil {
			t.Fatalf("not resumed over its own path: %v", err)
		}
	}
	x.exchange(2)
	for side, want := range map[string]string{"client": first.client, "server": first.server} {
		lines := x.lines[side].unbound()
		if len(lines) != min(1, len(want)) || want != "" && (!strings.Contains(lines[0], want) || !strings.Contains(lines[0], "level=INFO")) {
			t.Errorf("the %s's log has %q, want a line with %q", side, lines, want)
		}
	}
}

// TestBoundPathsOfPlain: a session that is not bound goes over every path, one after the other.
func TestBoundPathsOfPlain(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	synctest.Test(t, func(t *testing.T) {
		x := newBonds(t, cert)
		if err := x.connect(way("TLS ends"), nil); err != nil {
			t.Fatal(err)
		}
		defer x.end()
		x.exchange(1)
		for i, p := range paths {
			x.cut()
			if err := x.resume(p, nil); err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			x.exchange(i + 2)
		}
		if n := len(x.lines["server"].unbound()); n != 1 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

// TestBoundMigrate: a session that is moved to where it cannot go is broken, and comes back over a path that it may use.
func TestBoundMigrate(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newBonds(t, cert)
				if err := x.connect(way("TLS"), nil); err != nil {
					t.Fatal(err)
				}
				defer x.end()
				x.exchange(1)
				err := x.c.Migrate(t.Context(), x.dial(p, nil))
				<-x.heard
				synctest.Wait()
				if (err == nil) != p.bound() || (x.c.State() == StateUp) != p.bound() {
					t.Errorf("Migrate = %v, the link is %v", err, x.c.State())
				}
				x.cut()
				if err := x.resume(way("TLS"), nil); err != nil {
					t.Fatal(err)
				}
				x.exchange(2)
			})
		})
	}
}

// TestResumeLargeToken: a token that just fits the first HELLO does not keep the session from being resumed, where the
// proof needs room, too.
func TestResumeLargeToken(t *testing.T) {
	cert := newAuthority(t).sign("server", newKey(t))
	for _, name := range []string{"memory", "TLS"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newBonds(t, cert)
				nc := x.dial(way(name), nil)
				cfg := x.config("client")
				h := validHello()
				h.ID, cfg.ID = "c", "c"
				if name == "TLS" {
					h.Features = frame.FeatureBound
				}
				cfg.Auth = make([]byte, frame.MaxHandshake-len(frame.AppendHello(nil, &h)))
				var err error
				if x.c, err = Client(t.Context(), nc, cfg); err != nil {
					t.Fatal(err)
				}
				if err := <-x.heard; err != nil {
					t.Fatal(err)
				}
				x.c.Start(x.ct)
				x.s.Start(x.st)
				defer x.end()
				x.exchange(1)
				x.cut()
				if err := x.resume(way(name), nil); err != nil {
					t.Fatal(err)
				}
				x.exchange(2)
			})
		})
	}
}
