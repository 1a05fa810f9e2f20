package gantline

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/gantline-project/gantline/conn"
)

// How a torn connection is dialled again. Full jitter (RandomizationFactor 1) spreads clients that lost the
// same server: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
const (
	redialFirst    = 50 * time.Millisecond
	redialMax      = 15 * time.Second
	redialIdle     = time.Second      // the most while dials succeed and then nothing gets through,
	redialSoon     = 10 * time.Second // and in any case so long after the link broke: a way that flaps must be found open
	redialSpread   = 20 * time.Millisecond
	redialAttempt  = 15 * time.Second // for one dial with its handshake
	progressUp     = time.Second      // so long up counts as progress
	immediateMax   = 200              // immediate redials within immediateSpan
	immediateSpan  = 10 * time.Second
	resumeAttempts = 3 // stale answers in a row on one carrier after the other, before they count as failures
)

// redialer gives a client's End new carriers. Its methods are called by one goroutine at a time: a link breaks
// again only after it was resumed.
type redialer struct {
	e       *End
	b       *backoff.ExponentialBackOff
	upSince time.Time
	passed  uint64 // bytes that had got through, both ways, when the carrier came up

	spanFrom time.Time // of the immediate redials counted
	spanned  int
}

func newRedialer(e *End) *redialer {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(redialFirst),
		backoff.WithRandomizationFactor(1),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(redialMax),
		backoff.WithMaxElapsedTime(0),
	)
	b.Reset()
	return &redialer{e: e, b: b, upSince: time.Now()}
}

// broken is told by the link that its carrier is gone. It returns at once; the goroutine ends when the link is
// up again or the End is over.
func (r *redialer) broken(l *conn.Link, _ error) {
	r.e.redials.Go(func() { r.run(l) })
}

// run dials until the link is up, its session is lost or the End is over.
func (r *redialer) run(l *conn.Link) {
	delay, since := r.firstDelay(l), time.Now()
	refused, stale := false, 0
	for {
		if !sleep(r.e.ctx, delay) {
			return
		}
		dialled, err := r.attempt(l)
		var no *conn.RefusedError
		switch {
		case err == nil:
			r.upSince, r.passed = time.Now(), l.Passed()
			return
		case errors.Is(err, conn.ErrNotBroken), r.e.ctx.Err() != nil:
			return
		case errors.Is(err, conn.ErrStaleEpoch) && stale < resumeAttempts:
			stale++
			delay = 0
			continue
		case errors.As(err, &no) && no.RetryAfter > 0:
			delay = no.RetryAfter
			continue
		case errors.As(err, &no) && lostForGood(no.Code):
			l.Lose(no)
			return
		}
		r.e.logger().Debug("gantline: redial failed", "peer", l.Peer().ID, "err", err)
		delay = r.b.NextBackOff()
		switch {
		case !refused && errors.Is(err, syscall.ECONNREFUSED): // the server is gone: all its clients are here
			refused = true
			delay = rand.N(redialSpread)
		case dialled || time.Since(since) < redialSoon:
			delay = capped(delay)
		}
	}
}

// attempt dials and resumes once. dialled tells whether there was a carrier.
func (r *redialer) attempt(l *conn.Link) (dialled bool, err error) {
	ctx, cancel := context.WithTimeout(r.e.ctx, redialAttempt)
	defer cancel()
	nc, err := r.e.cfg.Redial(ctx)
	if err != nil {
		return false, err
	}
	return true, l.Resume(ctx, nc)
}

// firstDelay is 0 after a carrier that got something through, within bounds.
func (r *redialer) firstDelay(l *conn.Link) time.Duration {
	if l.Passed() == r.passed && time.Since(r.upSince) < progressUp {
		return capped(r.b.NextBackOff())
	}
	r.b.Reset()
	if now := time.Now(); now.Sub(r.spanFrom) > immediateSpan {
		r.spanFrom, r.spanned = now, 0
	}
	if r.spanned++; r.spanned > immediateMax {
		return r.b.NextBackOff()
	}
	return 0
}

// capped is delay, or a random one within redialIdle where it is more: not all at the same time.
func capped(delay time.Duration) time.Duration {
	if delay > redialIdle {
		return rand.N(redialIdle)
	}
	return delay
}

// lostForGood reports whether a refused resume means that the session is gone, and not that the server wants to
// be asked later.
func lostForGood(c Code) bool {
	switch c {
	case Unavailable, ResourceExhausted, DeadlineExceeded, Aborted:
		return false
	}
	return true
}

// sleep waits for d; false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Migrate moves the End to a new carrier, dialled with Config.Redial, before the old one breaks: from one
// network to another, or off a proxy that is about to stop. Streams, calls and messages go on and nobody is
// told. ctx bounds the dial and the handshake.
//
// Errors: ctx's, the dial's, FailedPrecondition on an End that cannot redial or is not up. When the old carrier
// was given up and the new one failed, the End is broken and redials as after any other loss.
func (e *End) Migrate(ctx context.Context) error {
	if e.cfg.Redial == nil || !e.link.Client() {
		return errorf(FailedPrecondition, "Migrate needs Config.Redial on the dialling side")
	}
	nc, err := e.cfg.Redial(ctx)
	if err != nil {
		return err
	}
	err = e.link.Migrate(ctx, nc)
	if errors.Is(err, conn.ErrNotBroken) {
		return errorf(FailedPrecondition, "Migrate: the End is %v, not up", e.State())
	}
	return err
}
