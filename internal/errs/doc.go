// Package errs gives an error one code, and prints what a peer said.
//
// # Usage
//
// A reason that another error carries must not pose as that error: the refusal that ended a session has a code, and the
// lost session has another one. Seal returns the causes under one code:
//
//	func (e *lostError) Unwrap() error { return errs.Seal(frame.Unavailable, ErrSessionLost, e.err) }
//
// errors.Is and errors.As find each cause in it, except for codes: of these they find the one.
//
//	var ErrPending = errs.New(frame.Unknown, "gantline: not done yet")
//	return errs.Coded(err) // for the user, whatever it wraps
//	return "refused: " + errs.Quoted(text)
//
// # Concurrency
//
// All functions may be called from any goroutine.
//
// # Errors
//
// None of its own.
package errs
