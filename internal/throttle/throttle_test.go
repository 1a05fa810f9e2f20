package throttle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// written is where a Log writes to.
type written struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *written) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Split(strings.TrimSuffix(w.buf.String(), "\n"), "\n")
	w.buf.Reset()
	if all[0] == "" {
		return nil
	}
	return all
}

func logger(level slog.Level) (*slog.Logger, *written) {
	w := &written{}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), w
}

// TestLines: each has a text of its own at its level, which says whose it is.
func TestLines(t *testing.T) {
	seen := make(map[string]bool)
	for i, l := range lines {
		key := fmt.Sprint(l.level, l.text)
		if !strings.HasPrefix(l.text, "gantline: ") || seen[key] {
			t.Errorf("line %d: %q at level %v", i, l.text, l.level)
		}
		seen[key] = true
	}
}

// TestThrottle: after a burst one line a second is written. It says how many were left out.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := logger(slog.LevelInfo)
		g := New(l)
		for i := range 1000 {
			g.Say(CarrierLost, "i", i)
		}
		if n := len(w.take()); n != burst {
			t.Errorf("%d lines at once, want %d", n, burst)
		}
		g.Say(LinkLost)
		if n := len(w.take()); n != 1 {
			t.Error("another kind is kept out")
		}
		<-time.After(pause)
		g.Say(CarrierLost, "i", 1000)
		g.Say(CarrierLost, "i", 1001)
		got := w.take()
		if len(got) != 1 || !strings.Contains(got[0], "i=1000 omitted=990") {
			t.Errorf("after a second: %q", got)
		}
		<-time.After(burst * pause)
		for i := range 2 * burst {
			g.Say(CarrierLost, "i", i)
		}
		if got = w.take(); len(got) != burst || !strings.Contains(got[0], "omitted=1") || strings.Contains(got[1], "omitted") {
			t.Errorf("after a pause: %q", got)
		}
		lines := 0
		for range 600 {
			<-time.After(pause / 10)
			g.Say(CarrierLost)
			lines += len(w.take())
		}
		if lines < 59 || lines > 61 {
			t.Errorf("%d lines in a minute", lines)
		}
	})
}

// TestTiers: what several share is bounded beside what each may say, and no line is lost from the numbers.
func TestTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := logger(slog.LevelInfo)
		all := Shared(l)
		if Shared(all) != all {
			t.Error("it has other bounds each time")
		}
		total := 0
		for range 100 { // peers
			g := New(slog.New(wrapped{Own(all).Handler()}))
			for range 50 {
				g.Say(CarrierLost)
				total++
			}
		}
		got := w.take()
		if len(got) != sharedBurst {
			t.Errorf("%d lines of 100 peers", len(got))
		}
		<-time.After(time.Minute)
		g := New(Own(all))
		g.Say(CarrierLost)
		last := w.take()
		// Of the last peers what their own bounds have kept out is not known any more.
		var omitted int
		if len(last) != 1 {
			t.Fatalf("%q", last)
		}
		fmt.Sscanf(regexp.MustCompile(`omitted=(\d+)$`).FindStringSubmatch(last[0])[1], "%d", &omitted)
		if omitted != 100*burst-sharedBurst {
			t.Errorf("%d were omitted, want %d", omitted, 100*burst-sharedBurst)
		}
	})
}

// wrapped is a handler between two of ours.
type wrapped struct{ slog.Handler }

func (w wrapped) Unwrap() slog.Handler { return w.Handler }

// TestAddUp: a line that waited twice has both numbers.
func TestAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := logger(slog.LevelInfo)
		all := Shared(l)
		a, b := New(Own(all)), New(Own(all))
		n := 0
		for range 100 {
			a.Say(LinkLost)
			b.Say(LinkLost)
			n += 2
		}
		for range 300 {
			<-time.After(pause)
			a.Say(LinkLost)
			b.Say(LinkLost)
			n += 2
		}
		<-time.After(time.Minute)
		a.Say(LinkLost)
		b.Say(LinkLost)
		n += 2
		sum := 0
		for _, line := range w.take() {
			sum++
			if m := regexp.MustCompile(`omitted=(\d+)$`).FindStringSubmatch(line); m != nil {
				k := 0
				fmt.Sscanf(m[1], "%d", &k)
				sum += k
			}
		}
		if sum != n {
			t.Errorf("%d lines are written or counted, %d were said", sum, n)
		}
	})
}

// TestDisabled: a line that is not wanted costs nothing of the bounds.
func TestDisabled(t *testing.T) {
	l, w := logger(slog.LevelInfo)
	g := New(l)
	for range 100 {
		g.Say(LinkClosed)
	}
	if got := w.take(); got != nil {
		t.Errorf("%q", got)
	}
	if h := g.h.(*handler); h.t.kinds[LinkClosed] != (tier{}).kinds[0] {
		t.Error("it was counted")
	}
}

// TestValues: whatever a value is, it takes a few hundred bytes on one line.
func TestValues(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, v := range map[string]any{
		"string":       long,
		"line breaks":  "a\nb\r\nlevel=ERROR msg=forged",
		"not UTF-8":    strings.Repeat("\x80", 1000),
		"wide":         strings.Repeat("\u00e4", 1000),
		"unprintable":  strings.Repeat("\x1b[2J", 1000),
		"error":        errors.New(long),
		"error, lines": errors.New("a\nb"),
		"stringer":     bytes.NewBufferString(long),
		"struct":       struct{ A, B string }{long, long},
		"bytes":        []byte(long),
	} {
		var buf bytes.Buffer
		New(slog.New(rawHandler{&buf})).Say(LinkLost, "v", v)
		if got := buf.String(); len(got) > 4*maxValue || strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "gantline: link lost v=") {
			t.Errorf("%s: %d bytes: %.300q", name, len(got), got)
		}
	}
	err := errors.New(long)
	var buf bytes.Buffer
	h := &keeping{rawHandler: rawHandler{&buf}}
	New(slog.New(h)).Say(LinkLost, "err", err, "n", 7, "short", errors.ErrUnsupported)
	if got, ok := h.got["err"].(error); !ok || !errors.Is(got, err) {
		t.Error("the error is not found in what is printed of it")
	}
	if h.got["n"] != int64(7) || h.got["short"] != errors.ErrUnsupported {
		t.Errorf("%v", h.got)
	}
}

// rawHandler prints values as they are.
type rawHandler struct{ w *bytes.Buffer }

func (h rawHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h rawHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h rawHandler) WithGroup(string) slog.Handler            { return h }
func (h rawHandler) Handle(_ context.Context, r slog.Record) error {
	h.w.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(h.w, " %s=%v", a.Key, a.Value)
		return true
	})
	h.w.WriteByte('\n')
	return nil
}

type keeping struct {
	rawHandler
	got map[string]any
}

func (h *keeping) Handle(_ context.Context, r slog.Record) error {
	h.got = make(map[string]any)
	r.Attrs(func(a slog.Attr) bool {
		h.got[a.Key] = a.Value.Any()
		return true
	})
	return nil
}

// TestPanicked: the line has the stack of the panic, and says no more than there is room for.
func TestPanicked(t *testing.T) {
	var buf bytes.Buffer
	h := &keeping{rawHandler: rawHandler{&buf}}
	g := New(slog.New(h))
	culprit := func(v any, depth int) {
		defer func() { g.Panicked("handler", recover(), "peer", "p") }()
		var f func(int)
		f = func(n int) {
			if n == 0 {
				panic(v)
			}
			f(n - 1)
		}
		f(depth)
	}
	culprit(strings.Repeat("y", 1<<20), 3)
	if s := h.got["stack"].(string); !strings.Contains(s, "TestPanicked.func") || !strings.Contains(s, "panic(") {
		t.Errorf("stack %.500q", s)
	}
	if s := h.got["panic"].(string); len(s) != maxPanic || h.got["peer"] != "p" {
		t.Errorf("a value of %d bytes", len(s))
	}
	culprit(errors.New("boom"), 1000)
	if s := h.got["stack"].(string); len(s) < 1000 || len(s) > maxStack || h.got["panic"] != "boom" {
		t.Errorf("a stack of %d bytes, %v", len(s), h.got["panic"])
	}
}

// TestSource: the place in the line is that of the caller.
func TestSource(t *testing.T) {
	var buf bytes.Buffer
	g := New(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{AddSource: true})))
	g.Say(LinkLost)
	func() {
		defer func() { g.Panicked("x", recover()) }()
		panic(1)
	}()
	if n := strings.Count(buf.String(), "throttle_test.go"); n < 2 {
		t.Errorf("%s", buf.String())
	}
}

// TestForeign: what others log over the same handler is theirs.
func TestForeign(t *testing.T) {
	l, w := logger(slog.LevelInfo)
	own := Own(Shared(l)).With("a", 1).WithGroup("g")
	for range 100 {
		own.Info("hello", "b", 2)
	}
	if got := w.take(); len(got) != 100 || !strings.HasSuffix(got[0], "msg=hello a=1 g.b=2") {
		t.Errorf("%d lines, %q", len(got), got)
	}
}

// TestRace says lines of all kinds from many goroutines.
func TestRace(t *testing.T) {
	l, _ := logger(slog.LevelDebug)
	all := Shared(l)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			g := New(Own(all))
			for i := range 1000 {
				g.Say(Line(i%int(numLines)), "i", i)
			}
		})
	}
	wg.Wait()
}

// BenchmarkLeftOut is what a line costs that is not written.
func BenchmarkLeftOut(b *testing.B) {
	l, _ := logger(slog.LevelInfo)
	g := New(Own(Shared(l)))
	b.ReportAllocs()
	for b.Loop() {
		g.Say(CarrierLost, "peer", "p")
	}
}
