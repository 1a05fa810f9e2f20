package frame

import (
	"fmt"
	"strings"
)

// What an Error wraps; ask with errors.Is.
var (
	ErrShort        error = reason("too short")
	ErrTooLong      error = reason("too long")
	ErrTrailing     error = reason("bytes left over")
	ErrBadFlags     error = reason("illegal flags")
	ErrBadID        error = reason("illegal id")
	ErrBadValue     error = reason("out of range")
	ErrNotCanonical error = reason("not in canonical form")
	ErrUnknownType  error = reason("unknown type")
	ErrBadSum       error = reason("wrong checksum")
	ErrBadPreface   error = reason("not a gantline preface")
)

// A reason is a sentinel whose bare text fits into an Error.
type reason string

func (r reason) Error() string { return "gantline: frame: " + string(r) }

// An Error says how bytes, or a value that is to become bytes, break the protocol.
// It wraps one of the Err values of this package.
type Error struct {
	Type   Type   // of the frame; 0 outside a frame (preface, Limits.Validate)
	Field  string // the part of the frame, such as "name" or "limits.backlog"
	Value  uint64 // what was found: a length, a number or a set of flags
	Limit  uint64 // the bound it broke, or the set of legal flags
	Reason error
}

// Error names type, field, reason, value and limit.
func (e *Error) Error() string {
	if e.Reason == ErrUnknownType {
		return fmt.Sprintf("gantline: unknown frame type 0x%02X", e.Value)
	}
	var b strings.Builder
	b.WriteString("gantline: ")
	if e.Type != 0 {
		b.WriteString(e.Type.String() + " frame: ")
	}
	b.WriteString(e.Field + ": ")
	if r, ok := e.Reason.(reason); ok {
		b.WriteString(string(r))
	} else if e.Reason != nil {
		b.WriteString(e.Reason.Error())
	}
	if e.Reason == ErrBadFlags {
		fmt.Fprintf(&b, " (got %v, legal %v)", Flags(e.Value), Flags(e.Limit))
	} else {
		fmt.Fprintf(&b, " (got %d, limit %d)", e.Value, e.Limit)
	}
	return b.String()
}

// Unwrap returns e.Reason.
func (e *Error) Unwrap() error { return e.Reason }

// number is what lengths and fields are counted in.
type number interface {
	~int | ~uint8 | ~uint32 | ~uint64
}

func fail[V, L number](t Type, field string, value V, limit L, why error) error {
	return &Error{Type: t, Field: field, Value: uint64(value), Limit: uint64(limit), Reason: why}
}
