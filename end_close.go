package gantline

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/errs"
	"github.com/gantline-project/gantline/internal/sessions"
)

// close ends e, and takes no longer than ctx. own says that its own stream is complete: that is so with Close alone. Any
// number of calls may wait for the end, and those from inside the application's code on a goroutine of e's must not.
func (e *End) close(ctx context.Context, reason error, own bool) error {
	e.life.closing.Do(func() {
		all := e.line.Close()
		if why := e.life.farewell.Load(); reason != nil {
			e.life.goodbye = goodbyeOf(reason)
		} else if why != nil && !all[0].Link.Client() {
			e.life.goodbye = *why // a client that does not hear DRAIN learns it when it comes back
		}
		e.backlog.End(errEndClosed, true)
		if all[0].Link.State() == StateUp {
			e.hookState(StateDraining) // before the link, whose goroutines may be quicker to the end
		}
		drain := e.life.goodbye
		drain.Text = cmp.Or(drain.Text, "closed")
		for _, s := range all {
			s.Mux.Drain(drain) // what comes from now on is not run, and its caller learns that
			s.Mux.CloseStreams(own)
		}
	})
	over, err := e.line.Hangup(ctx, e.life.goodbye.Code, e.life.goodbye.Text)
	if over {
		e.calls.wait()
		e.messages.wait()
	}
	return err
}

const (
	// closeShare and closeReserve bound the part of a Shutdown's time that is left for the goodbye. It is a quarter, and
	// at most 1 s. What ends with a context that is over is cut without a goodbye, as if the carrier had broken.
	closeShare   = 4
	closeReserve = time.Second
	// closeGrace is the time for the goodbye after a context that was cancelled.
	closeGrace = 250 * time.Millisecond
)

// goodbyeOf is what a reason to end means to the peer. It is in DRAIN; its code and text are in BYE.
func goodbyeOf(reason error) frame.Drain {
	var to *conn.RefusedError
	if errors.As(reason, &to) {
		return to.Goodbye()
	}
	h := headOf(reason)
	return frame.Drain{Code: h.Code, Text: h.Text}
}

// shutdown is Shutdown and ShutdownWith. What is not finished in time is cut short, and the peer learns that.
func (e *End) shutdown(ctx context.Context, reason error) error {
	if e.line.Inside() {
		return insideError("Shutdown", "")
	}
	work, stop := ctx, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		reserve := min(closeReserve, time.Until(deadline)/closeShare)
		work, stop = context.WithDeadline(ctx, deadline.Add(-reserve))
	}
	defer stop()
	err := e.drain(work, reason)
	if err == nil {
		return e.close(ctx, nil, false)
	}
	if ctx.Err() != nil {
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
		defer stop()
		ctx = grace
	}
	if reason == nil {
		reason = errCutShort
	}
	if late := e.close(ctx, reason, false); late != nil {
		err = errs.New(CodeOf(err), err.Error()+": "+cleanText(late), err, late)
	}
	return err
}

var (
	// errShutdown is the reason of Shutdown: a client is to come again.
	errShutdown = errorf(Unavailable, "shutdown")
	// errCutShort is what the peer gets of a Shutdown whose context has ended.
	errCutShort = errorf(Unavailable, "shut down before everything had finished")
)

// drain lets no new work begin and waits for what runs.
func (e *End) drain(ctx context.Context, reason error) error {
	if reason == nil {
		reason = errShutdown
	}
	if e.line.Drain() && e.ctx.Err() == nil {
		e.hookState(StateDraining)
		why := goodbyeOf(reason)
		e.life.farewell.Store(&why)
		e.line.Refuse(why)
	}
	switch e.line.Idle(ctx, e.busy) {
	case sessions.GaveUp:
		err := contextError(ctx, "")
		err.Message = "shutdown before everything had finished"
		return err
	case sessions.Finished:
		if err := context.Cause(e.ctx); !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// busy reports whether something is open or runs, or waits for a new session to be opened in.
func (e *End) busy() bool {
	return e.line.Count() > 0 || e.running.Load() > 0 || e.line.Busy()
}
