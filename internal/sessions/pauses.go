package sessions

import (
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// The pauses between attempts. Decision 0003 has the reasons for those after a refused dial.
const (
	// redialFirst is backoff's first interval. A pause is random, and at most twice the interval.
	redialFirst = 50 * time.Millisecond
	// redialMax is backoff's longest interval.
	redialMax = 15 * time.Second
	// redialIdle is the longest pause while dials succeed and nothing gets through.
	redialIdle = time.Second
	// redialSoon is how long after a loss no pause is longer than redialIdle. An intermittent path must be found while
	// it works.
	redialSoon = 10 * time.Second

	// redialSpread is the longest pause after the first refused dial: the server may be back at once.
	redialSpread = 20 * time.Millisecond
	// redialHerd is the longest pause after the second refused dial. Of 200 clients 17 come in 100 ms on average.
	redialHerd = 1200 * time.Millisecond
	// redialStep is the shortest pause after each further refused dial.
	redialStep = 900 * time.Millisecond
	// redialSway is the most that is added to redialStep, so that clients do not fall into step.
	redialSway = time.Second

	// progressUp is how long a carrier must be up to count as progress when nothing has got through.
	progressUp = time.Second
	// immediateMax is how many carriers in immediateSpan are dialled again without a pause, after progress.
	immediateMax  = 200
	immediateSpan = 10 * time.Second
)

// pauses is how long the redialler waits before an attempt. The redialler's goroutine owns it.
type pauses struct {
	b *backoff.ExponentialBackOff

	upSince time.Time // of the last carrier
	passed  uint64    // bytes that had got through when it came up

	spanFrom time.Time // when counting began
	spanned  int       // immediate attempts since then

	refusals int // calls of herd since the loss
	sentOn   int // sessions in a row whose servers have sent us on as soon as we were there
}

// newPauses has full jitter (RandomizationFactor 1), which spreads clients that lost the same server. See "Exponential
// Backoff And Jitter", AWS Architecture Blog, 2015.
func newPauses() pauses {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(redialFirst),
		backoff.WithRandomizationFactor(1),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(redialMax),
		backoff.WithMaxElapsedTime(0),
	)
	b.Reset()
	return pauses{b: b, upSince: time.Now()}
}

// up says that there is a carrier again.
func (p *pauses) up(passed uint64) { p.upSince, p.passed = time.Now(), passed }

// first is the pause before the first attempt after a loss: none if the carrier got something through, within bounds. sent:
// the server has asked its client to come again. It may do so each time, so nothing but a session that lasts is progress
// then, and only the first one is left at once.
func (p *pauses) first(passed uint64, sent bool) time.Duration {
	p.refusals = 0
	soon := time.Since(p.upSince) < progressUp
	if !soon || !sent {
		p.sentOn = 0
	}
	switch {
	case soon && sent:
		if p.sentOn++; p.sentOn > 1 {
			return p.b.NextBackOff()
		}
	case soon && passed == p.passed:
		return within(redialIdle, p.b.NextBackOff())
	}
	p.b.Reset()
	if now := time.Now(); now.Sub(p.spanFrom) > immediateSpan {
		p.spanFrom, p.spanned = now, 0
	}
	if p.spanned++; p.spanned > immediateMax {
		return p.b.NextBackOff()
	}
	return 0
}

// next is the pause after an attempt that failed. dialled says whether it had a carrier, down how long there has been
// none.
func (p *pauses) next(dialled bool, down time.Duration) time.Duration {
	limit := max(redialIdle, down)
	if dialled || down < redialSoon {
		limit = redialIdle
	}
	return within(limit, p.b.NextBackOff())
}

// herd is the pause after a refused dial. Backoff goes on meanwhile, for the time after redialSoon.
func (p *pauses) herd() time.Duration {
	p.b.NextBackOff()
	p.refusals++
	return herdDelay(p.refusals)
}

// herdDelay is the pause after n refused dials in a row. It is short after the first, in case the server was down only
// for a moment; after that, long enough for a crowd, since a client cannot know how many others are waiting.
func herdDelay(n int) time.Duration {
	switch n {
	case 1:
		return rand.N(redialSpread)
	case 2:
		return rand.N(redialHerd)
	}
	return redialStep + rand.N(redialSway)
}

// within is delay, or a random one up to limit if it is longer. Clients must not wait for the limit in step.
func within(limit, delay time.Duration) time.Duration {
	if delay > limit {
		return rand.N(limit)
	}
	return delay
}
