package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
)

// TestErrorCodes: each error of this package has one code, whatever is inside it, and is what it says and nothing more.
func TestErrorCodes(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	late, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	refused := &RefusedError{Code: frame.NotFound, Text: "line\nline\x1b[0m"}
	protocol := &ProtocolError{Code: frame.OutOfRange, Err: frame.NotFound}
	known := []error{ErrSessionLost, net.ErrClosed, io.EOF, context.DeadlineExceeded, context.Canceled, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, syscall.ECONNRESET, refused}
	session, is := []error{ErrSessionLost}, func(e ...error) []error { return e }
	shaking := func(err error) error { return &handshakeError{addr: addr, err: err} }
	for name, row := range map[string]struct {
		err  error
		code frame.Code
		is   []error // of known
	}{
		"closed too late":         {&UnconfirmedError{Err: errCloseTimeout}, frame.Unknown, nil},
		"closed inside user code": {&UnconfirmedError{Err: errInHandler}, frame.Unknown, nil},
		"superseded":              {errSuperseded, frame.Unavailable, session},
		"lost, EOF":               {lost(io.EOF), frame.Unavailable, is(ErrSessionLost, io.ErrUnexpectedEOF)},
		"lost, torn":              {lost(io.ErrUnexpectedEOF), frame.Unavailable, is(ErrSessionLost, io.ErrUnexpectedEOF)},
		"lost, reset":             {lost(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), frame.Unavailable, is(ErrSessionLost, syscall.ECONNRESET)},
		"lost, closed outside":    {lost(net.ErrClosed), frame.Unavailable, session},
		"lost, deadline":          {lost(os.ErrDeadlineExceeded), frame.Unavailable, session},
		"lost, context":           {lost(context.Canceled), frame.Unavailable, session},
		"lost, a code":            {lost(frame.NotFound), frame.Unavailable, session},
		"lost, refused":           {newLost("x", refused), frame.Unavailable, is(ErrSessionLost, refused)},
		"lost twice":              {newLost("x", newLost("y", refused)), frame.Unavailable, is(ErrSessionLost, refused)},

		"shaking, refused":     {shaking(refused), frame.NotFound, is(refused)},
		"shaking, hung up":     {shaking(fmt.Errorf("x: %w", io.ErrUnexpectedEOF)), frame.Unknown, is(io.ErrUnexpectedEOF)},
		"shaking, late":        {shaking(handshakeCause(late, time.Second, io.EOF)), frame.DeadlineExceeded, is(context.DeadlineExceeded)},
		"shaking, version":     {shaking(&VersionError{Local: 1, Peer: 9}), frame.Unknown, nil},
		"shaking, frame":       {shaking(&frame.Error{Reason: frame.ErrShort}), frame.Unknown, nil},
		"shaking, TLS":         {shaking(tls.AlertError(40)), frame.Unknown, nil},
		"shaking, two codes":   {shaking(errors.Join(frame.DataLoss, frame.NotFound)), frame.DataLoss, nil},
		"refused here":         {shaking(refusedHere("me", errors.Join(frame.DataLoss, frame.NotFound))), frame.DataLoss, nil},
		"refused here, plain":  {refusedHere("me", errors.New("no")), frame.PermissionDenied, nil},
		"refused here, OK":     {refusedHere("me", frame.OK), frame.PermissionDenied, nil},
		"refused here, as is":  {refusedHere("me", refused), frame.NotFound, is(refused)},
		"refused here, closed": {refusedHere("me", &RefusedError{Closed: true}), frame.Unavailable, is(net.ErrClosed)},
		"refused here, lost":   {refusedHere("me", newLost("x", refused)), frame.Unavailable, is(ErrSessionLost, refused)},

		"protocol":            {protocol, frame.OutOfRange, nil},
		"protocol, of a rule": {asProtocol(frame.ResourceExhausted), frame.ResourceExhausted, nil},
		"protocol, no code":   {asProtocol(&frame.Error{Reason: frame.ErrBadID}), frame.Internal, nil},
		"closed, kicked":      {&ClosedError{Remote: true, Code: frame.Aborted, Err: refused}, frame.Aborted, is(net.ErrClosed, refused)},
		"closed, lost":        {&ClosedError{Err: newLost("x", refused)}, frame.Unavailable, is(net.ErrClosed, ErrSessionLost, refused)},
		"closed, protocol":    {&ClosedError{Err: protocol}, frame.OutOfRange, is(net.ErrClosed)},
		"unconfirmed, code":   {&UnconfirmedError{Err: &ClosedError{Code: frame.Aborted}}, frame.Aborted, is(net.ErrClosed)},
	} {
		if got := errs.Of(row.err); got != row.code {
			t.Errorf("%s: the code is %s, want %s: %v", name, got.Name(), row.code.Name(), row.err)
		}
		for code := frame.OK; code <= frame.Unauthenticated; code++ {
			if got := errors.Is(row.err, code); got != (code == row.code) {
				t.Errorf("%s: errors.Is(err, %s) is %v: %v", name, code.Name(), got, row.err)
			}
		}
		for _, target := range known {
			want := false
			for _, e := range row.is {
				want = want || e == target
			}
			if got := errors.Is(row.err, target); got != want {
				t.Errorf("%s: errors.Is(err, %q) is %v: %v", name, target, got, row.err)
			}
		}
		if text := row.err.Error(); strings.Count(text, prefix) != 1 || strings.ContainsAny(text, "\n\x1b") || strings.Contains(text, "refused: refused") {
			t.Errorf("%s reads %q", name, text)
		}
	}
}
