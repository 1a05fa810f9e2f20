package sessions

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/gantline-project/gantline/conn"
	"github.com/gantline-project/gantline/frame"
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
	k *Line
	b *backoff.ExponentialBackOff

	mu      sync.Mutex // guards running
	running bool       // the goroutine lives; what follows is its own

	addr     string // where the last server has sent us
	upSince  time.Time
	passed   uint64    // when the carrier came up
	spanFrom time.Time // of the immediate redials counted
	spanned  int
}

func newRedialer(k *Line) *redialer {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(redialFirst),
		backoff.WithRandomizationFactor(1),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(redialMax),
		backoff.WithMaxElapsedTime(0),
	)
	b.Reset()
	return &redialer{k: k, b: b, upSince: time.Now()}
}

// kick is called when the carrier or the session is gone. It returns at once; the goroutine ends when there is a
// carrier again or the End is over.
func (r *redialer) kick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running || r.k.ctx.Err() != nil {
		return
	}
	r.running = true
	r.k.redials.Go(r.work)
}

// wait waits for the goroutine. The End is over.
func (r *redialer) wait() {
	if r != nil {
		r.mu.Lock()
		over := r.k.ctx.Err() != nil // behind this none is started
		r.mu.Unlock()
		if over {
			r.k.redials.Wait()
		}
	}
}

func (r *redialer) work() {
	for {
		r.run()
		r.mu.Lock()
		s := r.k.Session()
		if r.k.ctx.Err() != nil || !s.lost.Load() && s.Native.State() != conn.StateBroken {
			r.running = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
	}
}

// run dials until the End has a carrier or is over.
func (r *redialer) run() {
	k := r.k
	delay := r.firstDelay(k.Session().Native)
	refusals, stale, redirects := 0, 0, 0
	began := time.Now()
	for sleep(k.ctx, delay) {
		s := k.Session()
		fresh := s.lost.Load()
		dialled, err := r.attempt(s, fresh)
		if !dialled {
			r.addr = ""
		}
		var no *conn.RefusedError
		switch {
		case err == nil:
			r.upSince, r.passed = time.Now(), k.Session().Native.Passed()
			return
		case k.ctx.Err() != nil:
			return
		case errors.Is(err, conn.ErrNotBroken):
			if l := s.Native; s.lost.Load() || l.State() == conn.StateClosed {
				delay = 0 // it has expired meanwhile
				select {
				case <-s.over:
				case <-k.ctx.Done():
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
		case errors.As(err, &no) && fresh && (no.Code == frame.Unauthenticated || no.Code == frame.PermissionDenied):
			k.Finish(&refusedForGood{no})
			return
		case errors.As(err, &no) && !fresh && (no.Closed || lostForGood(no.Code)):
			s.Native.Lose(no)
			delay = 0
			continue
		}
		k.cfg.Logger.Debug("gantline: redial failed", "peer", s.Native.Peer().ID, "err", err)
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
	return "gantline: session lost, and the server wants no new one: " + strings.ReplaceAll(e.refusal.Error(), "gantline: ", "")
}

func (e *refusedForGood) Unwrap() []error { return []error{conn.ErrSessionLost, e.refusal} }

// Hint is what is known about the next connection.
type Hint struct {
	Addr string   // where the last server has sent us, "" = nowhere
	Home net.Addr // where the last carrier led of the session that is to be resumed; nil for a fresh one
}

type hintKey struct{}

// HintOf returns what the redialler told in ctx.
func HintOf(ctx context.Context) Hint {
	h, _ := ctx.Value(hintKey{}).(Hint)
	return h
}

// redialContext is ctx with a Hint.
func (r *redialer) redialContext(ctx context.Context, s *Session, fresh bool) context.Context {
	h := Hint{Addr: r.addr}
	if !fresh {
		h.Home = s.Link.RemoteAddr()
	}
	return context.WithValue(ctx, hintKey{}, h)
}

// attempt dials and resumes s, or begins a fresh session behind it, once. dialled tells whether there was a
// carrier.
func (r *redialer) attempt(s *Session, fresh bool) (dialled bool, err error) {
	k := r.k
	if fresh {
		select { // everything of it is settled
		case <-s.over:
		case <-k.ctx.Done():
			return false, context.Cause(k.ctx)
		}
	}
	ctx, cancel := context.WithTimeout(k.ctx, redialAttempt)
	defer cancel()
	nc, err := k.cfg.Redial(r.redialContext(ctx, s, fresh))
	if err != nil {
		return false, err
	}
	if !fresh {
		return true, s.Native.Resume(ctx, nc)
	}
	lc := k.host.LinkConfig()
	lc.ID = s.Native.LocalID()
	l, err := conn.Client(ctx, nc, lc)
	if err == nil && !k.renew(s, l) {
		err = k.cfg.Closed
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
func lostForGood(c frame.Code) bool {
	switch c {
	case frame.Unavailable, frame.ResourceExhausted, frame.DeadlineExceeded, frame.Aborted:
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
