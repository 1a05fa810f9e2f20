package gantline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// acker acks all messages on an End.
func acker(e *End) (count *atomic.Int64) {
	count = new(atomic.Int64)
	e.Subscribe(">", func(context.Context, *Message) error {
		count.Add(1)
		return nil
	})
	return count
}

// TestAsyncBothWays keeps more in flight than the receive maximum, in both directions at once, with bodies that
// fit the early window, fill the log and need credit.
func TestAsyncBothWays(t *testing.T) {
	for _, tc := range []struct{ n, size int }{{4096, 10}, {1500, 16 << 10}, {60, 200 << 10}} {
		t.Run(fmt.Sprint(tc.size), func(t *testing.T) {
			c, s := pair(t, nil, nil)
			counts := map[*End]*atomic.Int64{c: acker(c), s: acker(s)}
			var wg sync.WaitGroup
			for _, e := range []*End{c, s} {
				wg.Go(func() { publishMany(t, e, tc.n, make([]byte, tc.size)) })
			}
			wg.Wait()
			for e, count := range counts {
				if count.Load() != int64(tc.n) {
					t.Errorf("the %v got %d messages, want %d", e.Side(), count.Load(), tc.n)
				}
			}
		})
	}
}

// publishMany publishes as fast as it may and waits for all acks.
func publishMany(t *testing.T, e *End, n int, body []byte) {
	var flying sync.WaitGroup
	done := OnDone(func(err error) {
		if err != nil {
			t.Error(err)
		}
		flying.Done()
	})
	for range n {
		flying.Add(1)
		if _, err := e.PublishAsync(t.Context(), "t", body, done); err != nil {
			t.Error(err)
			flying.Done()
		}
	}
	flying.Wait()
}

func TestPublicationStates(t *testing.T) {
	c, s := pair(t, nil, nil)
	for _, outcome := range []error{nil, NotFound} {
		var calls atomic.Int64
		p, err := c.PublishAsync(t.Context(), "t", nil, OnDone(func(err error) {
			calls.Add(1)
			if !errors.Is(err, outcome) {
				t.Errorf("OnDone got %v", err)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		m := receiveOne(t, s.Stream)
		select {
		case <-p.Done():
			t.Fatal("done before the ack")
		default:
		}
		if err := p.Err(); err != ErrPending {
			t.Errorf("Err before the ack: %v", err)
		}
		early, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Wait(early); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait that is given up: %v", err)
		}
		if outcome == nil {
			_ = m.Ack()
		} else {
			_ = m.Nack(outcome)
		}
		<-p.Done()
		for _, err := range []error{p.Err(), p.Wait(t.Context()), p.Wait(early)} {
			if !errors.Is(err, outcome) {
				t.Errorf("after the end: %v, want %v", err, outcome)
			}
		}
		<-p.Done()
		if calls.Load() != 1 {
			t.Errorf("OnDone ran %d times", calls.Load())
		}
	}
}

func TestOnDonePanics(t *testing.T) {
	c, s := pair(t, nil, nil)
	acker(s)
	p, err := c.PublishAsync(t.Context(), "t", nil, OnDone(func(error) { panic("in OnDone") }))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Publish(t.Context(), "t", nil); err != nil {
		t.Errorf("after a panic in OnDone: %v", err)
	}
}

// TestForwardFromOnDone is a broker: what it has from one End it acks when another End has acked it, from
// OnDone, which runs on the goroutine that reads.
func TestForwardFromOnDone(t *testing.T) {
	const n = 2000
	producer, in := pair(t, nil, nil)
	out, consumer := pair(t, nil, nil)
	got := acker(consumer)
	in.Subscribe(">", func(ctx context.Context, m *Message) error {
		_, err := out.PublishAsync(context.Background(), m.Topic, m.Body, WithMessageID(m.ID), OnDone(func(err error) {
			if err != nil {
				_ = m.Nack(err)
				return
			}
			_ = m.Ack()
		}))
		if err != nil {
			return err
		}
		return ErrAckLater
	})
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		if _, err := producer.PublishAsync(t.Context(), "t", make([]byte, 100), OnDone(func(err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		})); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if got.Load() != n {
		t.Errorf("the consumer got %d, want %d", got.Load(), n)
	}
}

func TestNoAck(t *testing.T) {
	c, s := pair(t, nil, &Config{Limits: Limits{Messages: 4}})
	var dones atomic.Int64
	for i := range 4 { // as many as may be unread
		p, err := c.PublishAsync(t.Context(), "t", fmt.Append(nil, i), NoAck(), OnDone(func(error) { dones.Add(1) }))
		if err != nil || p.Err() != nil {
			t.Fatal(err, p.Err())
		}
		<-p.Done()
	}
	if dones.Load() != 4 {
		t.Errorf("OnDone ran %d times", dones.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Publish(ctx, "t", nil, NoAck()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one more than may be unread: %v", err)
	}
	for i := range 4 {
		m := receiveOne(t, s.Stream) // frees the slot by itself
		if string(m.Body) != fmt.Sprint(i) {
			t.Errorf("got %q, want %d", m.Body, i)
		}
		if err := c.Publish(t.Context(), "t", []byte("more"), NoAck()); err != nil {
			t.Fatal(err)
		}
		if err := m.Nack(Internal); err != nil {
			t.Errorf("Nack: %v", err)
		}
		if err := m.Ack(); !errors.Is(err, FailedPrecondition) {
			t.Errorf("second outcome: %v", err)
		}
	}
}

func TestPublishRefusals(t *testing.T) {
	c, s := pair(t, nil, &Config{Limits: Limits{Body: 100 << 10}})
	acker(s)
	for _, tc := range []struct {
		topic string
		body  []byte
		opts  []PublishOption
		code  Code
		text  string
	}{
		{"", nil, nil, InvalidArgument, "empty"},
		{"a..b", nil, nil, InvalidArgument, "empty part"},
		{"a.*", nil, nil, InvalidArgument, "wildcards"},
		{strings.Repeat("t", 256), nil, nil, InvalidArgument, "255"},
		{"t", make([]byte, 100<<10+1), nil, ResourceExhausted, "102400"},
		{"t", nil, []PublishOption{WithMetadata(Metadata{":id": {"x"}})}, InvalidArgument, "reserved"},
		{"t", nil, []PublishOption{WithMetadata(Metadata{"k": {strings.Repeat("v", 8192)}})}, InvalidArgument, "8192"},
	} {
		errs := []error{c.Publish(t.Context(), tc.topic, tc.body, tc.opts...)}
		p, err := c.PublishAsync(t.Context(), tc.topic, tc.body, tc.opts...)
		if p != nil {
			t.Errorf("%.20q: a publication together with %v", tc.topic, err)
		}
		errs = append(errs, err, c.Publish(t.Context(), tc.topic, tc.body, append(tc.opts, NoAck())...))
		for _, err := range errs {
			if !errors.Is(err, tc.code) || !strings.Contains(err.Error(), tc.text) || strings.Count(err.Error(), "gantline: ") != 1 {
				t.Errorf("%.20q with %d bytes: %v, want %v with %q", tc.topic, len(tc.body), err, tc.code, tc.text)
			}
		}
	}
	if err := c.Publish(t.Context(), "t", make([]byte, 100<<10)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// TestPublishContexts ends many publications by their contexts: shared, own, and ended before.
func TestPublishContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Subscribe(">", func(context.Context, *Message) error { return ErrAckLater })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var ps []*Publication
		for range 10 {
			own, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			for _, ctx := range []context.Context{ctx, ctx, own} {
				p, err := c.PublishAsync(ctx, "t", nil)
				if err != nil {
					t.Fatal(err)
				}
				ps = append(ps, p)
			}
		}
		start := time.Now()
		for i, p := range ps {
			if err := p.Wait(context.Background()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, DeadlineExceeded) {
				t.Errorf("publication %d: %v", i, err)
			}
			want := time.Second
			if i%3 == 2 {
				want = 2 * time.Second
			}
			if i < 3 && time.Since(start) != want {
				t.Errorf("publication %d ended after %v, want %v", i, time.Since(start), want)
			}
		}
		for _, noAck := range [][]PublishOption{nil, {NoAck()}} {
			if _, err := c.PublishAsync(ctx, "t", nil, noAck...); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with a context that has ended: %v", err)
			}
		}
	})
}
