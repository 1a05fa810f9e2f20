package handlerctx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/sessions"
)

var errWhy = errors.New("why")

// started returns a context in a session that end ends.
func started(t *testing.T, timeout time.Duration, watched bool) (c *Context, end context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(t.Context())
	c = &Context{Watched: watched}
	c.Init(&sessions.Session{Ctx: ctx}, timeout)
	return c, end
}

// TestEnds: what ends a context, whether or not somebody asked for Done before.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		watched bool
		do      func(c *Context, endSession context.CancelCauseFunc)
		err     error
		cause   error // as context.Cause has it
	}{
		"the call is over":       {0, false, func(c *Context, _ context.CancelCauseFunc) { c.End(context.Canceled, nil) }, context.Canceled, context.Canceled},
		"given up, with a cause": {0, false, func(c *Context, _ context.CancelCauseFunc) { c.End(context.Canceled, errWhy) }, context.Canceled, errWhy},
		"only the first counts": {0, false, func(c *Context, _ context.CancelCauseFunc) {
			c.End(context.Canceled, errWhy)
			c.End(context.DeadlineExceeded, nil)
		}, context.Canceled, errWhy},
		"the deadline":              {time.Minute, false, func(*Context, context.CancelCauseFunc) { <-time.After(time.Minute) }, context.DeadlineExceeded, context.DeadlineExceeded},
		"the session":               {0, false, func(_ *Context, end context.CancelCauseFunc) { end(errWhy) }, context.Canceled, errWhy},
		"the session, watched":      {0, true, func(c *Context, end context.CancelCauseFunc) { end(errWhy); c.End(context.Canceled, errWhy) }, context.Canceled, errWhy},
		"before the deadline":       {time.Minute, false, func(*Context, context.CancelCauseFunc) { <-time.After(time.Minute - 1) }, nil, nil},
		"nothing":                   {0, true, func(*Context, context.CancelCauseFunc) {}, nil, nil},
		"the session, not asked of": {time.Minute, false, func(_ *Context, end context.CancelCauseFunc) { end(errWhy) }, context.Canceled, errWhy},
	} {
		for _, asked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hc, endSession := started(t, c.timeout, c.watched)
					defer endSession(nil)
					if asked {
						hc.Done()
					}
					c.do(hc, endSession)
					synctest.Wait()
					if err := hc.Err(); err != c.err {
						t.Errorf("Err is %v, want %v", err, c.err)
					}
					if cause := context.Cause(hc); cause != c.cause {
						t.Errorf("the cause is %v, want %v", cause, c.cause)
					}
					select {
					case <-hc.Done():
						if c.err == nil {
							t.Error("done too early")
						}
					default:
						if c.err != nil {
							t.Error("not done")
						}
					}
					hc.End(context.Canceled, nil) // lets go of timers
				})
			})
		}
	}
}

type testKey struct{}

// TestDerived: contexts derived from one end with it, cause included, and need no goroutine.
func TestDerived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hc, endSession := started(t, time.Minute, false)
		defer endSession(nil)
		child, cancel := context.WithCancel(context.WithValue(hc, testKey{}, "v"))
		defer cancel()
		called := make(chan struct{})
		context.AfterFunc(child, func() { close(called) })
		never := context.AfterFunc(hc, func() { t.Error("called after stop") })
		if !never() {
			t.Error("stop found nothing to stop")
		}
		if d, ok := child.Deadline(); !ok || time.Until(d) != time.Minute || child.Value(testKey{}) != "v" {
			t.Errorf("deadline is %v %v, value %v", d, ok, child.Value(testKey{}))
		}
		hc.End(context.Canceled, errWhy)
		<-called
		late, cancel := context.WithCancel(hc)
		defer cancel()
		for _, c := range []context.Context{hc, child, late} {
			if c.Err() != context.Canceled || context.Cause(c) != errWhy {
				t.Errorf("ended with %v because of %v", c.Err(), context.Cause(c))
			}
		}
		if never() {
			t.Error("stopped after the end")
		}
	})
}

// TestAfterFuncOfEnded: package context holds a lock that f takes, so f must not run before AfterFunc has returned. A
// handler that derives a context just when its own ends would wait for itself.
func TestAfterFuncOfEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hc, endSession := started(t, 0, false)
		defer endSession(nil)
		hc.End(context.Canceled, nil)
		lock, ran := make(chan struct{}, 1), make(chan struct{})
		lock <- struct{}{}
		stop := hc.AfterFunc(func() {
			lock <- struct{}{}
			close(ran)
		})
		<-lock
		<-ran
		if stop() {
			t.Error("stopped after the end")
		}
	})
}

// cancelled records how a call was given up.
type cancelled []frame.Code

func (c *cancelled) Cancel(code frame.Code, _ string) { *c = append(*c, code) }

// TestHold: who takes a nested call, and that it is given up once, with the code that the end means.
func TestHold(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		watched bool
		before  func(c *Context)
		holds   bool
		end     error
		want    frame.Code
	}{
		"watched":           {0, true, func(*Context) {}, true, context.Canceled, frame.Canceled},
		"deadline exceeded": {0, true, func(*Context) {}, true, context.DeadlineExceeded, frame.DeadlineExceeded},
		"not watched":       {0, false, func(*Context) {}, false, context.Canceled, 0},
		"with a deadline":   {time.Minute, true, func(*Context) {}, false, context.Canceled, 0},
		"asked for Done":    {0, true, func(c *Context) { c.Done() }, false, context.Canceled, 0},
		"over":              {0, true, func(c *Context) { c.End(context.Canceled, nil) }, false, context.Canceled, 0},
		"holds another":     {0, true, func(c *Context) { c.Hold(new(cancelled)) }, false, context.Canceled, 0},
		"held another":      {0, true, func(c *Context) { c.Hold(new(cancelled)); c.LetGo() }, true, context.Canceled, frame.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			hc, endSession := started(t, c.timeout, c.watched)
			defer endSession(nil)
			c.before(hc)
			var call cancelled
			if got := hc.Hold(&call); got != c.holds {
				t.Fatalf("Hold = %v", got)
			}
			hc.End(c.end, nil)
			hc.End(c.end, nil)
			if c.holds != (len(call) == 1) || c.holds && call[0] != c.want {
				t.Errorf("given up with %v", call)
			}
		})
	}
}

// counter is a Nester.
type counter struct{ n int }

func (c *counter) Nest() { c.n++ }

// TestInner: what is begun with a context is one deeper, and its Nester learns of it. A context that is Watched has none.
func TestInner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, watched := range []bool{false, true} {
			hc, endSession := started(t, 0, watched)
			defer endSession(nil)
			hc.Depth = 3
			var n counter
			want := 0
			if !watched {
				if hc.Inner() != 4 {
					t.Error("without a Nester")
				}
				hc.OnNest(&n)
				want = 2
			}
			for range 2 {
				if d := hc.Inner(); d != 4 {
					t.Errorf("watched %v: depth %d, want 4", watched, d)
				}
			}
			if hc.End(context.Canceled, nil); n.n != want {
				t.Errorf("watched %v: the Nester was called %d times, want %d", watched, n.n, want)
			}
		}
	})
}
