package inside

import (
	"log/slog"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// elsewhere calls f on another goroutine.
func elsewhere(f func() bool) bool {
	got := make(chan bool)
	go func() { got <- f() }()
	return <-got
}

func TestGoroutine(t *testing.T) {
	var g, other Goroutine
	if g.Here() || Anywhere() {
		t.Error("within one that does not run")
	}
	g.Run(func() {
		if !g.Here() || !Anywhere() {
			t.Error("not within itself")
		}
		if other.Here() || elsewhere(g.Here) || elsewhere(Anywhere) {
			t.Error("somebody else is within it")
		}
		other.Run(func() { // a goroutine may be two
			if !g.Here() || !other.Here() {
				t.Error("not within both")
			}
		})
	})
	if g.Here() || Anywhere() {
		t.Error("within it after it has returned")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(func() {
			if !g.Here() {
				t.Error("not within it on its next goroutine")
			}
		})
	}()
	<-done
	other.Run(func() {
		if g.Here() {
			t.Error("the earlier goroutine is within it")
		}
	})
}

func TestSet(t *testing.T) {
	var s, other Set
	if s.Here() {
		t.Error("within an empty set")
	}
	s.Run(func() {
		if !s.Here() || !Anywhere() {
			t.Error("not within it")
		}
		if other.Here() || elsewhere(s.Here) {
			t.Error("somebody else is within it")
		}
		other.Run(func() {
			s.Run(func() {})
			if !s.Here() || !other.Here() {
				t.Error("not within both")
			}
		})
		if other.Here() {
			t.Error("within the other after it has returned")
		}
	})
	if s.Here() || s.n.Load() != 0 || len(s.ids) != 0 {
		t.Errorf("%d stretches of %v are left", s.n.Load(), s.ids)
	}
}

// TestSetEnds: a stretch is over when its function panics or ends its goroutine.
func TestSetEnds(t *testing.T) {
	var s Set
	for _, end := range []func(){func() { panic("x") }, runtime.Goexit} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { recover() }()
			s.Run(end)
		}()
		<-done
	}
	if s.n.Load() != 0 || len(s.ids) != 0 {
		t.Errorf("%d stretches of %v are left", s.n.Load(), s.ids)
	}
}

// here is a writer that reports whether it runs within its set.
type here struct {
	s   *Set
	got *[]bool
}

func (h here) Write(b []byte) (int, error) {
	*h.got = append(*h.got, h.s.Here())
	return len(b), nil
}

func TestLogger(t *testing.T) {
	var (
		s   Set
		got []bool
	)
	text := slog.NewTextHandler(here{&s, &got}, nil)
	l := Logger(slog.New(text), &s)
	l.Info("plain")
	l.With("k", "v").WithGroup("g").Warn("derived", "a", 1)
	l.Debug("not enabled")
	if len(got) != 2 || !got[0] || !got[1] || s.Here() {
		t.Errorf("within the set: %v", got)
	}
}

func BenchmarkHere(b *testing.B) {
	var s Set
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			s.Here()
		}
	})
	b.Run("used", func(b *testing.B) {
		release := make(chan struct{})
		go s.Run(func() { <-release })
		for s.n.Load() == 0 {
			runtime.Gosched()
		}
		for b.Loop() {
			s.Here()
		}
		close(release)
	})
}
