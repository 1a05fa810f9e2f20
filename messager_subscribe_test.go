package gantline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// record is a subscription function that keeps what it got.
type record struct {
	mu  sync.Mutex
	got []string
}

func (r *record) take(_ context.Context, m *Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m.Topic+"="+string(m.Body))
	return nil
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.got, " ")
}

func mustPublish(t testing.TB, e *End, topic, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := e.Publish(ctx, topic, []byte(body)); err != nil {
		t.Fatalf("publish %s: %v", topic, err)
	}
}

func TestSubscribePatterns(t *testing.T) {
	c, s := pair(t, nil, nil)
	patterns := []string{"a.b.c", "a.*.c", "a.>", "x.*"}
	subs := make([]record, len(patterns))
	for i, p := range patterns {
		s.Subscribe(p, subs[i].take)
	}
	for _, topic := range []string{"a.b.c", "a.x.c", "a.b", "a.b.c.d", "x.y", "a.*x"} {
		mustPublish(t, c, topic, "")
	}
	for i, want := range []string{"a.b.c=", "a.x.c=", "a.b= a.b.c.d= a.*x=", "x.y="} {
		if got := subs[i].String(); got != want {
			t.Errorf("%s got %q, want %q", patterns[i], got, want)
		}
	}
	wait := publishing(c.Stream, "x.y.z", nil) // nobody's
	_ = receiveOne(t, s.Stream).Ack()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

func TestSubscribePanics(t *testing.T) {
	c, _ := pair(t, nil, &Config{Router: new(Router)})
	fn := func(context.Context, *Message) error { return nil }
	for name, s := range map[string]Subscriber{"end": c, "router": new(Router)} {
		s.Subscribe("taken", fn)
		s.Subscribe("taken.>", fn)
		for _, tc := range []struct {
			pattern string
			fn      func(context.Context, *Message) error
			want    string
		}{
			{"a", nil, "nil function"},
			{"", fn, "empty"},
			{"a..b", fn, `Subscribe("a..b"): bad pattern: it has an empty part`},
			{"a.>.b", fn, "must be the last"},
			{strings.Repeat("x", 256), fn, "limit is 255"},
			{"taken", fn, `Subscribe("taken"): the pattern is subscribed to already`},
			{"taken.>", fn, "already"},
		} {
			func() {
				defer func() {
					if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "gantline: Subscribe(") || !strings.Contains(v, tc.want) {
						t.Errorf("%s: Subscribe(%.10q) panicked with %q, want %q", name, tc.pattern, v, tc.want)
					}
				}()
				s.Subscribe(tc.pattern, tc.fn)
			}()
		}
	}
}

func TestSubscriptionOutcomes(t *testing.T) {
	c, s := pair(t, nil, nil)
	later := make(chan *Message, 1)
	s.Subscribe("*", func(_ context.Context, m *Message) error {
		switch m.Topic {
		case "error":
			return fmt.Errorf("on purpose: %w", Aborted)
		case "panic":
			panic("on purpose")
		case "goexit":
			runtime.Goexit()
		case "acked":
			_ = m.Ack()
			return errors.New("too late")
		case "later":
			later <- m
			return fmt.Errorf("wrapped: %w", ErrAckLater)
		}
		return nil
	})
	for topic, want := range map[string]Code{"ok": OK, "error": Aborted, "panic": Internal, "goexit": Internal, "acked": OK} {
		if err := c.Publish(t.Context(), topic, nil); CodeOf(err) != want {
			t.Errorf("%s: %v, want %v", topic, err, want)
		}
	}
	wait := publishing(c.Stream, "later", nil)
	m := <-later
	mustPublish(t, c, "ok", "") // a message kept holds up nobody
	if err := m.Ack(); err != nil {
		t.Error(err)
	}
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// TestSubscriptionOrder checks FIFO per subscription under load, and that a slow one delays neither another
// one nor calls.
func TestSubscriptionOrder(t *testing.T) {
	const n = 3000
	c, s := pair(t, nil, &Config{Setup: func(e *End) error {
		e.Handle("echo", HandlerFunc(func(_ context.Context, r *Request) ([]byte, error) { return r.Body, nil }))
		return nil
	}})
	block := make(chan struct{})
	var slow, fast int
	s.Subscribe("slow", func(context.Context, *Message) error { slow++; <-block; return nil })
	s.Subscribe("fast.>", func(_ context.Context, m *Message) error {
		if string(m.Body) != fmt.Sprint(fast) {
			return errorf(DataLoss, "got %s, want %d", m.Body, fast)
		}
		fast++
		return nil
	})
	var ps []*Publication
	for i := range n {
		if i%100 == 0 {
			p, err := c.PublishAsync(t.Context(), "slow", nil)
			if err != nil {
				t.Fatal(err)
			}
			ps = append(ps, p)
		}
		p, err := c.PublishAsync(t.Context(), fmt.Sprintf("fast.%d", i%7), fmt.Append(nil, i))
		if err != nil {
			t.Fatal(err)
		}
		if i == n-1 { // all of fast must be done while slow is stuck
			if err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		ps = append(ps, p)
	}
	if body, err := c.Call(t.Context(), "echo", []byte("x")); err != nil || string(body) != "x" {
		t.Errorf("a call beside a stuck subscription: %q, %v", body, err)
	}
	close(block)
	for _, p := range ps {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if slow != n/100 || fast != n {
		t.Errorf("slow got %d, fast %d", slow, fast)
	}
}

func TestSubscribeTakesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		var ps []*Publication
		for i, topic := range []string{"a", "b", "a", "c"} {
			p, err := c.PublishAsync(t.Context(), topic, fmt.Append(nil, i))
			if err != nil {
				t.Fatal(err)
			}
			ps = append(ps, p)
		}
		synctest.Wait()
		var a, rest record
		stop := s.Subscribe("a", a.take)
		s.Subscribe(">", rest.take)
		for _, p := range ps {
			if err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if a.String() != "a=0 a=2" || rest.String() != "b=1 c=3" {
			t.Errorf("got %q and %q", a.String(), rest.String())
		}
		stop()
		stop()
		mustPublish(t, c, "a", "4")
		if rest.String() != "b=1 c=3 a=4" {
			t.Errorf("after stop: %q", rest.String())
		}
	})
}

func TestStopWaitsAndHandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		running := make(chan struct{})
		finish := make(chan struct{})
		var old atomic.Int64
		stop := s.Subscribe("t", func(context.Context, *Message) error {
			old.Add(1)
			close(running)
			<-finish
			return nil
		})
		for i := range 40 {
			if _, err := c.PublishAsync(t.Context(), "t", fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		<-running
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("stop did not wait for the running function")
		default:
		}
		close(finish)
		<-stopped
		if old.Load() != 1 {
			t.Errorf("the stopped function ran %d times", old.Load())
		}
		for i := 1; i < 40; i++ { // the rest waits for Receive, in order
			m := receiveOne(t, s.Stream)
			if string(m.Body) != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m.Body, i)
			}
			_ = m.Ack()
		}
	})
}

func TestStopFromInside(t *testing.T) {
	c, s := pair(t, nil, nil)
	var stopA, stopB func()
	var a, b record
	stopA = s.Subscribe("a", func(ctx context.Context, m *Message) error {
		stopA()
		stopB()
		return a.take(ctx, m)
	})
	stopB = s.Subscribe("b", b.take)
	mustPublish(t, c, "a", "1")
	for _, topic := range []string{"a", "b"} {
		wait := publishing(c.Stream, topic, nil)
		_ = receiveOne(t, s.Stream).Ack()
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
	if a.String() != "a=1" || b.String() != "" {
		t.Errorf("got %q and %q", a.String(), b.String())
	}
}

// TestFirstMessage: a fresh peer's first message finds what Setup has subscribed.
func TestFirstMessage(t *testing.T) {
	for range 50 {
		var got record
		c, _ := pair(t, nil, &Config{Setup: func(e *End) error {
			e.Subscribe("hello", got.take)
			return nil
		}})
		mustPublish(t, c, "hello", "x")
		if got.String() != "hello=x" {
			t.Fatalf("got %q", got.String())
		}
	}
}
