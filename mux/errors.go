package mux

import (
	"fmt"
	"net"
	"os"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// StreamError says that a stream was reset, and by whom.
//
// errors.Is(err, code) holds for the frame.Code it carries.
type StreamError struct {
	Code    frame.Code // why, in the field's canonical codes
	Message string     // text for people, at most frame.MaxText bytes from a peer
	Remote  bool       // true when the peer reset it
}

// Error returns the text, with who reset the stream and the code's name.
func (e *StreamError) Error() string {
	who := "reset here"
	if e.Remote {
		who = "reset by the peer"
	}
	if e.Message == "" {
		return fmt.Sprintf("gantline: stream %s: %s", who, e.Code.String())
	}
	return fmt.Sprintf("gantline: stream %s: %s: %s", who, e.Code.String(), errs.Quoted(e.Message))
}

// Unwrap returns the code.
func (e *StreamError) Unwrap() error { return e.Code }

// localError is an error of this side whose kind, and code, is one of the standard library's.
type localError struct {
	text string
	kind error
}

func (e *localError) Error() string   { return e.text }
func (e *localError) Unwrap() error   { return e.kind }
func (e *localError) Timeout() bool   { return e.kind == os.ErrDeadlineExceeded }
func (e *localError) Temporary() bool { return e.Timeout() }

// Is reports whether target is the code of the kind.
func (e *localError) Is(target error) bool {
	c, ok := target.(frame.Code)
	return ok && c == errs.Of(e.kind)
}

var (
	errClosed      = &localError{"gantline: stream is closed here", net.ErrClosed}
	errWriteClosed = &localError{"gantline: write after CloseWrite", net.ErrClosed}
	errReadClosed  = &localError{"gantline: read after CloseRead", net.ErrClosed}
	errPeerStopped = &localError{"gantline: the peer has closed its reading side of the stream", net.ErrClosed}
	errDeadline    = &localError{"gantline: i/o timeout", os.ErrDeadlineExceeded}
)

// errAnswered ends the sending of a body whose answer has already come.
var errAnswered = errs.New(frame.Unknown, "gantline: answered before the body was sent")

// protocolError is what HandleFrame returns for a frame no correct peer sends.
func protocolError(id uint64, format string, args ...any) error {
	return fmt.Errorf("protocol error on stream %d: %s", id, fmt.Sprintf(format, args...))
}

// errEarlyNothing is for EARLY on a frame without body bytes. A HEAD block is free: there is nothing to charge.
func errEarlyNothing(id uint64) error {
	return protocolError(id, "EARLY on a frame without body bytes")
}
