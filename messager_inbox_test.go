package gantline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func publishAsync(t testing.TB, e *End, topic, body string, opts ...PublishOption) *Publication {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	t.Cleanup(cancel)
	p, err := e.PublishAsync(ctx, topic, []byte(body), opts...)
	if err != nil {
		t.Fatalf("publish %s: %v", topic, err)
	}
	return p
}

// TestReceiveMaximum: publishing without a reader stops at the peer's limit and delays nothing else.
func TestReceiveMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Messages: 8}})
		s.Handle("echo", HandlerFunc(func(_ context.Context, r *Request) ([]byte, error) { return r.Body, nil }))
		for i := range 8 {
			publishAsync(t, c, "t", fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.PublishAsync(ctx, "t", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the ninth: %v", err)
		}
		if _, err := c.Call(t.Context(), "echo", nil); err != nil {
			t.Errorf("a call: %v", err)
		}
		_ = receiveOne(t, s.Stream).Ack()
		publishAsync(t, c, "t", "8")
		for i := 1; i <= 8; i++ {
			if m := receiveOne(t, s.Stream); string(m.Body) != fmt.Sprint(i) {
				t.Errorf("got %s, want %d", m.Body, i)
			}
		}
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		start := time.Now()
		first := publishAsync(t, c, "t", "")
		<-time.After(time.Second)
		second := publishAsync(t, c, "t", "")
		for i, p := range []*Publication{first, second} {
			if err := p.Wait(t.Context()); !errors.Is(err, Unimplemented) {
				t.Errorf("publication %d: %v", i, err)
			}
			if d := time.Since(start).Round(100 * time.Millisecond); d != 10*time.Second+time.Duration(i)*time.Second {
				t.Errorf("publication %d ended after %v", i, d)
			}
		}
		// Once somebody receives, messages wait for ever.
		third := publishAsync(t, c, "t", "")
		_ = receiveOne(t, s.Stream).Ack()
		fourth := publishAsync(t, c, "t", "")
		<-time.After(time.Minute)
		if third.Err() != nil || fourth.Err() != ErrPending {
			t.Errorf("third: %v, fourth: %v", third.Err(), fourth.Err())
		}
		_ = receiveOne(t, s.Stream).Ack()
	})
}

// TestUnclaimedHalf: messages nobody takes leave half of the receive maximum to subscriptions.
func TestUnclaimedHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Messages: 8}})
		var got record
		s.Subscribe("taken", got.take)
		var ps []*Publication
		for i := range 20 {
			ps = append(ps, publishAsync(t, c, "nobody", fmt.Sprint(i)))
			mustPublish(t, c, "taken", fmt.Sprint(i))
		}
		for i, p := range ps {
			if err := p.Err(); i < 4 && err != ErrPending || i >= 4 && (!errors.Is(err, Unimplemented) || !strings.Contains(err.Error(), "4 such messages")) {
				t.Errorf("publication %d: %v", i, err)
			}
		}
		// A Receive that is called now and then is a consumer: nothing is refused for 10 s.
		for i := range 4 {
			m := receiveOne(t, s.Stream)
			if string(m.Body) != fmt.Sprint(i) {
				t.Errorf("got %s, want %d", m.Body, i)
			}
			_ = m.Ack()
		}
		ps = nil
		for range 6 {
			ps = append(ps, publishAsync(t, c, "nobody", ""))
		}
		<-time.After(11 * time.Second)
		last := publishAsync(t, c, "nobody", "")
		mustPublish(t, c, "taken", "")
		if err := last.Err(); !errors.Is(err, ResourceExhausted) {
			t.Errorf("after 10 s without a Receive: %v", err)
		}
		for _, p := range ps {
			_ = receiveOne(t, s.Stream).Ack()
			if err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestLargeBeforeSmall: a message that is still arriving holds back later ones of its queue, and only those.
func TestLargeBeforeSmall(t *testing.T) {
	c, s := pair(t, nil, nil)
	large := bytes.Repeat([]byte("large"), 700<<10/5*5)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 3 {
		wg.Go(func() {
			if err := c.Publish(context.Background(), "q.large", large); err != nil {
				t.Error(err)
			}
		})
		for c.session().Mux.Count() == 0 { // until it is on its way
			runtime.Gosched()
		}
		small := publishAsync(t, c, "q.small", "")
		var other record
		stop := s.Subscribe("other", other.take)
		mustPublish(t, c, "other", "1") // passes both, which nobody wants yet
		m := receiveOne(t, s.Stream)
		if m.Topic != "q.large" || !bytes.Equal(m.Body, large) {
			t.Fatalf("first came %s with %d bytes", m.Topic, len(m.Body))
		}
		_ = m.Ack()
		m = receiveOne(t, s.Stream)
		if m.Topic != "q.small" {
			t.Fatalf("then came %s", m.Topic)
		}
		_ = m.Ack()
		if err := small.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		wg.Wait()
	}
}

// TestLargeDivided: the queue of a subscription that is stopped goes to many others, and the bodies of all are sent.
func TestLargeDivided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 16
		c, s := pair(t, nil, nil)
		block := make(chan struct{})
		stop := s.Subscribe(">", func(context.Context, *Message) error { <-block; return nil })
		publishAsync(t, c, "first", "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if err := c.Publish(ctx, fmt.Sprint("t", i), make([]byte, 100<<10)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for i := range n {
			s.Subscribe(fmt.Sprint("t", i), func(context.Context, *Message) error { return nil })
		}
		close(block)
		stop()
		wg.Wait()
	})
}

// TestUnclaimedBytes is TestUnclaimedHalf for large messages, which run out of early window first.
func TestUnclaimedBytes(t *testing.T) {
	c, s := pair(t, nil, nil)
	var got record
	s.Subscribe("taken", got.take)
	refused := 0
	for range 3 * earlyPool / (60 << 10) {
		p := publishAsync(t, c, "nobody", string(make([]byte, 60<<10)))
		mustPublish(t, c, "taken", "")
		if errors.Is(p.Err(), Unimplemented) {
			refused++
		}
	}
	if held := 3*earlyPool/(60<<10) - refused; held > earlyPool/2/(60<<10) {
		t.Errorf("%d messages are held", held)
	}
}

// TestManyLarge: more large bodies than fit the memory for bodies, for two queues and Receive at once.
func TestManyLarge(t *testing.T) {
	const n, size = 12, 1 << 20
	c, s := pair(t, nil, &Config{Limits: Limits{BodyMemory: 2 << 20, Body: 2 << 20}})
	s.Subscribe("a", func(context.Context, *Message) error { return nil })
	s.Subscribe("b", func(context.Context, *Message) error { return nil })
	var wg sync.WaitGroup
	for i := range n {
		topic := []string{"a", "b", "received"}[i%3]
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte(i)}, size)
			if err := c.Publish(context.Background(), topic, body); err != nil {
				t.Error(err)
			}
		})
	}
	for range n / 3 {
		m := receiveOne(t, s.Stream)
		if len(m.Body) != size || bytes.Count(m.Body, m.Body[:1]) != size {
			t.Errorf("got %d bytes, mixed up", len(m.Body))
		}
		must(t, m.Ack())
	}
	wg.Wait()
}

func TestReceiveContexts(t *testing.T) {
	c, s := pair(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 10)
	for range cap(errs) {
		go func() {
			_, err := s.Receive(ctx)
			errs <- err
		}()
	}
	cancel()
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("Receive: %v", err)
		}
	}
	if _, err := s.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	wait := publishing(c.Stream, "t", nil)
	_ = receiveOne(t, s.Stream).Ack()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// TestReceiveCancelRace: a message handed to a Receive whose context ends at that moment is not lost.
func TestReceiveCancelRace(t *testing.T) {
	c, s := pair(t, nil, nil)
	for i := range 300 {
		p := publishAsync(t, c, "t", fmt.Sprint(i))
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%20)*5*time.Microsecond)
			m, err := s.Receive(ctx)
			cancel()
			if err == nil {
				if string(m.Body) != fmt.Sprint(i) {
					t.Fatalf("got %s, want %d", m.Body, i)
				}
				_ = m.Ack()
				break
			}
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMessagesIterator(t *testing.T) {
	c, s := pair(t, nil, nil)
	for i := range 5 {
		publishAsync(t, c, "t", fmt.Sprint(i))
	}
	n := 0
	for m, err := range s.Messages(t.Context()) {
		if err != nil || string(m.Body) != fmt.Sprint(n) {
			t.Fatalf("%v, %v", m, err)
		}
		_ = m.Ack()
		if n++; n == 4 {
			break
		}
	}
	_ = c.Close()
	var last error
	for m, err := range s.Messages(t.Context()) {
		if last != nil {
			t.Errorf("goes on after %v with %v, %v", last, m, err)
		}
		last = err
	}
	if !errors.Is(last, net.ErrClosed) {
		t.Errorf("ends with %v", last)
	}
}
