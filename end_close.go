package gantline

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gantline-project/gantline/conn"
)

// Close closes the End: streams and what was written to them are still delivered, and the goodbye is said; 5
// seconds are given for that. Then blocked operations return net.ErrClosed, calls in progress ErrUnknownOutcome,
// and contexts of handlers end. Close waits for the End's goroutines and not for handlers, so that a handler may
// call it.
//
// It returns nil only if the peer has confirmed everything that was written, else an error that names the
// number of bytes and why (*conn.UnconfirmedError). A peer that closed first, having confirmed everything, is no
// error. Close may be called again and returns the same.
func (e *End) Close() error { return e.life.close() }

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
	if e.ctx.Err() != nil { // not so when an Inline handler closes: the rest goes on behind it
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

// Shutdown closes the End once its work is done. From the start the peer opens, calls and publishes nothing new
// on the End (what it tries fails with Unavailable and ErrNotSent), nor does this side, except that handlers may
// finish theirs. Shutdown waits until no stream, call or message is open and no handler runs, then closes. When
// ctx ends first it closes at once and returns ctx's error. Do not call it from a handler: it would wait for
// itself.
func (e *End) Shutdown(ctx context.Context) error {
	if e.line.Drain() && e.ctx.Err() == nil {
		e.hookState(StateDraining)
		e.session().Mux.Drain(Unavailable, "shutdown", "")
	}
	err := e.awaitIdle(ctx)
	return errors.Join(err, e.Close())
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

// Stats are counters of an End. Numbers count from its start unless said otherwise.
type Stats struct {
	Link     conn.Stats // of the newest session
	Sessions int        // how many there have been: more than one when fresh ones were begun
	Open     int        // streams, calls and messages open now, both sides' together
	Handlers int        // handlers and subscription functions that run now
	Backlog  int        // streams that wait for AcceptStream now

	// StreamMemory and BodyMemory are the bytes granted to windows of streams and to bodies being received now, of
	// the limits of the same names.
	StreamMemory, BodyMemory int
}

// Stats returns the End's counters.
func (e *End) Stats() Stats {
	s := e.session()
	windows, bodies := s.Mux.Granted()
	return Stats{
		Link:         s.Link.Stats(),
		Sessions:     int(s.Seq),
		Open:         s.Mux.Count(),
		Handlers:     int(e.running.Load()),
		Backlog:      e.backlog.Len(),
		StreamMemory: windows,
		BodyMemory:   bodies,
	}
}
