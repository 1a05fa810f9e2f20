package inside

import (
	"context"
	"log/slog"
)

// Logger returns l as one that handles each record within a stretch of s.
func Logger(l *slog.Logger, s *Set) *slog.Logger { return slog.New(handler{l.Handler(), s}) }

// handler is the application's handler in a Set.
type handler struct {
	slog.Handler
	s *Set
}

// Unwrap returns the application's handler.
func (h handler) Unwrap() slog.Handler { return h.Handler }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) (err error) {
	h.s.Run(func() { err = h.Handler.Handle(ctx, r) })
	return err
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.s}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name), h.s} }
