package flight

import (
	"context"
	"sync/atomic"
	"testing"
)

// counting is a context that counts who waits for its end.
type counting struct {
	context.Context
	joined, left atomic.Int32
	joining      func() // runs before the one who joins goes on
	looked       func() // runs before the one who asked for Err goes on
}

func (c *counting) Err() error {
	err := c.Context.Err()
	if f := c.looked; f != nil {
		c.looked = nil
		f()
	}
	return err
}

// Value hides the context within, so that package context asks AfterFunc.
func (c *counting) Value(any) any { return nil }

func (c *counting) AfterFunc(f func()) func() bool {
	c.joined.Add(1)
	stop := context.AfterFunc(c.Context, f)
	if c.joining != nil {
		c.joining()
	}
	return func() bool { c.left.Add(1); return stop() }
}

func newCounting(t *testing.T) (*counting, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return &counting{Context: ctx}, cancel
}

func (c *counting) want(t *testing.T, when string, joined, left int32) {
	t.Helper()
	if j, l := c.joined.Load(), c.left.Load(); j != joined || l != left {
		t.Errorf("%s: the context was joined %d times and left %d times, want %d and %d", when, j, l, joined, left)
	}
}

// cancelling is a context that ends when its Done channel is asked for the n-th time.
type cancelling struct {
	context.Context
	cancel context.CancelFunc
	n      atomic.Int32
}

func (c *cancelling) Done() <-chan struct{} {
	if c.n.Add(-1) == 0 {
		c.cancel()
	}
	return c.Context.Done()
}
