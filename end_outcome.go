package gantline

import (
	"context"
	"errors"
	"strings"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/mux"
)

// What plain errors of the packages below mean to the program that called, published or opened.

// exchangeError says what an error of the mux means to the caller of method. sent tells whether the peer
// may have seen it.
func (e *End) exchangeError(err error, sent bool, method string) error {
	var se *StreamError
	own, isOwn := err.(*Error)
	switch {
	case err == nil:
		return nil
	case isOwn:
		return own
	case errors.Is(err, ErrSessionLost) || closedWith(err): // whatever the reason is
	case e.plain && errors.Is(err, errors.ErrUnsupported):
		return unsupported("", method)
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: DeadlineExceeded, Method: method, cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: Canceled, Method: method, cause: err}
	case errors.As(err, &se):
		if se.Code == Unavailable && !sent {
			err = errors.Join(ErrNotSent, err)
		}
		return &Error{Code: se.Code, Message: se.Message, Method: method, Remote: se.Remote, cause: err}
	case e.ctx.Err() == nil:
		return &Error{Code: CodeOf(err), Message: cleanText(err), Method: method, cause: err}
	}
	if sent {
		return &Error{Code: Unknown, Message: cleanText(err), Method: method, cause: errors.Join(ErrUnknownOutcome, err)}
	}
	return &Error{Code: Unavailable, Message: "not sent, safe to try again: " + cleanText(err), Method: method, cause: errors.Join(ErrNotSent, err)}
}

// closedWith reports whether err is the end of a session that was closed, here or by the peer. Only the loss of a session
// is another thing: the End may live on.
func closedWith(err error) bool {
	return errors.As(err, new(*conn.ClosedError)) && !errors.Is(err, ErrSessionLost)
}

// startError is the error of a call that was not sent.
func (e *End) startError(ctx context.Context, err error, method string) error {
	switch {
	case errors.Is(err, ErrNotSent): // from the wait for a session
		return err
	case ctx.Err() != nil:
		return waitError(ctx, false, method)
	}
	return e.exchangeError(err, false, method)
}

// waitError is the error of a call, message or stream whose context ended before it was over. sent tells whether the
// peer may have seen it.
func waitError(ctx context.Context, sent bool, name string) *Error {
	return contextError(ctx, name).with(outcomes[sent])
}

var outcomes = map[bool]error{false: ErrNotSent, true: ErrUnknownOutcome}

// with returns e, which says as well what is known of the call.
func (e *Error) with(outcome error) *Error {
	e.Message = strings.TrimSuffix(cleanText(outcome)+": "+e.Message, ": ")
	e.cause = errors.Join(outcome, e.cause)
	return e
}

// gaveUp is the error of a call, or message, that was given up because its context ended. err is what x has then: the
// session may be lost, and it may be known that the peer got nothing.
func gaveUp(ctx context.Context, x *mux.Exchange, earlier bool, name string) error {
	return waitError(ctx, earlier || x.Sent || !errors.Is(x.Err, ErrSessionLost), name)
}

// knownOf is err in the light of an earlier attempt, which the peer may have seen.
func knownOf(err error, sent bool) error {
	if !sent || !errors.Is(err, ErrNotSent) {
		return err
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Code != Unavailable { // a context has ended
		return (&Error{Code: e.Code, Method: e.Method}).with(ErrUnknownOutcome)
	}
	return &Error{Code: Unknown, Message: "it was sent in a session that is lost", Method: e.Method, cause: errors.Join(ErrUnknownOutcome, ErrSessionLost)}
}
