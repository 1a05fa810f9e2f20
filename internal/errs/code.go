package errs

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/gantline-project/gantline/frame"
)

// Of returns the code of err, OK for nil. It is the one that Find finds. If there is none, it is what the standard
// library's errors mean: DeadlineExceeded, Canceled, Unavailable for net.ErrClosed, Unimplemented for
// errors.ErrUnsupported; else Unknown.
func Of(err error) frame.Code {
	if err == nil {
		return frame.OK
	}
	if c, ok := Find(err); ok {
		return c
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return frame.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return frame.Canceled
	case errors.Is(err, net.ErrClosed):
		return frame.Unavailable
	case errors.Is(err, errors.ErrUnsupported):
		return frame.Unimplemented
	}
	return frame.Unknown
}

// Find returns the first code in err's tree, as errors.As does.
func Find(err error) (frame.Code, bool) {
	var c frame.Code
	ok := errors.As(err, &c)
	return c, ok
}

// sealed has one code, whatever its causes have.
type sealed struct {
	code   frame.Code
	text   string
	causes []error
}

// New returns an error with a code and a text. errors.Is and errors.As find causes in it, but not their codes.
func New(code frame.Code, text string, causes ...error) error {
	return &sealed{code, text, causes}
}

// Seal returns the causes under one code, for Unwrap. Their own codes are not found; nil ones are left out.
func Seal(code frame.Code, causes ...error) error {
	s := &sealed{code: code}
	for _, err := range causes {
		if err != nil {
			s.causes = append(s.causes, err)
		}
	}
	return s
}

// Coded returns err as an error that has its code and no other. It is err itself if that is so already, and nil for nil.
// It is for errors of the application and of the system.
func Coded(err error) error {
	if err == nil {
		return nil
	}
	code := Of(err)
	one := errors.Is(err, code)
	for c := frame.OK; one && c <= frame.Unauthenticated; c++ {
		one = c == code || !errors.Is(err, c)
	}
	if one {
		return err
	}
	return &sealed{code, err.Error(), []error{err}}
}

// Error returns the text, or else the first cause's.
func (s *sealed) Error() string {
	switch {
	case s.text != "":
		return s.text
	case len(s.causes) > 0:
		return s.causes[0].Error()
	}
	return s.code.Error()
}

// Is reports whether target is the code, or one of the causes if it is no code.
func (s *sealed) Is(target error) bool {
	if c, ok := target.(frame.Code); ok {
		return c == s.code
	}
	for _, err := range s.causes {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// As sets target to the code, or to one of the causes if it takes no code.
func (s *sealed) As(target any) bool {
	if c, ok := target.(*frame.Code); ok {
		*c = s.code
		return true
	}
	for _, err := range s.causes {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}
