package throttle

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/gantline-project/gantline/internal/errs"
)

// How much of a value a line has, in bytes.
const (
	maxValue = 256
	maxPanic = 1 << 10
	maxStack = 16 << 10
)

// panicked is the value of a panic.
type panicked struct{ v any }

// stack stands for the caller's.
type stack struct{}

// attrs makes pairs of key and value attributes, and cuts what is too long.
func attrs(args []any) []slog.Attr {
	as := make([]slog.Attr, 0, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		key, _ := args[i].(string)
		as = append(as, slog.Any(key, value(args[i+1])))
	}
	return as
}

// value returns v, or what is printed of it if that is long or not one line.
func value(v any) any {
	switch v := v.(type) {
	case nil, bool, int, int64, uint32, uint64, time.Duration:
		return v
	case panicked:
		return cut(fmt.Sprint(v.v), maxPanic)
	case stack:
		b := make([]byte, maxStack)
		return string(b[:runtime.Stack(b, false)])
	case string:
		return cut(v, maxValue)
	case error:
		text := fmt.Sprint(v)
		if short := cut(text, maxValue); short != text {
			return &cutError{short, v}
		}
		return v
	}
	text := fmt.Sprint(v)
	if short := cut(text, maxValue); short != text {
		return short
	}
	return v
}

// cut returns text as one printable line of at most n bytes.
func cut(text string, n int) string {
	const more = "..."
	line := errs.Quoted(first(text, n))
	if len(text) <= n && len(line) <= n {
		return line
	}
	return first(line, n-len(more)) + more
}

// first returns the first n bytes of text, or a few less, so that no character is torn.
func first(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for i := range utf8.UTFMax {
		if utf8.RuneStart(text[n-i]) {
			return text[:n-i]
		}
	}
	return text[:n]
}

// A cutError is an error of which only a part is printed.
type cutError struct {
	text string
	err  error
}

func (e *cutError) Error() string { return e.text }
func (e *cutError) Unwrap() error { return e.err }
