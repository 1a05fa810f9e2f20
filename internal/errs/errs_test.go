package errs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gantline-project/gantline/frame"
)

// own is an error that has a code, as those of the packages above do.
type own frame.Code

func (e own) Error() string { return "own" }
func (e own) Unwrap() error { return frame.Code(e) }

func TestOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		code frame.Code
	}{
		{nil, frame.OK},
		{io.EOF, frame.Unknown},
		{frame.NotFound, frame.NotFound},
		{frame.Code(99), 99},
		{fmt.Errorf("x: %w", frame.NotFound), frame.NotFound},
		{own(frame.Aborted), frame.Aborted},
		{fmt.Errorf("x: %w", own(frame.Aborted)), frame.Aborted},
		{errors.Join(io.EOF, own(frame.Aborted), frame.NotFound), frame.Aborted},
		{New(frame.DataLoss, "x", frame.NotFound), frame.DataLoss},
		{Seal(frame.Unavailable, own(frame.Aborted)), frame.Unavailable},
		{context.DeadlineExceeded, frame.DeadlineExceeded},
		{os.ErrDeadlineExceeded, frame.DeadlineExceeded},
		{context.Canceled, frame.Canceled},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, frame.Unavailable},
		{errors.ErrUnsupported, frame.Unimplemented},
		{errors.Join(context.Canceled, frame.NotFound), frame.NotFound},
	} {
		if got := Of(c.err); got != c.code {
			t.Errorf("%v: %v, want %v", c.err, got, c.code)
		}
	}
}

// TestSealed: the causes are found, and of all codes only the one.
func TestSealed(t *testing.T) {
	path := &os.PathError{Op: "open", Err: os.ErrPermission}
	for name, err := range map[string]error{
		"New":          New(frame.Unavailable, "text", frame.NotFound, path, io.EOF),
		"Seal":         Seal(frame.Unavailable, nil, frame.NotFound, nil, path, io.EOF),
		"Coded":        Coded(errors.Join(frame.Unavailable, frame.NotFound, path, io.EOF)),
		"both wrapped": fmt.Errorf("x: %w", Seal(frame.Unavailable, Seal(frame.NotFound, path), io.EOF)),
	} {
		for c := frame.OK; c <= frame.Unauthenticated; c++ {
			if errors.Is(err, c) != (c == frame.Unavailable) {
				t.Errorf("%s: errors.Is(err, %s) = %v", name, c.Name(), c != frame.Unavailable)
			}
		}
		var c frame.Code
		var p *os.PathError
		if Of(err) != frame.Unavailable || !errors.As(err, &c) || c != frame.Unavailable {
			t.Errorf("%s: code %v, as %v", name, Of(err), c)
		}
		if !errors.Is(err, io.EOF) || !errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrExist) || !errors.As(err, &p) {
			t.Errorf("%s: lost its causes", name)
		}
		if err.Error() == "" {
			t.Errorf("%s: says nothing", name)
		}
	}
}

func TestCoded(t *testing.T) {
	kept := fmt.Errorf("x: %w", frame.NotFound)
	if Coded(kept) != kept {
		t.Error("what has one code was wrapped")
	}
	if err := Coded(io.EOF); err.Error() != "EOF" || !errors.Is(err, frame.Unknown) || !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if Coded(nil) != nil {
		t.Error("nil became an error")
	}
}

// TestQuoted: one line, bounded, and what can be read stays as it is.
func TestQuoted(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"no such user", "no such user"},
		{`the id "a" is in use`, `the id "a" is in use`},
		{"für Käthe: 日本", "für Käthe: 日本"},
		{"a\nb", `"a\nb"`},
		{"\x1b[31mred", `"\x1b[31mred"`},
		{"say \"x\"\t", `"say \"x\"\t"`},
		{"bad \xff utf", `"bad \xff utf"`},
		{"\ufffd is a character", "\ufffd is a character"},
		{"back\u202ewards", `"back\u202ewards"`},
		{strings.Repeat("x", frame.MaxText), strings.Repeat("x", frame.MaxText)},
		{strings.Repeat("x", frame.MaxText+1), strings.Repeat("x", frame.MaxText-3) + "..."},
	} {
		if got := Quoted(c.text); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "plain", "a\nb\x1b[0m", "\xff\xfe", strings.Repeat("\x00", 2048), strings.Repeat("日", 700)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := Quoted(s)
		if len(q) > frame.MaxText || !utf8.ValidString(q) || !printable(q) {
			t.Fatalf("%q: %q", s, q)
		}
		if Quoted(q) != q {
			t.Errorf("%q: quoted twice: %q", s, Quoted(q))
		}
	})
}
