package routes

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// mostAtOnce is how many attempts are under way at once.
	mostAtOnce = 2
	// reapTime is how long Go waits for attempts that it has cut. It suffices for all that honour their context.
	reapTime = 50 * time.Millisecond
)

// Verdict says what the failure of an attempt means to the race.
type Verdict struct {
	Then Then
	Addr string // with Again: the address to try instead
}

// Then is what follows after a failure.
type Then uint8

// What follows after a failure.
const (
	Next  Then = iota // the next route
	Again             // once more at once: the same route, or the one to Verdict.Addr
	Stop              // nothing: the failure is the race's
	Hold              // the next route; the failure is the race's if none wins until Race.Until
)

// Race tries routes until one leads to a peer, of which it makes a T. Go may be called once.
type Race[T any] struct {
	// After returns how long the last attempt may be silent before another one begins beside it.
	After func() time.Duration
	// Held is a failure that decides at the time that Until returns. A Hold replaces it. Neither counts without Until.
	Held  error
	Until func() time.Time
	// Run runs the application's code. nil = it just runs.
	Run func(f func())
	// Shake makes a T of a connection, which it closes if it fails. It honours ctx.
	Shake func(ctx context.Context, nc net.Conn) (T, error)
	// Judge says what a failure means, that of a dial included. home: it was of an attempt at home.
	Judge func(home bool, err error) Verdict
	// Discard gets the T of an attempt that was not quick enough. Such an attempt may finish its handshake, within its
	// time: the peer may take it for done. nil = it is cut.
	Discard func(T)
	// Outlive lets those handshakes outlive the context of Go. Set.EndWith ends them.
	Outlive bool
	// Rest counts the goroutines. nil = nobody asks.
	Rest *Rest
}

// contest is one call of Go, whose goroutine owns what is not guarded by mu.
type contest[T any] struct {
	*Race[T]
	set     *Set
	all     context.Context // of all attempts
	flying  []*attempt[T]
	results chan *attempt[T]
	left    chan struct{} // closed when nobody receives results any more
	failed  Failed

	mu        sync.Mutex         // guards what follows
	decided   bool               // an attempt has won, or none can any more
	finishing int                // handshakes that go on after the decision
	cancel    context.CancelFunc // of all; called by the last of those, if there are some
}

// Go tries the routes of set.
func (x *Race[T]) Go(ctx context.Context, set *Set) (won T, err error) {
	c := &contest[T]{Race: x, set: set, results: make(chan *attempt[T]), left: make(chan struct{})}
	defer close(c.left)
	detach := func() bool { return false }
	if c.all, c.cancel = context.WithCancel(ctx); x.Outlive {
		c.cancel()
		c.all, c.cancel, detach = outliving(ctx)
	}
	set.won = nil
	w, err := c.run(ctx)
	if w == nil && err == nil {
		err = c.ended(ctx)
	}
	if c.reap() {
		detach()
		set.rest = append(set.rest, c.cancel)
	} else {
		c.cancel()
	}
	if w == nil {
		return won, err
	}
	_ = w.route.Ended(w.ctx, w.nc, nil)
	w.end()
	set.won = w.route
	return w.value, nil
}

// outliving is ctx that lives on after detach.
func outliving(ctx context.Context) (all context.Context, cancel context.CancelFunc, detach func() bool) {
	all, cancel = context.WithCancel(context.WithoutCancel(ctx))
	end := cancel
	if at, ok := ctx.Deadline(); ok {
		all, cancel = context.WithDeadline(all, at)
		stop := cancel
		cancel = func() { stop(); end() }
	}
	return all, cancel, context.AfterFunc(ctx, func() {
		if ctx.Err() == context.Canceled { // all has the deadline itself
			end()
		}
	})
}

// run is Go up to the decision. It returns the attempt that has won or why none has, and neither if ctx has ended.
func (c *contest[T]) run(ctx context.Context) (*attempt[T], error) {
	silent := time.NewTimer(time.Hour) // until another attempt begins beside those there are
	defer silent.Stop()
	patience := time.NewTimer(time.Hour) // until what is held decides
	defer patience.Stop()
	for begin := true; ; {
		if c.Held != nil {
			d := time.Until(c.Until())
			if d <= 0 {
				return c.decide(c.Held)
			}
			patience.Reset(d)
		}
		if len(c.set.Routes) > 0 && (len(c.flying) == 0 || begin && len(c.flying) < mostAtOnce) {
			r, left := c.set.Routes[0], len(c.set.Routes)
			c.set.Routes = c.set.Routes[1:]
			c.begin(r, r.Home(), left)
			silent.Reset(c.After())
		}
		if len(c.flying) == 0 {
			return c.decide(&c.failed)
		}
		begin = false
		select {
		case <-ctx.Done():
			return c.decide(nil)
		case <-silent.C:
			begin = true
		case <-patience.C:
		case a := <-c.results:
			if c.drop(a); a.err == nil {
				return a, nil
			}
			if stop := c.judge(a); stop != nil {
				return c.decide(stop)
			}
			begin = true
		}
	}
}

// judge takes the failure of a. It returns the error that ends the race, if it does.
func (c *contest[T]) judge(a *attempt[T]) error {
	v := c.Judge(a.home, a.err)
	if v.Then == Again {
		r, err := a.route, error(nil)
		if v.Addr != "" {
			r, err = c.set.Named(v.Addr)
		}
		if err == nil && v.Addr == "" {
			a.end()
		} else {
			_ = c.fail(a) // the address that it has named may be none
		}
		if err == nil {
			c.begin(r, a.home, len(c.set.Routes)+1)
		}
		return nil
	}
	err := c.fail(a)
	switch v.Then {
	case Stop:
		return err
	case Hold:
		c.Held = err
	}
	return nil
}

// fail records the failure of a.
func (c *contest[T]) fail(a *attempt[T]) error {
	err := a.route.Ended(a.ctx, a.nc, a.err)
	a.end()
	c.failed.Errs = append(c.failed.Errs, err)
	c.failed.Dialled = c.failed.Dialled || a.nc != nil
	return err
}

// decide ends the race with err, unless an attempt has just won.
func (c *contest[T]) decide(err error) (*attempt[T], error) {
	c.mu.Lock()
	late := c.decided
	c.decided = true
	c.mu.Unlock()
	for late {
		a := <-c.results
		if c.drop(a); a.err == nil {
			return a, nil
		}
	}
	return nil, err
}

func (c *contest[T]) drop(a *attempt[T]) {
	i := slices.Index(c.flying, a)
	c.flying = slices.Delete(c.flying, i, i+1)
}

// ended is the failure of a race whose context has ended, and with it the attempts.
func (c *contest[T]) ended(ctx context.Context) error {
	timer := time.NewTimer(reapTime)
	defer timer.Stop()
	for len(c.flying) > 0 {
		select {
		case a := <-c.results:
			if c.drop(a); a.err == errLate {
				a.err = context.Cause(ctx)
			}
			_ = c.fail(a)
		case <-timer.C:
			for _, a := range c.flying { // their code does not honour its context
				c.failed.Errs = append(c.failed.Errs, a.route.Ended(ctx, nil, context.Cause(ctx)))
			}
			return &c.failed
		}
	}
	return &c.failed
}

// reap cuts the attempts that are under way after the decision, and waits for them. Handshakes that may finish are left
// alone; it reports whether there are some.
func (c *contest[T]) reap() (some bool) {
	c.mu.Lock()
	c.flying = slices.DeleteFunc(c.flying, func(a *attempt[T]) bool {
		if a.finishes = a.shaking && c.Discard != nil && c.all.Err() == nil; a.finishes {
			c.finishing++
		}
		return a.finishes
	})
	some = c.finishing > 0
	c.mu.Unlock()
	timer := time.NewTimer(reapTime)
	defer timer.Stop()
	for _, a := range c.flying {
		a.end()
	}
	for len(c.flying) > 0 {
		select {
		case a := <-c.results:
			c.drop(a)
		case <-timer.C:
			return some
		}
	}
	return some
}
