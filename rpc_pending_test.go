package gantline

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGo: many calls at once with one sink.
func TestGo(t *testing.T) {
	c, s := pair(t, nil, nil)
	s.Handle("echo", echo)
	var (
		mu   sync.Mutex
		seen = map[*PendingCall]int{}
		all  sync.WaitGroup
	)
	const n = 1000
	all.Add(n)
	sink := OnCallDone(func(p *PendingCall) {
		mu.Lock()
		defer mu.Unlock()
		seen[p]++
		all.Done()
	})
	calls := make([]*PendingCall, n)
	for i := range calls {
		calls[i] = c.Go(short(t), "echo", fmt.Append(nil, i), sink)
	}
	all.Wait()
	for i, p := range calls {
		<-p.Done()
		body, err := p.Result()
		must(t, err)
		if string(body) != fmt.Sprint(i) || seen[p] != 1 {
			t.Errorf("call %d answered %q, reported %d times", i, body, seen[p])
		}
	}
}

func TestGoBeforeTheAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		s.Handle("slow", HandlerFunc(func(context.Context, *Request) ([]byte, error) {
			<-time.After(time.Minute)
			return []byte("late"), nil
		}))
		p := c.Go(t.Context(), "slow", nil)
		_, err := p.Result()
		want(t, err, ErrPending)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.Wait(ctx) // ends the wait, not the call
		want(t, err, context.DeadlineExceeded)
		body, err := p.Wait(t.Context())
		must(t, err)
		if string(body) != "late" {
			t.Errorf("answer is %q", body)
		}
	})
}

// TestGoWaitsForASlot: Go holds its caller back, bounded by the call's context.
func TestGoWaitsForASlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Calls: 2}})
		s.Handle("hang", HandlerFunc(func(ctx context.Context, _ *Request) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		hanging, stop := context.WithCancel(t.Context())
		a, b := c.Go(hanging, "hang", nil), c.Go(hanging, "hang", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Go(ctx, "hang", nil).Result()
		want(t, err, context.DeadlineExceeded)
		if time.Since(start) != time.Second {
			t.Errorf("Go held its caller back for %v", time.Since(start))
		}
		stop()
		for _, p := range []*PendingCall{a, b} {
			_, err := p.Wait(t.Context())
			want(t, err, Canceled)
		}
		synctest.Wait() // the slots are free once the handlers have returned
		if n := c.session().Mux.Count() + s.session().Mux.Count(); n != 0 {
			t.Errorf("%d calls left open", n)
		}
	})
}

// TestOnCallDonePanics: a panic in a sink, which runs on the goroutine that reads, costs nothing but a line in the log.
func TestOnCallDonePanics(t *testing.T) {
	c, s := pair(t, nil, nil)
	s.Handle("echo", echo)
	p := c.Go(t.Context(), "echo", []byte("x"), OnCallDone(func(*PendingCall) { panic("in OnCallDone") }))
	<-p.Done()
	body, err := c.Call(t.Context(), "echo", []byte("y"))
	must(t, err)
	if first, err := p.Result(); string(first) != "x" || err != nil || string(body) != "y" {
		t.Errorf("after a panic in OnCallDone: %q, %v and %q", first, err, body)
	}
}
