package gantline

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/gantline-project/gantline/frame"
)

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

// CodeOf returns the code of err: OK for nil, the Code of an *Error, *StreamError or Code anywhere in its
// chain, DeadlineExceeded and Canceled for the context's errors (and os.ErrDeadlineExceeded), Unavailable for
// a lost session or a closed End, Unimplemented for ErrUnsupported, else Unknown.
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
