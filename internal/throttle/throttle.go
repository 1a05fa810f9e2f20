package throttle

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	burst = 10          // lines of a kind at once
	pause = time.Second // from one line of a kind to the next, when the burst is used up
	// sharedBurst is the burst of what several share, which should not hide the second one's first lines.
	sharedBurst = 2 * burst
)

// A Log says lines. Make one with New.
type Log struct{ h slog.Handler }

// New returns a Log that writes to l; nil is slog.Default(). It has bounds of its own, unless l has some.
func New(l *slog.Logger) *Log {
	if l = orDefault(l); !bounded(l.Handler()) {
		l = bound(l, burst)
	}
	return &Log{l.Handler()}
}

// Own returns l with bounds for the lines of one End, whichever others l has.
func Own(l *slog.Logger) *slog.Logger { return bound(orDefault(l), burst) }

// Shared returns l with bounds for what several Ends say together, unless it has bounds; nil is slog.Default().
func Shared(l *slog.Logger) *slog.Logger {
	if l = orDefault(l); bounded(l.Handler()) {
		return l
	}
	return bound(l, sharedBurst)
}

// A Group is Shared for Ends that come with a Logger each. The zero value is ready.
type Group struct {
	mu       sync.Mutex // guards what follows
	from, to *slog.Logger
}

// Logger returns Shared(l), which is the same for as long as l is.
func (g *Group) Logger(l *slog.Logger) *slog.Logger {
	l = orDefault(l)
	g.mu.Lock()
	defer g.mu.Unlock()
	if l != g.from {
		g.from, g.to = l, Shared(l)
	}
	return g.to
}

func orDefault(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}

// Say writes a line with pairs of key and value, unless there were too many of its kind.
func (g *Log) Say(line Line, args ...any) { g.say(line, lines[line].text, args) }

// Panicked writes that code of the application has panicked with v. The deferred function that recovers v calls it.
func (g *Log) Panicked(what string, v any, args ...any) {
	g.say(AppPanicked, strings.Replace(lines[AppPanicked].text, "%s", what, 1), append(args, "panic", panicked{v}, "stack", stack{}))
}

func (g *Log) say(line Line, text string, args []any) {
	level := lines[line].level
	if !g.h.Enabled(context.Background(), level) {
		return
	}
	s := said{line: line}
	if h, ok := g.h.(*handler); ok { // before anything is formatted
		if !h.t.take(&s) {
			return
		}
		s.taken = h
	}
	var pc [1]uintptr
	runtime.Callers(3, pc[:])
	r := slog.NewRecord(time.Now(), level, text, pc[0])
	r.AddAttrs(attrs(args)...)
	passed := s // s stays on the stack
	_ = g.h.Handle(context.WithValue(context.Background(), saidKey{}, &passed), r)
}

// said is a line on its way through the bounds.
type said struct {
	line    Line
	omitted int      // lines of its kind that were left out before it
	taken   *handler // has let it pass
}

type saidKey struct{}

// A handler has bounds for what it lets through to next.
type handler struct {
	next slog.Handler
	t    *tier
	last bool // next has no bounds, so this one says how many lines were left out
}

func bound(l *slog.Logger, burst int) *slog.Logger {
	return slog.New(&handler{next: l.Handler(), t: &tier{burst: burst}, last: !bounded(l.Handler())})
}

// bounded reports whether there is a handler of ours under h.
func bounded(h slog.Handler) bool {
	for {
		switch x := h.(type) {
		case *handler:
			return true
		case interface{ Unwrap() slog.Handler }:
			h = x.Unwrap()
		default:
			return false
		}
	}
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if s, ok := ctx.Value(saidKey{}).(*said); ok {
		if s.taken != h && !h.t.take(s) {
			return nil
		}
		if h.last && s.omitted > 0 {
			r.AddAttrs(slog.Int("omitted", s.omitted))
		}
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	return &handler{h.next.WithAttrs(as), h.t, h.last}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.next.WithGroup(name), h.t, h.last}
}

// A tier is the bounds of all lines.
type tier struct {
	burst int

	mu    sync.Mutex // guards what follows
	kinds [numLines]struct {
		free    time.Time // when the burst is whole again
		omitted int
	}
}

// take lets s pass, or counts it as left out.
func (t *tier) take(s *said) bool {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &t.kinds[s.line]
	whole := time.Duration(t.burst) * pause
	if wait := k.free.Sub(now); wait < 0 || wait > whole { // the clock may have been set back
		k.free = now
	}
	if k.free.Add(pause).Sub(now) > whole {
		k.omitted += 1 + s.omitted
		return false
	}
	k.free = k.free.Add(pause)
	s.omitted += k.omitted
	k.omitted = 0
	return true
}
