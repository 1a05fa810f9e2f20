package gantline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/msgio"
)

// echoStream sends back what it gets.
func echoStream(ctx context.Context, req *Request, cs *CallStream) error {
	req.SetReplyMetadata(req.Metadata)
	for {
		msg, err := cs.Recv(ctx)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = cs.Send(ctx, msg)
		}
		if err != nil {
			return err
		}
	}
}

// TestCallStreamBidi: messages of all sizes both ways at once, then the end and its metadata.
func TestCallStreamBidi(t *testing.T) {
	sizes := []int{0, 1, 100, msgio.SmallMax, msgio.SmallMax + 1, 64 << 10, 300 << 10, 1 << 20, 5}
	for _, onStream := range []bool{false, true} {
		t.Run(fmt.Sprint("on a stream: ", onStream), func(t *testing.T) {
			c, s := pair(t, nil, &Config{OnStream: func(st *Stream) error {
				st.HandleStream("echo", echoStream)
				return nil
			}})
			s.HandleStream("echo", echoStream)
			on := c.Stream
			if onStream {
				st, err := c.OpenStream(short(t))
				must(t, err)
				on = st
			}
			must(t, swarm(8, func(i int) error {
				ctx := short(t)
				var reply Metadata
				cs, err := on.OpenCall(ctx, "echo", WithMetadata(Metadata{"k": {"v"}}), ReplyMetadata(&reply))
				if err != nil {
					return err
				}
				sent := make(chan error, 1)
				go func() {
					for _, n := range sizes {
						if err := cs.Send(ctx, bytes.Repeat([]byte{byte(i)}, n)); err != nil {
							sent <- err
							return
						}
					}
					sent <- cs.CloseSend()
				}()
				for _, n := range sizes {
					msg, err := cs.Recv(ctx)
					if err != nil {
						return err
					}
					if !bytes.Equal(msg, bytes.Repeat([]byte{byte(i)}, n)) {
						return fmt.Errorf("%d bytes came back, not the %d sent", len(msg), n)
					}
				}
				for range 2 {
					if _, err := cs.Recv(ctx); err != io.EOF {
						return fmt.Errorf("the end is %v", err)
					}
				}
				if reply.Get("k") != "v" {
					return fmt.Errorf("reply metadata is %v", reply)
				}
				return <-sent
			}))
		})
	}
}

// TestCallStreamEnds: how the ways to end a call look on both sides.
func TestCallStreamEnds(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler func(ctx context.Context, req *Request, cs *CallStream) error
		caller  func(ctx context.Context, cancel context.CancelFunc, cs *CallStream)
		code    Code  // of the caller's last Recv; OK = io.EOF
		cause   error // of the handler's context, when the handler waits for it
	}{
		{"error", func(context.Context, *Request, *CallStream) error { return &Error{Code: Aborted, Message: "no"} }, nil, Aborted, nil},
		{"panic", func(context.Context, *Request, *CallStream) error { panic("boom") }, nil, Internal, nil},
		{"answers without reading", func(ctx context.Context, _ *Request, cs *CallStream) error {
			return cs.Send(ctx, []byte("x"))
		}, func(ctx context.Context, _ context.CancelFunc, cs *CallStream) {
			for cs.Send(ctx, make([]byte, 1000)) != io.EOF { // until it hears that nobody listens
			}
		}, OK, nil},
		{"context cancelled", nil, func(_ context.Context, cancel context.CancelFunc, _ *CallStream) { cancel() }, Canceled, Canceled},
		{"Cancel", nil, func(_ context.Context, _ context.CancelFunc, cs *CallStream) { cs.Cancel() }, Canceled, Canceled},
		{"deadline", nil, func(context.Context, context.CancelFunc, *CallStream) { <-time.After(time.Minute) }, DeadlineExceeded, context.DeadlineExceeded},
		{"unknown method", nil, nil, Unimplemented, nil},
		{"unary method", nil, nil, Unimplemented, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, s := pair(t, nil, nil)
				causes := make(chan error, 1)
				h := test.handler
				if h == nil {
					h = func(ctx context.Context, _ *Request, cs *CallStream) error {
						_, err := cs.Recv(ctx)
						if CodeOf(err) != test.code {
							t.Errorf("the handler's Recv: %v", err)
						}
						<-ctx.Done()
						causes <- context.Cause(ctx)
						return err
					}
				}
				s.HandleStream("m", h)
				s.Handle("unary method", echo)
				method := "m"
				if test.code == Unimplemented {
					method = test.name
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				cs, err := c.OpenCall(ctx, method)
				must(t, err)
				synctest.Wait()
				if test.caller != nil {
					test.caller(ctx, cancel, cs)
				}
				for err == nil {
					_, err = cs.Recv(t.Context())
				}
				if test.code == OK {
					want(t, err, io.EOF)
				} else {
					want(t, err, test.code)
				}
				if test.cause != nil {
					want(t, <-causes, test.cause)
				}
				synctest.Wait()
				if n := c.session().Mux.Count() + s.session().Mux.Count(); n != 0 {
					t.Errorf("%d calls left open", n)
				}
			})
		})
	}
}

// TestCallStreamWaitEnds: a wait's own context ends the wait and not the call, and loses nothing.
func TestCallStreamWaitEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		step := make(chan int)
		s.HandleStream("m", func(ctx context.Context, _ *Request, cs *CallStream) error {
			<-step
			if _, err := cs.ms.Write([]byte{0, 0, 0}); err != nil { // a part of a message
				return err
			}
			<-step
			if _, err := cs.ms.Write([]byte{4, 'a', 'b'}); err != nil {
				return err
			}
			<-step
			_, err := cs.ms.Write([]byte{'c', 'd'})
			return err
		})
		cs, err := c.OpenCall(t.Context(), "m")
		must(t, err)
		for i := range 4 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			msg, err := cs.Recv(ctx)
			cancel()
			if i == 3 {
				must(t, err)
				if string(msg) != "abcd" {
					t.Errorf("got %q", msg)
				}
				break
			}
			want(t, err, context.DeadlineExceeded)
			step <- i
		}
		_, err = cs.Recv(t.Context())
		want(t, err, io.EOF)
	})
}

// TestCallStreamFlowControl: a sender waits for the receiver, each call for itself.
func TestCallStreamFlowControl(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.HandleStream("deaf", func(ctx context.Context, _ *Request, cs *CallStream) error { <-ctx.Done(); return nil })
		s.HandleStream("echo", echoStream)
		deaf, err := c.OpenCall(t.Context(), "deaf")
		must(t, err)
		defer deaf.Cancel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := 0
		for err == nil {
			if err = deaf.Send(ctx, make([]byte, 8<<10)); err == nil {
				sent++
			}
		}
		want(t, err, context.DeadlineExceeded)
		if sent == 0 || sent > 64 {
			t.Errorf("%d messages of 8 KiB went to a handler that reads nothing", sent)
		}
		other, err := c.OpenCall(t.Context(), "echo")
		must(t, err)
		must(t, other.Send(t.Context(), []byte("x")))
		_, err = other.Recv(t.Context())
		must(t, err)
		other.Cancel()
	})
}

func TestCallStreamLimits(t *testing.T) {
	c, s := pair(t, nil, &Config{Limits: Limits{Body: 1000}})
	s.HandleStream("echo", echoStream)
	cs, err := c.OpenCall(short(t), "echo")
	must(t, err)
	want(t, cs.Send(short(t), make([]byte, 1001)), ResourceExhausted)
	must(t, cs.Send(short(t), make([]byte, 1000))) // the refusal cost nothing
	_, err = cs.Recv(short(t))
	must(t, err)
	must(t, cs.CloseSend())
	must(t, cs.CloseSend())
	want(t, cs.Send(short(t), nil), FailedPrecondition)
	_, err = cs.Recv(short(t))
	want(t, err, io.EOF)

	// A peer that does not keep the limit is cut off before anything is allocated.
	cs, err = c.OpenCall(short(t), "echo")
	must(t, err)
	_, err = cs.ms.Write([]byte{0x7f, 0xff, 0xff, 0xff})
	must(t, err)
	_, err = cs.Recv(short(t))
	want(t, err, ResourceExhausted)
	// So is one that cuts a message short.
	cs, err = c.OpenCall(short(t), "echo")
	must(t, err)
	_, err = cs.ms.Write([]byte{0, 0, 0, 9, 1})
	must(t, err)
	must(t, cs.CloseSend())
	_, err = cs.Recv(short(t))
	want(t, err, DataLoss)
}

func TestCallStreamSessionLost(t *testing.T) {
	c, s, nc := cutPair(t, nil, nil)
	entered, handler := make(chan struct{}), make(chan error, 1)
	s.HandleStream("m", func(ctx context.Context, _ *Request, cs *CallStream) error {
		close(entered)
		_, err := cs.Recv(ctx)
		handler <- errors.Join(err, context.Cause(ctx))
		return err
	})
	cs, err := c.OpenCall(short(t), "m")
	must(t, err)
	must(t, c.Notify(short(t), "x", nil))
	<-entered // a call whose session is lost before is not handled
	nc.Cut()
	_, err = cs.Recv(short(t))
	want(t, err, ErrSessionLost, ErrUnknownOutcome)
	want(t, <-handler, ErrSessionLost)
}

// TestCallStreamLostBeforeItRuns: a call that still waits for its turn when the session is lost is not handled, and
// its place is free.
func TestCallStreamLostBeforeItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, nc := cutPair(t, nil, nil)
		entered, leave := make(chan struct{}, 2), make(chan struct{})
		s.HandleStream("m", func(context.Context, *Request, *CallStream) error {
			entered <- struct{}{}
			<-leave
			return nil
		}, MaxConcurrent(1))
		_, err := c.OpenCall(short(t), "m")
		must(t, err)
		<-entered
		waits, err := c.OpenCall(short(t), "m")
		must(t, err)
		synctest.Wait()
		nc.Cut()
		_, err = waits.Recv(short(t))
		want(t, err, ErrSessionLost, ErrUnknownOutcome)
		synctest.Wait()
		close(leave)
		synctest.Wait()
		if len(entered) > 0 || s.Stats().Handlers > 0 {
			t.Errorf("it was handled; %d handlers run", s.Stats().Handlers)
		}
	})
}

// TestCallStreamBoundedEnd: the end of the call while a wait bounded by another context ends leaves the deadline passed.
func TestCallStreamBoundedEnd(t *testing.T) {
	callCtx, endCall := context.WithCancel(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cs := &CallStream{ctx: callCtx}
	var mu sync.Mutex
	var deadline time.Time
	set := func(d time.Time) error {
		if d.IsZero() {
			endCall() // whose watcher has set the deadline by now
		}
		mu.Lock()
		defer mu.Unlock()
		deadline = d
		return nil
	}
	w := cs.watch(ctx, set)
	cancel()
	w.end()
	if !deadline.Equal(past) {
		t.Errorf("the deadline is %v, want %v", deadline, past)
	}
}
