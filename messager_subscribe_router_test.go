package gantline

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

func TestRouterSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router := new(Router)
		var shared, own, late record
		stop := router.Subscribe("a.>", shared.take)
		c1, s1 := pair(t, nil, &Config{Router: router})
		c2, _ := pair(t, nil, &Config{Router: router})
		s1.Subscribe("a.own.*", own.take)

		mustPublish(t, c1, "a.1", "")
		mustPublish(t, c2, "a.2", "")
		mustPublish(t, c1, "a.own.x", "")
		mustPublish(t, c2, "a.own.y", "") // the other End has no subscription of its own
		if shared.String() != "a.1= a.2= a.own.y=" || own.String() != "a.own.x=" {
			t.Errorf("got %q and %q", shared.String(), own.String())
		}

		// A pattern added later takes what waits on every End.
		var ps []*Publication
		for i, c := range []*End{c1, c2, c1} {
			ps = append(ps, publishAsync(t, c, "late", fmt.Sprint(i)))
		}
		synctest.Wait()
		router.Subscribe("late", late.take)
		for _, p := range ps {
			if err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := len(late.String()); n != len("late=0 late=1 late=2") {
			t.Errorf("late got %q", late.String())
		}

		stop()
		stop()
		p := publishAsync(t, c2, "a.2", "")
		synctest.Wait()
		if p.Err() != ErrPending {
			t.Errorf("after stop: %v", p.Err())
		}
		router.Subscribe("a.>", shared.take)
		if err := p.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRouterStopWaitsForAllEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ends = 3
		router := new(Router)
		finish := make(chan struct{})
		stop := router.Subscribe("t", func(context.Context, *Message) error { <-finish; return nil })
		var ps []*Publication
		for range ends {
			c, _ := pair(t, nil, &Config{Router: router})
			ps = append(ps, publishAsync(t, c, "t", ""), publishAsync(t, c, "t", ""))
		}
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("stop did not wait")
		default:
		}
		close(finish)
		<-stopped
		synctest.Wait()
		for i, p := range ps {
			if err := p.Err(); (i%2 == 0) != (err == nil) {
				t.Errorf("publication %d: %v", i, err)
			}
		}
	})
}

// TestRouterForgetsEnds: Ends that are over leave nothing behind in a Router that lives on.
func TestRouterForgetsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router := new(Router)
		router.Subscribe("t", func(context.Context, *Message) error { return nil })
		for range 10 {
			c, s := pair(t, nil, &Config{Router: router})
			mustPublish(t, c, "t", "")
			_ = c.Close()
			_ = s.Close()
		}
		synctest.Wait()
		if n := router.topics().Len(); n != 0 {
			t.Errorf("%d Ends are still known", n)
		}
	})
}

// TestRouterRaces subscribes, stops and publishes at once; no message is lost or taken twice.
func TestRouterRaces(t *testing.T) {
	const n = 500
	router := new(Router)
	var mu sync.Mutex
	seen := map[string]int{}
	fn := func(_ context.Context, m *Message) error {
		mu.Lock()
		defer mu.Unlock()
		seen[string(m.Body)]++
		return nil
	}
	c, s := pair(t, nil, &Config{Router: router})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, sub := range []Subscriber{router, s} {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					stop := sub.Subscribe("t.*", fn)
					stop()
				}
			}
		})
	}
	var ps []*Publication
	for i := range n {
		ps = append(ps, publishAsync(t, c, fmt.Sprintf("t.%d", i%3), fmt.Sprint(i)))
	}
	close(done)
	wg.Wait()
	router.Subscribe(">", fn)
	for _, p := range ps {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if k := seen[fmt.Sprint(i)]; k != 1 {
			t.Errorf("message %d was taken %d times", i, k)
		}
	}
}
