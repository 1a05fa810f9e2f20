package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/mux"
)

// prefix begins every printed error of this module, once.
const prefix = "gantline: "

// Code says what kind of error happened, in gRPC's canonical set. A Code is an error itself, so a handler
// may return one, and errors.Is(err, gantline.NotFound) asks for one.
type Code = frame.Code

// The codes, with gRPC's numbers. They travel; texts are for people.
const (
	OK                 = frame.OK                 // no error
	Canceled           = frame.Canceled           // the caller gave up; errors.Is(err, context.Canceled) holds too
	Unknown            = frame.Unknown            // a handler returned a plain error
	InvalidArgument    = frame.InvalidArgument    // the request is wrong whatever the state
	DeadlineExceeded   = frame.DeadlineExceeded   // errors.Is(err, context.DeadlineExceeded) holds too
	NotFound           = frame.NotFound           // no such thing, or no such stream
	AlreadyExists      = frame.AlreadyExists      // it is there already
	PermissionDenied   = frame.PermissionDenied   // this peer may not
	ResourceExhausted  = frame.ResourceExhausted  // over a limit; the text names it
	FailedPrecondition = frame.FailedPrecondition // not in this state
	Aborted            = frame.Aborted            // a conflict; try again from the start
	OutOfRange         = frame.OutOfRange         // past the valid range
	Unimplemented      = frame.Unimplemented      // nobody handles this method or topic
	Internal           = frame.Internal           // a bug: a handler panicked, or the peer broke a rule
	Unavailable        = frame.Unavailable        // not now; the peer drains or is gone
	DataLoss           = frame.DataLoss           // data is lost or damaged
	Unauthenticated    = frame.Unauthenticated    // who the peer is was not proven
)

// CodeOf returns the code of err, OK for nil. It is the first of these that holds:
//
//   - the Code of an *Error, *StreamError or Code anywhere in the chain;
//   - DeadlineExceeded and Canceled for the context's errors, and for os.ErrDeadlineExceeded;
//   - Unknown for ErrUnknownOutcome;
//   - Unavailable for ErrNotSent, a lost session or a closed End;
//   - Unimplemented for ErrUnsupported;
//   - Unknown.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	var (
		e  *Error
		se *StreamError
		c  Code
	)
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.As(err, &se):
		return se.Code
	case errors.As(err, &c):
		return c
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, ErrUnknownOutcome):
		return Unknown
	case errors.Is(err, ErrNotSent), errors.Is(err, ErrSessionLost), errors.Is(err, net.ErrClosed):
		return Unavailable
	case errors.Is(err, errors.ErrUnsupported):
		return Unimplemented
	}
	return Unknown
}

var (
	// ErrSessionLost says that the carrier is gone and the session with it. Nobody redials, or the session could not be
	// resumed in time. Streams end, and handlers' contexts have it as their cause. An End that redials goes on with a
	// fresh session.
	ErrSessionLost = conn.ErrSessionLost
	// ErrNotSent says that the peer has not seen a call, message or stream and never will. It is safe to do it again. It was
	// never handed to a carrier, or the peer said that it did not get so far. An End that redials does it again by
	// itself; there the error means that the context or Close ended the wait.
	ErrNotSent = mux.ErrNotSent
	// ErrUnknownOutcome says that a call or message was sent and its answer will not come. The peer may or may not have
	// acted on it. An End that redials sends calls that are Idempotent, and messages, again instead.
	ErrUnknownOutcome = errors.New("gantline: outcome unknown")
	// ErrPending is what PendingCall.Result and Publication.Err return before the end.
	ErrPending = errors.New("gantline: publication is not done yet")
	// ErrUnsupported is returned for what the peer's dialect cannot do. It wraps errors.ErrUnsupported.
	ErrUnsupported = fmt.Errorf("gantline: not with this peer: %w", errors.ErrUnsupported)
)

// StreamError says that a stream was reset, with which code, and by which side. CodeOf and errors.Is with
// a Code see through it.
type StreamError = mux.StreamError

// Error is what a call or a publish failed with: the peer's answer, or a local reason with a code.
//
// errors.Is finds the Code; for DeadlineExceeded and Canceled the context package's errors too; and the
// local cause, such as ErrUnknownOutcome, ErrSessionLost or net.ErrClosed. A handler may return an *Error to
// choose what the caller gets: Code, Message and Detail travel.
type Error struct {
	Code    Code
	Message string // for people; without prefix, at most 1 KiB travels
	Detail  []byte // the application's own, at most 4 KiB travels; nil = none
	Method  string // method or topic; set on the calling side
	Remote  bool   // true when the peer answered with it

	cause error // local cause, nil for a remote error
}

// Error returns the text: method, who, code, message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(prefix)
	if e.Method != "" {
		fmt.Fprintf(&b, "%q: ", e.Method)
	}
	if e.Remote {
		b.WriteString("peer answered ")
	}
	b.WriteString(e.Code.String())
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	return b.String()
}

// Unwrap returns the local cause, nil if there is none.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the error's code, or the context error that means the same.
func (e *Error) Is(target error) bool {
	if c, ok := target.(Code); ok {
		return c == e.Code
	}
	return target == context.DeadlineExceeded && e.Code == DeadlineExceeded ||
		target == context.Canceled && e.Code == Canceled
}

// errorf returns a local error with a code.
func errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// named returns e about method.
func (e *Error) named(method string) *Error {
	e.Method = method
	return e
}

// causes is a local cause made of several errors.
type causes []error

func (c causes) Error() string {
	text := make([]string, len(c))
	for i, err := range c {
		text[i] = cleanText(err)
	}
	return prefix + strings.Join(text, ": ")
}

func (c causes) Unwrap() []error { return c }

// cleanText is what of err's text travels, or goes into another error's: without our prefix.
func cleanText(err error) string { return strings.ReplaceAll(err.Error(), prefix, "") }

// contextError is the error of a call whose own context ended.
func contextError(ctx context.Context, method string) *Error {
	code := Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = DeadlineExceeded
	}
	e := &Error{Code: code, Method: method, cause: ctx.Err()}
	if why := context.Cause(ctx); why != nil && why != e.cause {
		e.Message, e.cause = cleanText(why), causes{e.cause, why}
	}
	return e
}

// errorOf is the error that an answer's head stands for, nil for OK.
func errorOf(h *frame.Head, method string) error {
	if h == nil || h.Code == OK {
		return nil
	}
	return &Error{Code: h.Code, Message: h.Text, Detail: h.Detail, Method: method, Remote: true}
}

// maxDetail is how long a detail may be that travels.
const maxDetail = frame.MaxDetail

// headOf is how a handler's error travels. A zero head for nil.
func headOf(err error) frame.Head {
	if err == nil {
		return frame.Head{}
	}
	h := frame.Head{Code: CodeOf(err)}
	var e *Error
	switch own := err.(type) {
	case *Error:
		h.Text, h.Detail = own.Message, own.Detail
	case Code:
	default:
		h.Text = cleanText(err)
		if errors.As(err, &e) {
			h.Detail = e.Detail
		}
	}
	if h.Code == OK {
		h.Code, h.Text = Internal, "the handler returned OK as an error"
	}
	if len(h.Detail) > maxDetail {
		h.Text += fmt.Sprintf(" (detail of %d bytes left out, the limit is %d)", len(h.Detail), maxDetail)
		h.Detail = nil
	}
	h.Text = clip(h.Text)
	return h
}

// clip shortens text to what a frame may carry, on a rune boundary.
func clip(text string) string {
	const more = "..."
	if len(text) <= frame.MaxText {
		return text
	}
	n := frame.MaxText - len(more)
	for n > 0 && text[n]&0xC0 == 0x80 {
		n--
	}
	return text[:n] + more
}

// unsupported is the error of what a yamux peer does not know. what may be "", as may name.
func unsupported(what, name string) error {
	text := "a yamux peer knows only streams without names and metadata"
	if what != "" {
		text = what + ": " + text
	}
	return &Error{Code: Unimplemented, Message: text, Method: name, cause: ErrUnsupported}
}
