package routes

import (
	"context"
	"errors"
	"net"
)

var (
	errLate   = errors.New("gantline: another connection was quicker")
	errGoexit = errors.New("gantline: the dial has ended its goroutine")
)

// An attempt is one dial with its handshake. What the goroutine sets belongs to it until the contest gets it as a result.
type attempt[T any] struct {
	route Route
	home  bool
	life  context.Context
	end   context.CancelFunc // of life

	ctx   context.Context // of Route.Limit; ends with life. Set by the goroutine, as what follows
	nc    net.Conn        // nil = the dial has failed
	value T
	err   error

	shaking  bool // guarded by contest.mu
	finishes bool // guarded by contest.mu: it goes on after the decision, and is no result
}

// begin starts an attempt.
func (c *contest[T]) begin(r Route, home bool, left int) {
	a := &attempt[T]{route: r, home: home}
	a.life, a.end = context.WithCancel(c.all)
	a.ctx = r.Limit(a.life, left)
	c.flying = append(c.flying, a)
	c.Rest.add()
	go c.try(a) // ends with a.life; Rest waits for it
}

// try is the goroutine of an attempt.
func (c *contest[T]) try(a *attempt[T]) {
	defer c.Rest.done()
	whole := false
	defer func() {
		if !whole { // the dial has ended this goroutine
			a.err = errGoexit
			c.hand(a)
		}
	}()
	c.dial(a)
	if a.err == nil && !c.mayShake(a) {
		_ = a.nc.Close()
		a.err = errLate
	}
	if a.err == nil {
		a.value, a.err = c.Shake(a.ctx, a.nc)
		first, result := c.shaken(a)
		if a.err == nil && !first {
			if c.Discard != nil {
				c.Discard(a.value)
			}
			a.err = errLate
		}
		if !result {
			c.finished(a)
			whole = true
			return
		}
	}
	whole = true
	c.hand(a)
}

// dial sets a.nc or a.err.
func (c *contest[T]) dial(a *attempt[T]) {
	dial := func() { a.nc, a.err = a.route.Dial(a.ctx) }
	if c.Run == nil {
		dial()
	} else {
		c.Run(dial)
	}
	if a.err != nil {
		a.nc = nil
	} else if a.ctx.Err() != nil && a.life.Err() == nil { // it came late, but it came
		a.ctx = a.route.Limit(a.life, 1)
	}
}

// hand gives a to the contest, unless that is over.
func (c *contest[T]) hand(a *attempt[T]) {
	select {
	case c.results <- a:
	case <-c.left:
		a.end()
	}
}

// mayShake reports whether a handshake still has a purpose.
func (c *contest[T]) mayShake(a *attempt[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.shaking = !c.decided
	return a.shaking
}

// shaken is called after a handshake. first: it decides the race, if it has succeeded. result: the contest waits for a.
func (c *contest[T]) shaken(a *attempt[T]) (first, result bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.shaking = false
	if a.err == nil {
		first = !c.decided
		c.decided = true
	}
	return first, !a.finishes
}

// finished ends an attempt that is no result.
func (c *contest[T]) finished(a *attempt[T]) {
	a.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finishing--; c.finishing == 0 {
		c.cancel()
	}
}
