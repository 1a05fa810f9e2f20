package gantline

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
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
	redialIdle     = time.Second             // the most while dials succeed and then nothing gets through,
	redialSoon     = 10 * time.Second        // and in any case so long after the link broke: a way that flaps must be found open
	redialSpread   = 20 * time.Millisecond   // of the first redial behind a refused one,
	redialHerd     = 1200 * time.Millisecond // of the second: of 200 clients 17 come in 100 ms on average then,
	redialStep     = 900 * time.Millisecond  // least pause before each later one, and
	redialSway     = time.Second             // what may be added to it: never in step with the others (docs/decisions/0003)
	redialAttempt  = 15 * time.Second        // for one dial with its handshake
	progressUp     = time.Second             // so long up counts as progress
	immediateMax   = 200                     // immediate redials within immediateSpan
	immediateSpan  = 10 * time.Second
	maxRedirects   = 5 // addresses named by servers, one by the other
	resumeAttempts = 3 // stale answers in a row on one carrier after the other, before they count as failures
)

// redialer gives a client's End new carriers, and a new session when the old one is lost.
type redialer struct {
	e *End
	b *backoff.ExponentialBackOff

	mu      sync.Mutex // guards running
	running bool       // the goroutine lives; what follows is its own

	addr     string // where the last server has sent us
	upSince  time.Time
	passed   uint64    // when the carrier came up
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

// kick is called when the carrier or the session is gone. It returns at once; the goroutine ends when there is a
// carrier again or the End is over.
func (r *redialer) kick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running || r.e.ctx.Err() != nil {
		return
	}
	r.running = true
	r.e.redials.Go(r.work)
}

// wait waits for the goroutine. The End is over.
func (r *redialer) wait() {
	if r != nil {
		r.mu.Lock()
		over := r.e.ctx.Err() != nil // behind this none is started
		r.mu.Unlock()
		if over {
			r.e.redials.Wait()
		}
	}
}

func (r *redialer) work() {
	for {
		r.run()
		r.mu.Lock()
		s := r.e.session()
		if r.e.ctx.Err() != nil || !s.lost.Load() && s.native.State() != StateBroken {
			r.running = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
	}
}

// run dials until the End has a carrier or is over.
func (r *redialer) run() {
	e := r.e
	delay := r.firstDelay(e.session().native)
	refusals, stale, redirects := 0, 0, 0
	began := time.Now()
	for sleep(e.ctx, delay) {
		s := e.session()
		fresh := s.lost.Load()
		dialled, err := r.attempt(s, fresh)
		if !dialled {
			r.addr = ""
		}
		var no *conn.RefusedError
		switch {
		case err == nil:
			r.upSince, r.passed = time.Now(), e.session().native.Passed()
			return
		case e.ctx.Err() != nil:
			return
		case errors.Is(err, conn.ErrNotBroken):
			if l := s.native; s.lost.Load() || l.State() == StateClosed {
				delay = 0 // it has expired meanwhile
				select {
				case <-s.over:
				case <-e.ctx.Done():
					return
				}
				continue
			}
			return
		case errors.Is(err, conn.ErrStaleEpoch) && stale < resumeAttempts:
			stale++
			delay = 0
			continue
		case errors.As(err, &no) && no.Addr != "" && !no.Closed && redirects < maxRedirects:
			redirects++
			r.addr, delay = no.Addr, no.RetryAfter
			continue
		case errors.As(err, &no) && no.RetryAfter > 0:
			delay = no.RetryAfter
			continue
		case errors.As(err, &no) && fresh && (no.Code == Unauthenticated || no.Code == PermissionDenied):
			e.finish(&refusedForGood{no})
			return
		case errors.As(err, &no) && !fresh && (no.Closed || lostForGood(no.Code)):
			s.native.Lose(no)
			delay = 0
			continue
		}
		e.logger().Debug("gantline: redial failed", "peer", s.native.Peer().ID, "err", err)
		down := time.Since(began)
		delay = r.b.NextBackOff()
		switch {
		case dialled:
			delay = within(redialIdle, delay)
		case errors.Is(err, syscall.ECONNREFUSED) && down < redialSoon: // the server is gone: all its clients are here
			delay = herdDelay(refusals)
			refusals++
		default:
			delay = within(max(redialIdle, down), delay)
			if down < redialSoon {
				delay = within(redialIdle, delay)
			}
		}
	}
}

// herdDelay is the pause behind n refused dials and one more. It is short once, for a server that was only blinking, and
// from then on as long as it has to be for a crowd: how many others wait nobody knows.
func herdDelay(n int) time.Duration {
	switch n {
	case 0:
		return rand.N(redialSpread)
	case 1:
		return rand.N(redialHerd)
	}
	return redialStep + rand.N(redialSway)
}

// refusedForGood ends an End whose session was lost and that gets no other.
type refusedForGood struct{ refusal *conn.RefusedError }

func (e *refusedForGood) Error() string {
	return prefix + "session lost, and the server wants no new one: " + cleanText(e.refusal)
}

func (e *refusedForGood) Unwrap() []error { return []error{ErrSessionLost, e.refusal} }

// redialHint is what Redialing tells.
type redialHint struct {
	addr string
	home net.Addr
}

type redialHintKey struct{}

// Redialing tells a Config.Redial of its own, which got ctx, what the End knows about the next connection. addr is
// where the last server asked has sent the client, "" = nowhere in particular; a dial that fails there is not
// repeated. home is where the last carrier of the session that is to be resumed led: no other server can. It is nil
// when a fresh session is to begin. Package client goes by both.
func Redialing(ctx context.Context) (addr string, home net.Addr) {
	h, _ := ctx.Value(redialHintKey{}).(redialHint)
	return h.addr, h.home
}

// redialContext is ctx with what Redialing tells.
func (r *redialer) redialContext(ctx context.Context, s *session, fresh bool) context.Context {
	h := redialHint{addr: r.addr}
	if !fresh {
		h.home = s.link.RemoteAddr()
	}
	return context.WithValue(ctx, redialHintKey{}, h)
}

// attempt dials and resumes s, or begins a fresh session behind it, once. dialled tells whether there was a
// carrier.
func (r *redialer) attempt(s *session, fresh bool) (dialled bool, err error) {
	e := r.e
	if fresh {
		select { // everything of it is settled
		case <-s.over:
		case <-e.ctx.Done():
			return false, context.Cause(e.ctx)
		}
	}
	ctx, cancel := context.WithTimeout(e.ctx, redialAttempt)
	defer cancel()
	nc, err := e.cfg.Redial(r.redialContext(ctx, s, fresh))
	if err != nil {
		return false, err
	}
	if !fresh {
		return true, s.native.Resume(ctx, nc)
	}
	lc := e.linkConfig()
	lc.ID = s.native.LocalID()
	l, err := conn.Client(ctx, nc, lc)
	if err == nil && !e.renew(s, l) {
		err = errEndClosed
	}
	return true, err
}

// firstDelay is 0 after a carrier that got something through, within bounds.
func (r *redialer) firstDelay(l *conn.Link) time.Duration {
	if l.Passed() == r.passed && time.Since(r.upSince) < progressUp {
		return within(redialIdle, r.b.NextBackOff())
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

// within is delay, or a random one up to limit where it is more: not all at the same time.
func within(limit, delay time.Duration) time.Duration {
	if delay > limit {
		return rand.N(limit)
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
// Errors: ctx's, the dial's, FailedPrecondition on an End that cannot redial or is not up and where waiting is
// impossible (Setup, Inline handlers), why the End is over, ErrUnsupported with a yamux peer. When the old carrier was
// given up and the new one failed, the End is broken and redials as after any other loss.
func (e *End) Migrate(ctx context.Context) error {
	if e.plain {
		return unsupported("Migrate", "")
	}
	if e.redial == nil {
		return errorf(FailedPrecondition, "Migrate needs Config.Redial on the dialling side")
	}
	if err := e.mayWait(ctx, "Migrate", ""); err != nil {
		return err
	}
	s := e.session()
	nc, err := e.cfg.Redial(ctx)
	if err != nil {
		return err
	}
	err = s.native.Migrate(ctx, nc)
	if errors.Is(err, conn.ErrNotBroken) {
		if e.State() == StateUp {
			return errorf(FailedPrecondition, "Migrate: another one is under way")
		}
		return errorf(FailedPrecondition, "Migrate: the End is %v, not up", e.State())
	}
	return err
}
