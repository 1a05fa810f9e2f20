package gantline

import (
	"context"
	"errors"
	"net"
	"time"
)

// closeNow is Close, called once.
func (e *End) closeNow() error {
	s := e.line.Close()
	e.backlog.End(errEndClosed, true)
	if s.Link.State() == StateUp {
		e.hookState(StateDraining) // before the link, whose goroutines may be quicker to the end
	}
	s.Mux.CloseStreams()
	err := s.Link.Close(context.Background(), OK, "")
	if s.Lost() {
		e.line.Finish(errEndClosed)
	}
	if e.ctx.Err() != nil { // not so when an Inline handler closes: the rest goes on after it
		e.line.Wait()
		s.Resending.Wait()
		e.calls.wait()
		e.messages.wait()
	}
	return err
}

// idleCheck is how often Shutdown looks whether everything has finished. Looking costs nothing while nobody
// shuts down, which counting on every call would.
const idleCheck = 5 * time.Millisecond

// drain lets no new work begin and waits for what runs.
func (e *End) drain(ctx context.Context) error {
	if e.line.Drain() && e.ctx.Err() == nil {
		e.hookState(StateDraining)
		e.session().Mux.Drain(Unavailable, "shutdown", "")
	}
	return e.awaitIdle(ctx)
}

// busy reports whether something is open or runs, or waits for a new session to be opened in.
func (e *End) busy() bool {
	return e.session().Mux.Count() > 0 || e.running.Load() > 0 || e.line.Busy()
}

func (e *End) awaitIdle(ctx context.Context) error {
	t := time.NewTicker(idleCheck)
	defer t.Stop()
	for e.busy() {
		select {
		case <-t.C:
		case <-e.ctx.Done():
			if err := context.Cause(e.ctx); !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		case <-ctx.Done():
			err := contextError(ctx, "")
			err.Message = "shutdown before everything had finished"
			return err
		}
	}
	return nil
}
