package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/internal/memnet"
)

// TestMessagesOfStreams: what is published on a stream is had on that stream and nowhere else.
func TestMessagesOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		var end record
		s.Subscribe(">", end.take)
		var near, far []*Stream
		for range 2 {
			st, err := c.OpenStream(t.Context())
			must(t, err)
			near = append(near, st)
		}
		// Before the stream is accepted its messages wait.
		early, err := near[0].PublishAsync(t.Context(), "t", []byte("early"))
		must(t, err)
		for range near {
			st, err := s.AcceptStream(t.Context())
			must(t, err)
			far = append(far, st)
		}
		m := receiveOne(t, far[0])
		if string(m.Body) != "early" || m.Stream != far[0] {
			t.Errorf("got %q on stream %d", m.Body, m.Stream.ID())
		}
		must(t, m.Ack())
		must(t, early.Wait(t.Context()))

		var a, b record
		far[0].Subscribe("t", a.take)
		far[1].Subscribe("t", b.take)
		must(t, near[0].Publish(t.Context(), "t", []byte("0")))
		must(t, near[1].Publish(t.Context(), "t", []byte("1")))
		must(t, c.Publish(t.Context(), "t", []byte("2")))
		back := publishing(far[0], "t", []byte("back"))
		must(t, receiveOne(t, near[0]).Ack())
		must(t, back())
		if a.String() != "t=0" || b.String() != "t=1" || end.String() != "t=2" {
			t.Errorf("got %q, %q, %q", a.String(), b.String(), end.String())
		}

		// A stream that has ended takes no more.
		must(t, near[0].Close())
		must(t, far[0].Close())
		synctest.Wait()
		if err := near[0].Publish(t.Context(), "t", nil); err == nil {
			t.Error("published on a stream that has ended")
		}
		if _, err := far[0].Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive on a stream that has ended: %v", err)
		}
	})
}

// TestPublishInSetup: PublishAsync works before the peer is heard; what waits fails.
func TestPublishInSetup(t *testing.T) {
	var p *Publication
	var errs []error
	var got record
	subscribed := func(e *End) error { e.Subscribe(">", got.take); return nil }
	_, s := pair(t, &Config{Setup: subscribed}, &Config{Setup: func(e *End) (err error) {
		p, err = e.PublishAsync(context.Background(), "t", []byte("x"))
		_, rerr := e.Receive(t.Context())
		errs = []error{e.Publish(t.Context(), "t", nil), p.Wait(t.Context()), rerr}
		return err
	}})
	must(t, p.Wait(t.Context()))
	must(t, s.Publish(t.Context(), "t", []byte("y")))
	if got.String() != "t=x t=y" {
		t.Errorf("got %q", got.String())
	}
	for _, err := range errs {
		if !errors.Is(err, FailedPrecondition) {
			t.Errorf("waiting inside Setup: %v", err)
		}
	}
}

// TestSubscriptionContext: a subscription function may call and publish back, and sees the publisher give up.
func TestSubscriptionContext(t *testing.T) {
	c, s := pair(t, nil, nil)
	c.Handle("back", echo)
	acker(c)
	gaveUp := make(chan error, 1)
	s.Subscribe("*", func(ctx context.Context, m *Message) error {
		if FromContext(ctx) != s || RequestFromContext(ctx) != nil {
			t.Error("the context does not know the End")
		}
		if m.Topic == "wait" {
			<-ctx.Done()
			gaveUp <- ctx.Err()
			return ctx.Err()
		}
		if _, err := FromContext(ctx).Call(ctx, "back", m.Body); err != nil {
			return err
		}
		return FromContext(ctx).Publish(ctx, "back", m.Body)
	})
	mustPublish(t, c, "t", "x")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	want(t, c.Publish(ctx, "wait", nil), context.DeadlineExceeded)
	if err := <-gaveUp; err == nil {
		t.Error("the context ended without an error")
	}
}

// TestMessageDepth: a chain of messages that wait for each other ends with an error instead of hanging.
func TestMessageDepth(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, e := range []*End{c, s} {
		for i := range 20 { // a queue each, so that none is busy
			e.Subscribe(fmt.Sprintf("t%d", i), func(ctx context.Context, m *Message) error {
				return e.Publish(ctx, fmt.Sprintf("t%d", i+1), nil)
			})
		}
	}
	want(t, c.Publish(short(t), "t0", nil), ResourceExhausted)
}

// TestAckDoesNotBlock: the peer reads nothing any more, so nothing can be sent; Ack returns all the same.
func TestAckDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe()
		ends := make(chan *End, 1)
		go func() {
			e, err := Server(context.Background(), b, nil)
			if err != nil {
				t.Error(err)
			}
			ends <- e
		}()
		c, err := Client(t.Context(), a, nil)
		must(t, err)
		s := <-ends
		var ps []*Publication
		for range 100 {
			p, err := c.PublishAsync(t.Context(), "t", nil)
			must(t, err)
			ps = append(ps, p)
		}
		var ms []*Message
		for range 100 {
			ms = append(ms, receiveOne(t, s.Stream))
		}
		b.BlockWrites(true)
		full, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() {
			for {
				if _, err := s.PublishAsync(full, "t", make([]byte, 60<<10)); err != nil {
					stopped <- err
					return
				}
			}
		}()
		synctest.Wait() // it waits for room
		for _, m := range ms {
			must(t, m.Ack())
		}
		cancel()
		want(t, <-stopped, context.Canceled)
		b.BlockWrites(false)
		for _, p := range ps {
			must(t, p.Wait(t.Context()))
		}
		must(t, c.Close())
		_ = s.Close()
	})
}

func TestMessageMadeByHand(t *testing.T) {
	m := &Message{Topic: "t", Body: []byte("x")}
	must(t, m.Ack())
	want(t, m.Nack(nil), FailedPrecondition)
	if _, ok := m.Deadline(); ok {
		t.Error("has a deadline")
	}
	var body []byte
	must(t, m.Decode(&body))
}

// TestShutdownFinishesMessages: a drain loses nothing that was published before.
func TestShutdownFinishesMessages(t *testing.T) {
	const n = 200
	c, s := pair(t, nil, nil)
	got := acker(s)
	var ps []*Publication
	for range n {
		p, err := c.PublishAsync(t.Context(), "t", nil)
		must(t, err)
		ps = append(ps, p)
	}
	must(t, c.Shutdown(short(t)))
	for _, p := range ps {
		must(t, p.Err())
	}
	if got.Load() != n {
		t.Errorf("%d of %d arrived", got.Load(), n)
	}
}
