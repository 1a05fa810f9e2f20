package gantline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReceiversShare: several Receives at once get every message once.
func TestReceiversShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		c, s := pair(t, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for i := range 8 {
			own, stop := context.WithCancel(ctx)
			if i%3 == 1 { // gives up in the middle of the queue
				go func() { <-time.After(time.Second); stop() }()
			}
			wg.Go(func() {
				defer stop()
				for m, err := range s.Messages(own) {
					if err != nil {
						want(t, err, context.Canceled)
						return
					}
					mu.Lock()
					seen[string(m.Body)]++
					mu.Unlock()
					must(t, m.Ack())
				}
			})
		}
		synctest.Wait()
		<-time.After(2 * time.Second)
		for i := range n {
			must(t, c.Publish(t.Context(), "t", fmt.Append(nil, i)))
		}
		cancel()
		wg.Wait()
		for i := range n {
			if seen[fmt.Sprint(i)] != 1 {
				t.Errorf("message %d came %d times", i, seen[fmt.Sprint(i)])
			}
		}
	})
}

// TestUnclaimedOnEndedStream: what nobody takes on a stream that has ended is nacked, however often Receive
// was called before.
func TestUnclaimedOnEndedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, nil)
		near, err := c.OpenStream(t.Context())
		must(t, err)
		far, err := s.AcceptStream(t.Context())
		must(t, err)
		var ps []*Publication
		for range 3 {
			p, err := near.PublishAsync(t.Context(), "t", nil)
			must(t, err)
			ps = append(ps, p)
		}
		must(t, receiveOne(t, far).Ack())
		synctest.Wait() // all have arrived
		must(t, near.Close())
		must(t, far.Close())
		synctest.Wait()
		must(t, receiveOne(t, far).Ack()) // still there
		must(t, ps[0].Wait(t.Context()))
		must(t, ps[1].Wait(t.Context()))
		want(t, ps[2].Wait(t.Context()), NotFound)
	})
}

// TestReceiveAtTheEnd: Receives that wait hear of the end.
func TestReceiveAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(c, s *End){
		"closed by the peer": func(c, _ *End) { _ = c.Close() },
		"closed here":        func(_, s *End) { _ = s.Close() },
		"carrier lost":       func(c, _ *End) { c.session().Link.Abort(ErrSessionLost) },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, s := pair(t, nil, nil)
			errs := make(chan error, 3)
			for range cap(errs) {
				go func() {
					_, err := s.Receive(context.Background())
					errs <- err
				}()
			}
			synctest.Wait()
			end(c, s)
			for range cap(errs) {
				if err := <-errs; !errors.Is(err, net.ErrClosed) && !errors.Is(err, ErrSessionLost) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestQueueAtTheEnd: when the peer closes, a subscription still works off what had arrived; when this side
// closes, it does not.
func TestQueueAtTheEnd(t *testing.T) {
	for _, here := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const n = 50
			c, s := pair(t, nil, nil)
			block := make(chan struct{})
			var got record
			s.Subscribe("t", func(ctx context.Context, m *Message) error {
				<-block
				return got.take(ctx, m)
			})
			for range n {
				must(t, c.Publish(t.Context(), "t", nil, NoAck()))
			}
			synctest.Wait()
			closed := c
			if here {
				closed = s
			}
			must(t, closed.Close())
			close(block)
			synctest.Wait()
			if took := len(got.got); here && took != 1 || !here && took != n {
				t.Errorf("closed here: %v, %d messages were handled", here, took)
			}
		})
	}
}

// TestGivenUpInBatch: a message that its publisher gives up before its turn is not handled.
func TestGivenUpInBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, nil, &Config{Limits: Limits{Messages: 4}})
		block := make(chan struct{})
		var got record
		s.Subscribe("t", func(ctx context.Context, m *Message) error {
			<-block
			return got.take(ctx, m)
		})
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 4 {
			which := ctx
			if i%2 == 0 {
				which = t.Context()
			}
			_, err := c.PublishAsync(which, "t", fmt.Append(nil, i))
			must(t, err)
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(block)
		mustPublish(t, c, "t", "last") // their slots are free
		mustPublish(t, c, "t", "last")
		if got.String() != "t=0 t=2 t=last t=last" {
			t.Errorf("handled %q", got.String())
		}
	})
}

// TestPublishContextRace ends contexts while publications under them are made and acked.
func TestPublishContextRace(t *testing.T) {
	c, s := pair(t, nil, nil)
	acker(s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 150 {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					cancel()
				}()
				var ps []*Publication
				for range i % 5 {
					p, err := c.PublishAsync(ctx, "t", nil)
					if err != nil {
						want(t, err, context.Canceled)
						continue
					}
					ps = append(ps, p)
				}
				<-ended
				for _, p := range ps {
					if err := p.Wait(short(t)); err != nil && !errors.Is(err, Canceled) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	mustPublish(t, c, "t", "")
}
