package mux

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// Kinds of the end of a yamux session, beside net.ErrClosed; see YamuxError.
var (
	// ErrYamuxLost says that the connection broke. It also counts as broken when it took no byte for the flush
	// timeout, and when the peer was silent and did not answer the heartbeat.
	ErrYamuxLost = errs.New(frame.Unavailable, "gantline: yamux: session lost")
	// ErrYamuxProtocol says that one side broke a rule of the yamux protocol. Either side may have found that.
	ErrYamuxProtocol = errs.New(frame.Internal, "gantline: yamux: protocol error")
)

// errYamuxOnly is the error of opening anything but a plain stream.
var errYamuxOnly = &localError{"gantline: not supported by a yamux peer: it knows only streams without name and metadata", errors.ErrUnsupported}

var (
	errYamuxIDs     = &StreamError{Code: frame.ResourceExhausted, Message: "the session has used up its 2^31 stream ids: dial again"}
	errYamuxGoodbye = errors.New("the peer did not hang up within the close timeout")
)

// A YamuxError says why a yamux session ended. errors.Is(err, e.Kind) holds.
type YamuxError struct {
	Kind   error // net.ErrClosed (on purpose, by either side), ErrYamuxLost or ErrYamuxProtocol
	Remote bool  // the peer closed, or the peer says that we broke the protocol
	Err    error // the details, or nil
}

// Error names the kind, the side and the details.
func (e *YamuxError) Error() string {
	s := "gantline: yamux: "
	switch {
	case e.Kind == ErrYamuxProtocol && e.Remote:
		s += "protocol error reported by the peer"
	case e.Kind == net.ErrClosed && e.Remote:
		s += "session closed by the peer"
	case e.Kind == net.ErrClosed:
		s += "session closed"
	default:
		s = e.Kind.Error()
	}
	if e.Err != nil {
		text := strings.TrimPrefix(e.Err.Error(), "gantline: ")
		s += ": " + strings.TrimPrefix(text, "protocol error ") // as HandleFrame says
	}
	return s
}

// Unwrap returns Kind and Err, under the code of Kind: Internal for ErrYamuxProtocol, else Unavailable.
func (e *YamuxError) Unwrap() []error { return []error{errs.Seal(errs.Of(e.Kind), e.Kind, e.Err)} }

// textError is the text of an error and nothing else of it.
type textError string

func (e textError) Error() string { return string(e) }

// yamuxLost wraps what the connection returned. To users of a stream its end is neither the end of the stream
// nor their own Close or deadline, so of those only the text remains.
func yamuxLost(err error) *YamuxError {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		err = textError(err.Error())
	}
	return &YamuxError{Kind: ErrYamuxLost, Err: err}
}

func yamuxStalled(d time.Duration) *YamuxError {
	return &YamuxError{Kind: ErrYamuxLost, Err: textError("the connection took no byte for " + d.String())}
}

func yamuxSilent(d time.Duration) *YamuxError {
	return &YamuxError{Kind: ErrYamuxLost, Err: textError("the peer was silent for " + d.String() + " and did not answer a ping")}
}
