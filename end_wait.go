package gantline

import (
	"bytes"
	"context"
	"runtime"
	"strconv"
)

// mayWait refuses what would wait for the peer for ever: anything inside Setup, and anything on an Inline
// handler's own End. On other goroutines it waits until Setup has succeeded.
func (e *End) mayWait(ctx context.Context, op, name string) error {
	_, err := e.enter(ctx, op, name)
	return err
}

// enter is mayWait for calls; it also returns the depth of a call made with ctx.
func (e *End) enter(ctx context.Context, op, name string) (depth uint8, err error) {
	if e.line.Closing() {
		return 0, e.closedError(name)
	}
	select {
	case <-e.up:
	default:
		if err := e.awaitSetup(ctx, op, name); err != nil {
			return 0, err
		}
	}
	hc := handlerFrom(ctx)
	if hc == nil {
		return 0, nil
	}
	if hc.inline && hc.end == e {
		return 0, errorf(FailedPrecondition, "%s with the context of an Inline handler would wait for its own answer: register the handler without Inline", op).named(name)
	}
	return hc.depth + 1, nil
}

func (e *End) awaitSetup(ctx context.Context, op, name string) error {
	if e.inSetup() {
		return errorf(FailedPrecondition, "%s inside Config.Setup would wait for ever, the peer is heard only afterwards: do it in a goroutine", op).named(name)
	}
	select {
	case <-e.up:
		return nil
	case <-ctx.Done():
		return contextError(ctx, name)
	case <-e.ctx.Done():
		return e.exchangeError(context.Cause(e.ctx), false, name)
	}
}

// inSetup reports whether the caller runs inside Config.Setup.
func (e *End) inSetup() bool {
	id := e.setup.Load()
	return id != 0 && id == goroutineID()
}

// closedError is what a call on an End closed here fails with.
func (e *End) closedError(name string) error {
	return &Error{Code: Unavailable, Message: "not sent, this end is closed", Method: name, cause: causes{ErrNotSent, errEndClosed}}
}

// goroutineID returns the number that the runtime prints for the current goroutine. It is slow and asked
// for only while Setup runs: nothing else tells a call inside Setup from one that Setup started.
func goroutineID() uint64 {
	var buf [64]byte
	s := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	if i := bytes.IndexByte(s, ' '); i > 0 {
		s = s[:i]
	}
	id, _ := strconv.ParseUint(string(s), 10, 64)
	return id
}
