package gantline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
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
	Canceled           = frame.Canceled           // the caller gave up; of an *Error, errors.Is(err, context.Canceled) holds too
	Unknown            = frame.Unknown            // a handler returned a plain error
	InvalidArgument    = frame.InvalidArgument    // the request is wrong whatever the state
	DeadlineExceeded   = frame.DeadlineExceeded   // of an *Error, errors.Is(err, context.DeadlineExceeded) holds too
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

// CodeOf returns the code of err, OK for nil.
//
// An error of this module has one code: errors.Is(err, c) holds exactly if CodeOf(err) is c. Reasons inside it do not
// count: a lost session is Unavailable, whatever ended it. io.EOF is not an error in this sense.
//
// Of any other error it is the first of these that holds:
//
//   - the code of the first error of this module in err's tree, or the Code there;
//   - DeadlineExceeded and Canceled for the context's errors, and for os.ErrDeadlineExceeded;
//   - Unavailable for net.ErrClosed, Unimplemented for errors.ErrUnsupported;
//   - Unknown.
func CodeOf(err error) Code { return errs.Of(err) }

var (
	// ErrSessionLost says that the carrier is gone and the session with it. Nobody redials, or the session could not be
	// resumed in time. Streams end, and handlers' contexts have it as their cause. Its code is Unavailable, whatever the
	// reason; End.Context names an exception. An End that redials goes on with a fresh session.
	ErrSessionLost = conn.ErrSessionLost
	// ErrNotSent says that the peer has not seen a call, message or stream and never will. It is safe to do it again. It was
	// never handed to a carrier, or the peer said that it did not get so far. An End that redials does it again by
	// itself; there the error means that the context or Close ended the wait.
	ErrNotSent = mux.ErrNotSent
	// ErrUnknownOutcome says that a call or message was sent and its answer will not come. The peer may or may not have
	// acted on it. An End that redials sends calls that are Idempotent, and messages, again instead.
	ErrUnknownOutcome = errs.New(Unknown, "gantline: outcome unknown")
	// ErrPending is what PendingCall.Result and Publication.Err return before the end.
	ErrPending = errs.New(Unknown, "gantline: publication is not done yet")
	// ErrUnsupported is returned for what the peer's dialect cannot do. It wraps errors.ErrUnsupported.
	ErrUnsupported = errs.New(Unimplemented, "gantline: not with this peer: "+errors.ErrUnsupported.Error(), errors.ErrUnsupported)
)

// StreamError says that a stream was reset, with which code, and by which side. CodeOf and errors.Is with
// a Code see through it.
type StreamError = mux.StreamError

// Error is what a call or a publish failed with: the peer's answer, or a local reason with a code.
//
// errors.Is finds the Code and no other one; for DeadlineExceeded and Canceled the context package's errors too; and
// the local cause, such as ErrUnknownOutcome, ErrSessionLost or net.ErrClosed. A handler may return an *Error to
// choose what the caller gets: Code, Message and Detail travel.
type Error struct {
	Code    Code
	Message string // for people, as the peer has sent it; without prefix, at most 1 KiB travels
	Detail  []byte // the application's own, at most 4 KiB travels; nil = none
	Method  string // method or topic; set on the calling side
	Remote  bool   // true when the peer answered with it

	cause error // local cause, nil for a remote error
}

// Error returns the text: method, who, code or unknown outcome, message. A message is quoted if it is not printable.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(prefix)
	if e.Method != "" {
		fmt.Fprintf(&b, "%q: ", e.Method)
	}
	if e.Remote {
		b.WriteString("peer answered ")
	}
	if e.Code == Unknown && errors.Is(e.cause, ErrUnknownOutcome) {
		b.WriteString(cleanText(ErrUnknownOutcome))
	} else {
		b.WriteString(e.Code.String())
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(errs.Quoted(e.Message))
	}
	return b.String()
}

// Unwrap returns the code, with the local cause under it if there is one.
func (e *Error) Unwrap() error {
	if e.cause == nil {
		return e.Code
	}
	return errs.Seal(e.Code, e.cause)
}

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
		e.Message, e.cause = cleanText(why), errors.Join(e.cause, why)
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
	h.Text = errs.Clip(h.Text)
	return h
}

// unsupported is the error of what a yamux peer does not know. what may be "", as may name.
func unsupported(what, name string) error {
	text := "a yamux peer knows only streams without names and metadata"
	if what != "" {
		text = what + ": " + text
	}
	return &Error{Code: Unimplemented, Message: text, Method: name, cause: ErrUnsupported}
}
