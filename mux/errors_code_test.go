package mux

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// TestErrorCodes: each error of this package has one code, whatever is inside it.
func TestErrorCodes(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		code frame.Code
		is   error // nil = nothing else
	}{
		"closed":         {errClosed, frame.Unavailable, net.ErrClosed},
		"write closed":   {errWriteClosed, frame.Unavailable, net.ErrClosed},
		"read closed":    {errReadClosed, frame.Unavailable, net.ErrClosed},
		"peer stopped":   {errPeerStopped, frame.Unavailable, net.ErrClosed},
		"deadline":       {errDeadline, frame.DeadlineExceeded, os.ErrDeadlineExceeded},
		"answered":       {errAnswered, frame.Unknown, nil},
		"replied":        {ErrReplied, frame.Unknown, nil},
		"given up":       {errGivenUp, frame.Canceled, nil},
		"open timeout":   {ErrOpenTimeout, frame.ResourceExhausted, nil},
		"would wait":     {ErrWouldWait, frame.FailedPrecondition, nil},
		"reset":          {&StreamError{Code: frame.NotFound, Message: "a\nb", Remote: true}, frame.NotFound, nil},
		"own code":       {&StreamError{Code: 99}, 99, nil},
		"yamux only":     {errYamuxOnly, frame.Unimplemented, errors.ErrUnsupported},
		"yamux ids":      {errYamuxIDs, frame.ResourceExhausted, nil},
		"yamux goodbye":  {&YamuxError{Kind: net.ErrClosed, Err: errYamuxGoodbye}, frame.Unavailable, net.ErrClosed},
		"yamux, EOF":     {yamuxLost(io.EOF), frame.Unavailable, io.ErrUnexpectedEOF},
		"yamux, ended":   {yamuxLost(context.Canceled), frame.Unavailable, nil},
		"yamux, a code":  {yamuxLost(frame.NotFound), frame.Unavailable, ErrYamuxLost},
		"yamux, stalled": {yamuxStalled(1), frame.Unavailable, ErrYamuxLost},
		"yamux, rule":    {&YamuxError{Kind: ErrYamuxProtocol, Err: protocolError(1, "x")}, frame.Internal, ErrYamuxProtocol},
		"yamux, aborted": {&YamuxError{Kind: net.ErrClosed, Err: frame.NotFound}, frame.Unavailable, net.ErrClosed},
	} {
		if got := errs.Of(row.err); got != row.code {
			t.Errorf("%s: the code is %s, want %s: %v", name, got.Name(), row.code.Name(), row.err)
		}
		for code := frame.OK; code <= frame.Unauthenticated; code++ {
			if got := errors.Is(row.err, code); got != (code == row.code) {
				t.Errorf("%s: errors.Is(err, %s) is %v: %v", name, code.Name(), got, row.err)
			}
		}
		if row.is != nil && !errors.Is(row.err, row.is) {
			t.Errorf("%s is not %v: %v", name, row.is, row.err)
		}
		for _, never := range []error{io.EOF, context.Canceled, context.DeadlineExceeded} {
			if errors.Is(row.err, never) {
				t.Errorf("%s is %v: %v", name, never, row.err)
			}
		}
		if text := row.err.Error(); strings.Count(text, "gantline: ") != 1 || strings.Contains(text, "\n") {
			t.Errorf("%s reads %q", name, text)
		}
	}
}
