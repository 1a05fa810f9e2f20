package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/conn"
)

func TestCodeOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		code Code
	}{
		{nil, OK},
		{errors.New("x"), Unknown},
		{io.EOF, Unknown},
		{NotFound, NotFound},
		{fmt.Errorf("x: %w", NotFound), NotFound},
		{&Error{Code: Aborted}, Aborted},
		{fmt.Errorf("x: %w", &Error{Code: Aborted}), Aborted},
		{&StreamError{Code: DataLoss}, DataLoss},
		{context.Canceled, Canceled},
		{context.DeadlineExceeded, DeadlineExceeded},
		{os.ErrDeadlineExceeded, DeadlineExceeded},
		{ErrSessionLost, Unavailable},
		{ErrNotSent, Unavailable},
		{net.ErrClosed, Unavailable},
		{ErrUnknownOutcome, Unknown},
		{ErrUnsupported, Unimplemented},
		{&conn.RefusedError{Code: PermissionDenied}, PermissionDenied},
	} {
		if got := CodeOf(test.err); got != test.code {
			t.Errorf("CodeOf(%v) = %v, want %v", test.err, got, test.code)
		}
	}
}

func TestErrorIs(t *testing.T) {
	local := &Error{Code: Unavailable, cause: errors.Join(ErrNotSent, ErrSessionLost)}
	for _, test := range []struct {
		err    error
		target error
		is     bool
	}{
		{&Error{Code: NotFound}, NotFound, true},
		{&Error{Code: NotFound}, Aborted, false},
		{&Error{Code: DeadlineExceeded, Remote: true}, context.DeadlineExceeded, true},
		{&Error{Code: Canceled}, context.Canceled, true},
		{&Error{Code: Unknown}, context.Canceled, false},
		{&StreamError{Code: NotFound}, NotFound, true},
		{local, ErrNotSent, true},
		{local, ErrSessionLost, true},
		{local, ErrUnknownOutcome, false},
		{ErrUnsupported, errors.ErrUnsupported, true},
	} {
		if got := errors.Is(test.err, test.target); got != test.is {
			t.Errorf("errors.Is(%v, %v) = %v", test.err, test.target, got)
		}
	}
}

// TestErrorText: whatever is inside, the prefix stands once, in front.
func TestErrorText(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(&Error{Code: NotFound, Method: "inner"})
	for _, test := range []struct {
		err  error
		text string
	}{
		{&Error{Code: NotFound}, `gantline: not found`},
		{&Error{Code: NotFound, Method: "m", Remote: true, Message: "no user"}, `gantline: "m": peer answered not found: no user`},
		{errorf(Internal, "%d apples", 3).named("m"), `gantline: "m": internal error: 3 apples`},
		{contextError(ctx, "m"), `gantline: "m": canceled: "inner": not found`},
		{errEndClosed, `gantline: end is closed: use of closed network connection`},
		{ErrUnsupported, `gantline: not with this peer: unsupported operation`},
	} {
		if got := test.err.Error(); got != test.text || strings.Count(got, prefix) != 1 {
			t.Errorf("got  %q\nwant %q", got, test.text)
		}
	}
}

func TestSideNames(t *testing.T) {
	for s, name := range map[Side]string{ClientSide: "client", ServerSide: "server", 0: "no side"} {
		if s.String() != name {
			t.Errorf("%d is %q", s, s)
		}
	}
}
