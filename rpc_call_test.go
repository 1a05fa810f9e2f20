package gantline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// handlerModes are the ways a handler can be run.
var handlerModes = []struct {
	name string
	opts []HandlerOption
}{
	{"goroutine", nil},
	{"inline", []HandlerOption{Inline()}},
	{"one at a time", []HandlerOption{MaxConcurrent(1)}},
	{"inline, one at a time", []HandlerOption{Inline(), MaxConcurrent(1)}},
	{"three at a time", []HandlerOption{MaxConcurrent(3)}},
}

func TestCallEchoes(t *testing.T) {
	for _, mode := range handlerModes {
		for _, size := range []int{0, 1, 128, 16 << 10, 64 << 10, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", mode.name, size), func(t *testing.T) {
				c, s := pair(t, nil, nil)
				s.Handle("echo", echo, mode.opts...)
				c.Handle("echo", echo, mode.opts...)
				body := bytes.Repeat([]byte("x"), size)
				for _, e := range []*End{c, s, c} {
					got, err := e.Call(short(t), "echo", body)
					must(t, err)
					if !bytes.Equal(got, body) {
						t.Fatalf("%d bytes came back, not the %d sent", len(got), size)
					}
				}
			})
		}
	}
}

// TestCallErrors: how what a handler returns looks to the caller.
func TestCallErrors(t *testing.T) {
	detail := []byte{1, 2, 3}
	for _, c := range []struct {
		name   string
		err    error
		code   Code
		text   string // of Message
		detail []byte
	}{
		{"plain", errors.New("boom"), Unknown, "boom", nil},
		{"code", NotFound, NotFound, "", nil},
		{"wrapped code", fmt.Errorf("user 5: %w", NotFound), NotFound, "user 5: not found", nil},
		{"error", &Error{Code: Aborted, Message: "try again", Detail: detail}, Aborted, "try again", detail},
		{"wrapped error", fmt.Errorf("shard: %w", &Error{Code: Aborted, Detail: detail}), Aborted, "shard: aborted", detail},
		{"deadline", context.DeadlineExceeded, DeadlineExceeded, "context deadline exceeded", nil},
		{"canceled", context.Canceled, Canceled, "context canceled", nil},
		{"OK as an error", OK, Internal, "the handler returned OK as an error", nil},
		{"own code", Code(99), Code(99), "", nil},
		{"long text", errors.New(strings.Repeat("é", 600)), Unknown, strings.Repeat("é", 510) + "...", nil},
		{"long detail", &Error{Code: Aborted, Message: "m", Detail: make([]byte, maxDetail+1)}, Aborted, "m (detail of 4097 bytes left out, the limit is 4096)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl, s := pair(t, nil, nil)
			s.Handle("m", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return []byte("dropped"), c.err }))
			body, err := cl.Call(short(t), "m", nil)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %T %v", err, err)
			}
			if body != nil || !e.Remote || e.Code != c.code || e.Message != c.text || !bytes.Equal(e.Detail, c.detail) || e.Method != "m" {
				t.Errorf("got %+v, body %q", e, body)
			}
			want(t, err, c.code)
			if CodeOf(err) != c.code {
				t.Errorf("CodeOf = %v", CodeOf(err))
			}
			if n := strings.Count(err.Error(), prefix); n != 1 || !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("printed as %q", err)
			}
			if c.code == DeadlineExceeded {
				want(t, err, context.DeadlineExceeded)
			}
			if c.code == Canceled {
				want(t, err, context.Canceled)
			}
		})
	}
}

func TestCallRefusedHere(t *testing.T) {
	c, s := pair(t, nil, &Config{Limits: Limits{Body: 1000}})
	s.Handle("echo", echo)
	over, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	given, giveUp := context.WithCancelCause(context.Background())
	why := errors.New("user went away")
	giveUp(why)
	for _, test := range []struct {
		name   string
		ctx    context.Context
		method string
		body   []byte
		opts   []CallOption
		is     []error
		text   string
	}{
		{"body", context.Background(), "echo", make([]byte, 1001), nil, []error{ResourceExhausted}, "1001 bytes is over the peer's limit of 1000: raise Limits.Body"},
		{"no name", context.Background(), "", nil, nil, []error{InvalidArgument}, "empty"},
		{"reserved name", context.Background(), ":methods", nil, nil, []error{InvalidArgument}, "reserved"},
		{"long name", context.Background(), strings.Repeat("n", 256), nil, nil, []error{InvalidArgument}, "256 bytes is over the limit of 255"},
		{"reserved key", context.Background(), "echo", nil, []CallOption{WithMetadata(Metadata{":id": {"x"}})}, []error{InvalidArgument}, "reserved"},
		{"deadline passed", over, "echo", nil, nil, []error{DeadlineExceeded, context.DeadlineExceeded}, "deadline exceeded"},
		{"cancelled", given, "echo", nil, nil, []error{Canceled, context.Canceled, why}, "user went away"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Call(test.ctx, test.method, test.body, test.opts...)
			want(t, err, test.is...)
			if !strings.Contains(err.Error(), test.text) || strings.Count(err.Error(), prefix) != 1 {
				t.Errorf("error is %q, want %q in it", err, test.text)
			}
			if err := c.Notify(test.ctx, test.method, test.body, test.opts...); CodeOf(err) != CodeOf(test.is[0]) {
				t.Errorf("Notify: %v", err)
			}
			if _, err := c.Go(test.ctx, test.method, test.body, test.opts...).Result(); CodeOf(err) != CodeOf(test.is[0]) {
				t.Errorf("Go: %v", err)
			}
		})
	}
	// The answer is bound by the caller's limit.
	c.Handle("echo", echo)
	s.Handle("big", HandlerFunc(func(context.Context, *Request) ([]byte, error) { return make([]byte, 5<<20), nil }))
	_, err := c.Call(short(t), "big", nil)
	want(t, err, ResourceExhausted)
	if !strings.Contains(err.Error(), "Limits.Body") {
		t.Errorf("error is %q", err)
	}
	if n := c.session().Mux.Count() + s.session().Mux.Count(); n != 0 {
		t.Errorf("%d exchanges left open", n)
	}
}

// TestCallSessionLost: which calls are safe to make again.
func TestCallSessionLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s, nc := cutPair(t, nil, &Config{Limits: Limits{Calls: 1}})
		s.Handle("hang", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		sent := make(chan error, 1)
		waits := make(chan error, 2)
		go func() { _, err := c.Call(t.Context(), "hang", nil); sent <- err }()
		synctest.Wait()
		go func() { _, err := c.Call(t.Context(), "hang", nil); waits <- err }()
		go func() { waits <- c.Notify(t.Context(), "hang", nil) }()
		synctest.Wait()
		nc.Cut()
		err := <-sent
		want(t, err, ErrUnknownOutcome, ErrSessionLost, Unknown)
		if errors.Is(err, ErrNotSent) {
			t.Errorf("sent and not sent: %v", err)
		}
		for range 2 {
			err := <-waits
			want(t, err, ErrNotSent, ErrSessionLost, Unavailable)
			if errors.Is(err, ErrUnknownOutcome) || strings.Count(err.Error(), prefix) != 1 {
				t.Errorf("error is %v", err)
			}
		}
	})
}

// TestCallDeadlineWhileWaiting: the context ends a call that waits for a slot, or for the peer to take its body.
func TestCallDeadlineWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Calls: 2}})
		release := make(chan struct{})
		s.Handle("hang", HandlerFunc(func(context.Context, *Request) ([]byte, error) { <-release; return nil, nil }))
		for i := range 5 { // the slots stay taken: a call counts until its handler has returned
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			_, err := c.Call(ctx, "hang", nil)
			cancel()
			want(t, err, DeadlineExceeded, context.DeadlineExceeded)
			if d := time.Since(start); d != time.Second {
				t.Errorf("call %d took %v", i, d)
			}
		}
		close(release)
		synctest.Wait()
		_, err := c.Call(t.Context(), "hang", make([]byte, 1<<20))
		must(t, err)
	})
}
