package gantline

import (
	"context"
	"errors"
)

// What plain errors of the packages below mean to the program that called, published or opened.

// exchangeError says what an error of the mux means to the caller of method. sent tells whether the peer
// may have seen it.
func (e *End) exchangeError(err error, sent bool, method string) error {
	var (
		own *Error
		se  *StreamError
	)
	switch {
	case err == nil:
		return nil
	case e.plain && errors.Is(err, errors.ErrUnsupported):
		return unsupported("", method)
	case errors.As(err, &own) && !errors.Is(err, ErrSessionLost):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: DeadlineExceeded, Method: method, cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: Canceled, Method: method, cause: err}
	case errors.As(err, &se):
		if se.Code == Unavailable && !sent {
			err = causes{ErrNotSent, err}
		}
		return &Error{Code: se.Code, Message: se.Message, Method: method, Remote: se.Remote, cause: err}
	case e.ctx.Err() == nil && !errors.Is(err, ErrSessionLost):
		return &Error{Code: CodeOf(err), Message: cleanText(err), Method: method, cause: err}
	case sent:
		return &Error{Code: Unknown, Message: "sent, but the answer will not come: " + cleanText(err), Method: method, cause: causes{ErrUnknownOutcome, err}}
	}
	return &Error{Code: Unavailable, Message: "not sent, safe to try again: " + cleanText(err), Method: method, cause: causes{ErrNotSent, err}}
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

// waitError is the error of what waited for a session when its context ended.
func waitError(ctx context.Context, sent bool, name string) error {
	err := contextError(ctx, name)
	outcome := ErrNotSent
	if sent {
		outcome = ErrUnknownOutcome
	}
	err.cause = causes{outcome, err.cause}
	return err
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
	return &Error{Code: Unknown, Message: "sent before, but the answer will not come", Method: e.Method, cause: causes{ErrUnknownOutcome, ErrSessionLost}}
}
