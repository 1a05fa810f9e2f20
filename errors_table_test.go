package gantline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/mux"
)

// known are the errors that documentation names. A row of the tables below has all that hold.
var known = []error{
	ErrNotSent, ErrUnknownOutcome, ErrSessionLost, ErrUnsupported, ErrKept, ErrPending,
	net.ErrClosed, context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, errors.ErrUnsupported, io.EOF,
}

// errorRow is an error that the package returns, with its code and those of known that it is.
type errorRow struct {
	err  error
	code Code
	is   []error
}

func checkErrors(t *testing.T, rows map[string]errorRow) {
	t.Helper()
	for name, row := range rows {
		if row.err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		oneCode(t, name, row.err, row.code)
		oneCode(t, name+", wrapped", fmt.Errorf("x: %w", row.err), row.code)
		oneCode(t, name+", in a lost session", (&Error{Code: Unavailable, cause: errors.Join(ErrSessionLost, row.err)}), Unavailable)
		for _, target := range known {
			if got := errors.Is(row.err, target); got != slices.Contains(row.is, target) {
				t.Errorf("%s: errors.Is(err, %q) is %v: %v", name, target, got, row.err)
			}
		}
	}
}

func is(errs ...error) []error { return errs }

// lostBy returns the cause of an End whose session ended for that reason.
func lostBy(t *testing.T, why error) (err error) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, nil)
		h.client(nil)
		synctest.Wait()
		h.close()
		h.cut()
		synctest.Wait()
		h.sessions.Drop(h.ends[0], why)
		err = context.Cause(h.ends[0].Context())
	})
	return err
}

// TestErrorTable: each error that this package makes has one code, for CodeOf and errors.Is, and is what documentation
// says and nothing more.
func TestErrorTable(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(context.Background())
	cancel(&Error{Code: NotFound, Message: "the user has gone"})
	late, cancelLate := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancelLate()
	var (
		refused = lostBy(t, &conn.RefusedError{Code: NotFound, Text: "the session is not known here"})
		dropped = lostBy(t, errorf(ResourceExhausted, "too much"))
		timeout = lostBy(t, context.DeadlineExceeded)
		kicked  = &conn.ClosedError{Remote: true, Code: AlreadyExists, Text: "superseded"}
		closed  = &conn.ClosedError{}
		reset   = &StreamError{Code: Aborted, Message: "conflict", Remote: true}
		drained = &StreamError{Code: Unavailable, Message: "the peer is draining", Remote: true}
		broken  = &conn.ProtocolError{Code: OutOfRange, Err: frame.NotFound}
		up, _   = pair(t, nil, nil)
		over, _ = pair(t, nil, nil)
		plain   = &End{cfg: up.cfg, ctx: up.ctx, plain: true}
		given   = func(err error, sent bool) *mux.Exchange { return &mux.Exchange{Err: err, Sent: sent} }
		boxed   = &kept{p: over.messageScope().publication(t.Context(), "t", nil), inOutbox: true}
		message = &Message{Topic: "t", sc: up.messageScope()}
	)
	_ = over.Close()
	handler := func(cause error) error {
		var hc handlerContext
		hc.init(up, up.session(), 0, 0)
		hc.cancel(cause)
		return context.Cause(&hc)
	}
	checkErrors(t, map[string]errorRow{
		"ErrNotSent":        {ErrNotSent, Unavailable, is(ErrNotSent)},
		"ErrUnknownOutcome": {ErrUnknownOutcome, Unknown, is(ErrUnknownOutcome)},
		"ErrSessionLost":    {ErrSessionLost, Unavailable, is(ErrSessionLost)},
		"ErrPending":        {ErrPending, Unknown, is(ErrPending)},
		"ErrUnsupported":    {ErrUnsupported, Unimplemented, is(ErrUnsupported, errors.ErrUnsupported)},
		"ErrKept":           {ErrKept, Unknown, is(ErrKept)},
		"ErrAckLater":       {ErrAckLater, Unknown, nil},
		"errEndClosed":      {errEndClosed, Unavailable, is(net.ErrClosed)},
		"errListenerClosed": {errListenerClosed, Unavailable, is(net.ErrClosed)},
		"errStreamClosed":   {errStreamClosed, NotFound, nil},
		"shuttingDown":      {shuttingDown("m"), Unavailable, is(ErrNotSent)},
		"insideError":       {insideError("Call", "m"), FailedPrecondition, nil},
		"errCutShort":       {errCutShort, Unavailable, nil},
		"errOutboxInUse":    {errOutboxInUse, FailedPrecondition, nil},
		"errNoBytes":        {errNoBytes, Unimplemented, is(ErrUnsupported, errors.ErrUnsupported)},
		"unsupported":       {unsupported("Call", "m"), Unimplemented, is(ErrUnsupported, errors.ErrUnsupported)},
		"closedError":       {over.closedError("m"), Unavailable, is(ErrNotSent, net.ErrClosed)},

		"answer":               {errorOf(&frame.Head{Code: NotFound}, "m"), NotFound, nil},
		"answer, late":         {errorOf(&frame.Head{Code: DeadlineExceeded}, "m"), DeadlineExceeded, is(context.DeadlineExceeded)},
		"answer, cancelled":    {errorOf(&frame.Head{Code: Canceled}, "m"), Canceled, is(context.Canceled)},
		"answer, own code":     {errorOf(&frame.Head{Code: 99}, "m"), 99, nil},
		"errorf":               {errorf(Internal, "x"), Internal, nil},
		"context cancelled":    {contextError(cancelled, "m"), Canceled, is(context.Canceled)},
		"context late":         {contextError(late, "m"), DeadlineExceeded, is(context.DeadlineExceeded)},
		"gave up, unsent":      {waitError(cancelled, false, "m"), Canceled, is(context.Canceled, ErrNotSent)},
		"late, sent":           {waitError(late, true, "m"), DeadlineExceeded, is(context.DeadlineExceeded, ErrUnknownOutcome)},
		"not started, late":    {up.startError(late, late.Err(), "m"), DeadlineExceeded, is(context.DeadlineExceeded, ErrNotSent)},
		"not started, lost":    {up.startError(t.Context(), refused, "m"), Unavailable, is(ErrNotSent, ErrSessionLost)},
		"given up":             {gaveUp(late, given(reset, true), false, "m"), DeadlineExceeded, is(context.DeadlineExceeded, ErrUnknownOutcome)},
		"given up, lost":       {gaveUp(late, given(refused, false), false, "m"), DeadlineExceeded, is(context.DeadlineExceeded, ErrNotSent)},
		"given up, lost twice": {gaveUp(late, given(refused, false), true, "m"), DeadlineExceeded, is(context.DeadlineExceeded, ErrUnknownOutcome)},

		"lost, unsent":          {up.exchangeError(refused, false, "m"), Unavailable, is(ErrNotSent, ErrSessionLost)},
		"lost, sent":            {up.exchangeError(refused, true, "m"), Unknown, is(ErrUnknownOutcome, ErrSessionLost)},
		"dropped, sent":         {up.exchangeError(dropped, true, "m"), Unknown, is(ErrUnknownOutcome, ErrSessionLost)},
		"lost in time, sent":    {up.exchangeError(timeout, true, "m"), Unknown, is(ErrUnknownOutcome, ErrSessionLost, context.DeadlineExceeded)},
		"kicked, sent":          {over.exchangeError(kicked, true, "m"), Unknown, is(ErrUnknownOutcome, net.ErrClosed)},
		"closed, unsent":        {over.exchangeError(closed, false, "m"), Unavailable, is(ErrNotSent, net.ErrClosed)},
		"reset":                 {up.exchangeError(reset, true, "m"), Aborted, nil},
		"drained":               {up.exchangeError(drained, false, "m"), Unavailable, is(ErrNotSent)},
		"would wait":            {up.exchangeError(mux.ErrWouldWait, false, "m"), FailedPrecondition, nil},
		"would wait, sent once": {knownOf(up.exchangeError(mux.ErrWouldWait, false, "m"), true), FailedPrecondition, nil},
		"broken rule":           {up.exchangeError(broken, true, "m"), OutOfRange, nil},
		"not in yamux":          {plain.exchangeError(ErrUnsupported, false, "m"), Unimplemented, is(ErrUnsupported, errors.ErrUnsupported)},
		"sent before":           {knownOf(up.exchangeError(refused, false, "m"), true), Unknown, is(ErrUnknownOutcome, ErrSessionLost)},
		"sent before, late":     {knownOf(waitError(late, false, "m"), true), DeadlineExceeded, is(ErrUnknownOutcome, context.DeadlineExceeded)},
		"sent before, answered": {knownOf(errorOf(&frame.Head{Code: NotFound}, "m"), true), NotFound, nil},

		"Receive, lost":           {endedError(refused), Unavailable, is(ErrSessionLost)},
		"Receive, kicked":         {endedError(kicked), AlreadyExists, is(net.ErrClosed)},
		"Receive, reset":          {endedError(reset), Aborted, is(net.ErrClosed)},
		"Receive, stream closed":  {endedError(errStreamClosed), NotFound, is(net.ErrClosed)},
		"late ack, lost":          {message.goneError(refused), Unavailable, is(ErrSessionLost)},
		"late ack, kicked":        {message.goneError(kicked), Unavailable, is(net.ErrClosed)},
		"late ack, given up":      {message.goneError(&StreamError{Code: Canceled, Remote: true}), Canceled, is(context.Canceled)},
		"kept":                    {boxed.keptError(over.exchangeError(refused, true, "t")), Unknown, is(ErrKept, ErrUnknownOutcome, ErrSessionLost)},
		"kept, unsent":            {boxed.keptError(over.closedError("t")), Unavailable, is(ErrKept, ErrNotSent, net.ErrClosed)},
		"not forgotten":           {notForgotten(nil, syscall.ENOSPC, "t"), Unavailable, is(ErrKept)},
		"not forgotten, nacked":   {notForgotten(errorOf(&frame.Head{Code: NotFound}, "t"), ErrNotSent, "t"), NotFound, is(ErrKept, ErrNotSent)},
		"handler, reset":          {handler(reset), Aborted, nil},
		"handler, lost":           {handler(refused), Unavailable, is(ErrSessionLost)},
		"Setup":                   {setupError{errors.New("no")}, PermissionDenied, nil},
		"Setup, code":             {setupError{Unauthenticated}, Unauthenticated, nil},
		"Setup, OK":               {setupError{OK}, PermissionDenied, nil},
		"Setup, lost elsewhere":   {setupError{refused}, Unavailable, is(ErrSessionLost)},
		"ParseMessageID":          {second(ParseMessageID("x")), Unknown, nil},
		"metadata":                {second(appendMetadata(nil, Metadata{":x": nil})), InvalidArgument, nil},
		"body":                    {decode(nil, JSON, []byte("{"), new(int)), InvalidArgument, nil},
		"panic":                   {up.recovered("hook", "x", "a\nb"), Internal, nil},
		"of the application":      {errs.Coded(errors.Join(NotFound, Aborted, io.EOF)), NotFound, is(io.EOF)},
		"of the system":           {errs.Coded(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), Unknown, nil},
		"publication, given up":   {up.messageScope().result(late, given(reset, true), "t"), DeadlineExceeded, is(context.DeadlineExceeded, ErrUnknownOutcome)},
		"publication, reset":      {up.messageScope().result(t.Context(), given(reset, true), "t"), Aborted, nil},
		"openError":               {up.openError(late, late.Err(), "n"), DeadlineExceeded, is(context.DeadlineExceeded, ErrNotSent)},
		"openError, wait":         {up.openError(late, waitError(late, false, "n"), "n"), DeadlineExceeded, is(context.DeadlineExceeded, ErrNotSent)},
		"openError, drained":      {up.openError(t.Context(), drained, "n"), Unavailable, is(ErrNotSent)},
		"openError, over":         {over.openError(t.Context(), closed, "n"), Unavailable, is(net.ErrClosed, ErrNotSent)},
		"openError, open timeout": {up.openError(t.Context(), mux.ErrOpenTimeout, "n"), ResourceExhausted, nil},
	})
}

// TestErrorTableBelow is TestErrorTable for what comes from the packages below and goes through this one as it is.
func TestErrorTableBelow(t *testing.T) {
	lost := is(ErrSessionLost)
	checkErrors(t, map[string]errorRow{
		"heartbeat":         {conn.ErrHeartbeat, Unavailable, lost},
		"stalled":           {conn.ErrStalled, Unavailable, lost},
		"stood still":       {conn.ErrStoodStill, Unavailable, lost},
		"not gantline":      {conn.ErrNotGantline, Unknown, nil},
		"not broken":        {conn.ErrNotBroken, Unknown, nil},
		"stale epoch":       {conn.ErrStaleEpoch, Unknown, nil},
		"version":           {errs.Coded(&conn.VersionError{}), Unknown, nil},
		"refused":           {&conn.RefusedError{Code: PermissionDenied}, PermissionDenied, nil},
		"refused, closed":   {&conn.RefusedError{Closed: true}, Unavailable, is(net.ErrClosed)},
		"protocol":          {&conn.ProtocolError{Code: Internal, Err: frame.NotFound}, Internal, nil},
		"closed":            {&conn.ClosedError{}, Unavailable, is(net.ErrClosed)},
		"closed with code":  {&conn.ClosedError{Remote: true, Code: AlreadyExists}, AlreadyExists, is(net.ErrClosed)},
		"aborted":           {&conn.ClosedError{Err: context.Canceled}, Unavailable, is(net.ErrClosed, context.Canceled)},
		"aborted with code": {&conn.ClosedError{Err: DataLoss}, DataLoss, is(net.ErrClosed)},
		"unconfirmed, lost": {&conn.UnconfirmedError{Err: conn.ErrStalled}, Unavailable, lost},
		"unconfirmed, late": {&conn.UnconfirmedError{Err: context.DeadlineExceeded}, DeadlineExceeded, is(context.DeadlineExceeded)},
		"unconfirmed, both": {&conn.UnconfirmedError{Err: &conn.ClosedError{Remote: true, Code: NotFound}}, NotFound, is(net.ErrClosed)},
		"stream reset":      {&StreamError{Code: NotFound, Remote: true}, NotFound, nil},
		"stream cancelled":  {&StreamError{Code: Canceled}, Canceled, nil},
		"open timeout":      {mux.ErrOpenTimeout, ResourceExhausted, nil},
		"already answered":  {mux.ErrReplied, Unknown, nil},
		"yamux, closed":     {&mux.YamuxError{Kind: net.ErrClosed, Err: frame.NotFound}, Unavailable, is(net.ErrClosed)},
		"yamux, lost":       {&mux.YamuxError{Kind: mux.ErrYamuxLost, Err: io.ErrUnexpectedEOF}, Unavailable, nil},
		"yamux, protocol":   {&mux.YamuxError{Kind: mux.ErrYamuxProtocol}, Internal, nil},
	})
	for _, err := range []error{
		&Error{Code: Unavailable, cause: &conn.UnconfirmedError{Err: &conn.RefusedError{Code: NotFound}}},
		lostBy(t, &conn.UnconfirmedError{Err: &conn.RefusedError{Code: NotFound}}),
	} {
		var refused *conn.RefusedError
		var unconfirmed *conn.UnconfirmedError
		if !errors.As(err, &refused) || !errors.As(err, &unconfirmed) || refused.Code != NotFound {
			t.Errorf("errors.As does not see through %v", err)
		}
	}
}
