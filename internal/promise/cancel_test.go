package promise

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// seenContext is what a handler saw of its context's end.
type seenContext struct{ err, cause error }

// waiting registers "wait", which returns only when its context is over. It returns what the handler saw then.
func waiting(end *gantline.End, started chan<- struct{}, opts ...gantline.HandlerOption) <-chan seenContext {
	seen := make(chan seenContext, cancellations)
	end.Handle("wait", gantline.HandlerFunc(func(ctx context.Context, _ *gantline.Request) ([]byte, error) {
		started <- struct{}{}
		<-ctx.Done()
		seen <- seenContext{ctx.Err(), context.Cause(ctx)}
		return nil, ctx.Err()
	}), opts...)
	return seen
}

// TestCancelReachesHandler: when the caller gives up, Call returns at once and the handler's context ends.
func TestCancelReachesHandler(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		started := make(chan struct{}, 1)
		seen := waiting(far, started)
		worst := time.Duration(0)
		for range cancellations {
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := near.Call(ctx, "wait", nil)
				failed <- err
			}()
			<-started
			start := time.Now()
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) || gantline.CodeOf(err) != gantline.Canceled {
				t.Fatalf("Call: %v", err)
			}
			saw := <-seen
			worst = max(worst, time.Since(start))
			if !errors.Is(saw.err, context.Canceled) || gantline.CodeOf(saw.cause) != gantline.Canceled {
				t.Fatalf("the handler saw %v, cause %v", saw.err, saw.cause)
			}
		}
		t.Logf("cancel reached %d handlers, at the latest after %v", cancellations, worst)
		healthy(t, near, far)
	})
}

// TestDeadlineReachesHandler: the handler has the caller's deadline, and both see it pass.
func TestDeadlineReachesHandler(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		started := make(chan struct{}, cancellations) // a late handler must not wait for room
		seen := waiting(far, started)
		const timeout = 25 * time.Millisecond
		worst := time.Duration(0)
		for range cancellations {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			start := time.Now()
			_, err := near.Call(ctx, "wait", nil)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || gantline.CodeOf(err) != gantline.DeadlineExceeded {
				t.Fatalf("Call: %v", err)
			}
			select {
			case <-started:
			default:
				continue // a busy machine: the call was late before it started
			}
			saw := <-seen
			worst = max(worst, time.Since(start)-timeout)
			if !errors.Is(saw.err, context.DeadlineExceeded) {
				t.Fatalf("the handler saw %v, cause %v", saw.err, saw.cause)
			}
		}
		t.Logf("%d deadlines passed, the handler knew at the latest %v after", cancellations, worst)
		healthy(t, near, far)
	})
}

// TestHandlerKnowsDeadline: Context.Deadline in the handler is the caller's, less than a second off.
func TestHandlerKnowsDeadline(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		got := make(chan time.Time, 1)
		far.Handle("when", gantline.HandlerFunc(func(ctx context.Context, _ *gantline.Request) ([]byte, error) {
			deadline, _ := ctx.Deadline()
			got <- deadline
			return nil, nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := near.Call(ctx, "when", nil); err != nil {
			t.Fatal(err)
		}
		want, _ := ctx.Deadline()
		if d := (<-got).Sub(want).Abs(); d > time.Second {
			t.Errorf("the handler's deadline is %v off", d)
		}
	})
}

// TestCallerDoesNotWaitForHandler: a handler that ignores its context delays nobody but itself.
func TestCallerDoesNotWaitForHandler(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		release := make(chan struct{})
		far.Handle("stubborn", gantline.HandlerFunc(func(context.Context, *gantline.Request) ([]byte, error) {
			<-release
			return []byte("too late"), nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := near.Call(ctx, "stubborn", nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Call: %v", err)
		}
		t.Logf("Call returned after %v with a deadline of 30 ms", time.Since(start).Round(time.Millisecond))
		healthy(t, near, far)
		close(release)
		healthy(t, near, far)
	})
}

// TestCancelReachesOtherHandlers: the same for streaming calls and subscriptions. The call is given up by its
// context or by Cancel; the publisher gives up the message.
func TestCancelReachesOtherHandlers(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		started := make(chan struct{}, 1)
		seen := make(chan seenContext, 1)
		wait := func(ctx context.Context) error {
			started <- struct{}{}
			<-ctx.Done()
			seen <- seenContext{ctx.Err(), context.Cause(ctx)}
			return ctx.Err()
		}
		far.HandleStream("wait", func(ctx context.Context, _ *gantline.Request, _ *gantline.CallStream) error { return wait(ctx) })
		far.Subscribe("wait", func(ctx context.Context, _ *gantline.Message) error { return wait(ctx) })
		for _, tc := range []struct {
			name string
			do   func(ctx context.Context, cancel func()) error
		}{
			{"streaming call, context", func(ctx context.Context, cancel func()) error {
				cs, err := near.OpenCall(ctx, "wait")
				if err != nil {
					return err
				}
				<-started
				cancel()
				_, err = cs.Recv(ctx)
				return err
			}},
			{"streaming call, Cancel", func(ctx context.Context, _ func()) error {
				cs, err := near.OpenCall(ctx, "wait")
				if err != nil {
					return err
				}
				<-started
				cs.Cancel()
				_, err = cs.Recv(ctx)
				return err
			}},
			{"publish, context", func(ctx context.Context, cancel func()) error {
				go func() {
					<-started
					cancel()
				}()
				return near.Publish(ctx, "wait", nil)
			}},
		} {
			for range cancellations {
				ctx, cancel := context.WithCancel(t.Context())
				err := tc.do(ctx, cancel)
				cancel()
				if gantline.CodeOf(err) != gantline.Canceled {
					t.Fatalf("%s: the caller got %v", tc.name, err)
				}
				if saw := <-seen; !errors.Is(saw.err, context.Canceled) || gantline.CodeOf(saw.cause) != gantline.Canceled {
					t.Fatalf("%s: the handler saw %v, cause %v", tc.name, saw.err, saw.cause)
				}
			}
		}
		healthy(t, near, far)
	})
}

// TestLostEndReachesHandler: when the caller's End is closed, the handler's context ends and says so.
func TestLostEndReachesHandler(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		started := make(chan struct{}, 1)
		seen := waiting(far, started)
		failed := make(chan error, 1)
		go func() {
			_, err := near.Call(context.Background(), "wait", nil)
			failed <- err
		}()
		<-started
		_ = near.Close() // does not wait for its peer's handlers
		if saw := <-seen; saw.err == nil || saw.cause == nil {
			t.Errorf("the handler saw %v, cause %v", saw.err, saw.cause)
		}
		if err := <-failed; err == nil {
			t.Error("a call on a closed End succeeded")
		}
	})
}
