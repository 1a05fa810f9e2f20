package promise

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline"
)

// inFlight is how many publications are under way on each side; it is the default receive maximum.
const inFlight = 1024

// takers are the ways to take messages. Each starts one that records in seen what it has taken.
var takers = []struct {
	name  string
	start func(t *testing.T, end *gantline.End, seen *order)
}{
	{"subscribe", func(t *testing.T, end *gantline.End, seen *order) {
		end.Subscribe("load.*", func(_ context.Context, m *gantline.Message) error { return seen.next(m.Body) })
	}},
	{"ack later", func(t *testing.T, end *gantline.End, seen *order) {
		later := make(chan *gantline.Message, inFlight)
		go func() { // ends with the End
			for {
				select {
				case m := <-later:
					if err := m.Ack(); err != nil {
						seen.fail(err)
					}
				case <-end.Context().Done():
					return
				}
			}
		}()
		end.Subscribe("load.*", func(_ context.Context, m *gantline.Message) error {
			if err := seen.next(m.Body); err != nil {
				return err
			}
			later <- m
			return gantline.ErrAckLater
		})
	}},
	{"receive", func(t *testing.T, end *gantline.End, seen *order) {
		go func() { // ends with the End
			for m, err := range end.Messages(end.Context()) {
				if err != nil {
					return
				}
				if err := seen.next(m.Body); err != nil {
					_ = m.Nack(err)
				} else if err := m.Ack(); err != nil {
					seen.fail(err)
				}
			}
		}()
	}},
}

// order checks that numbered messages come one by one. next is called by one goroutine.
type order struct {
	got     atomic.Uint64
	problem atomic.Pointer[error]
}

func (o *order) next(body []byte) error {
	n := o.got.Load()
	if got := binary.BigEndian.Uint64(body); got != n {
		err := fmt.Errorf("message %d came when %d was due", got, n)
		o.fail(err)
		return err
	}
	o.got.Store(n + 1)
	return nil
}

func (o *order) fail(err error) { o.problem.CompareAndSwap(nil, &err) }

func (o *order) err() error {
	if p := o.problem.Load(); p != nil {
		return *p
	}
	return nil
}

// TestPublishBothWays: 1024 publications are in flight in both directions all the time. However messages are
// taken, all are acked, and they arrive in order.
func TestPublishBothWays(t *testing.T) {
	for _, size := range []int{128, 16 * kib} {
		for _, taker := range takers {
			t.Run(fmt.Sprintf("%s, %d bytes", taker.name, size), func(t *testing.T) {
				watchdog(t, time.Minute+publishes*time.Millisecond)
				c, s := pair(t, gantline.Config{}, gantline.Config{})
				n := times(publishes)
				if size > kib {
					n /= 10
				}
				seen := map[*gantline.End]*order{c: {}, s: {}}
				taker.start(t, c, seen[c])
				taker.start(t, s, seen[s])
				heap := watchHeap()
				start := time.Now()
				err := crowd(1, []*gantline.End{c, s}, func(near *gantline.End, _ int) error {
					return publishAll(t.Context(), near, n, size)
				})
				took := time.Since(start)
				if err != nil {
					t.Error(err)
				}
				for end, o := range seen {
					if got := o.got.Load(); got != uint64(n) || o.err() != nil {
						t.Errorf("%s got %d of %d, %v", end.LocalID(), got, n, o.err())
					}
				}
				checkHeap(t, heap, uint64(2*inFlight*size))
				t.Logf("%.0f messages/s acked", float64(2*n)/took.Seconds())
			})
		}
	}
}

// publishAll publishes n numbered messages, inFlight of them at a time, and returns when all are acked.
func publishAll(ctx context.Context, end *gantline.End, n, size int) error {
	body := pattern(size, 3)
	places := make(chan struct{}, inFlight)
	var failed atomic.Pointer[error]
	done := gantline.OnDone(func(err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
		<-places
	})
	for i := range uint64(n) {
		places <- struct{}{}
		binary.BigEndian.PutUint64(body, i)
		if _, err := end.PublishAsync(ctx, "load.x", body, done); err != nil {
			return err
		}
	}
	for range inFlight {
		places <- struct{}{}
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// TestPublishWithoutReader: publishing to nobody stops at the receive maximum and holds up neither calls nor
// streams. The waiting publisher's context still ends it.
func TestPublishWithoutReader(t *testing.T) {
	both(t, time.Minute, gantline.Config{}, gantline.Config{}, func(t *testing.T, near, far *gantline.End) {
		far.Handle("echo", gantline.HandlerFunc(echo))
		taken := make(chan struct{})
		far.Subscribe("stuck", func(ctx context.Context, _ *gantline.Message) error {
			<-taken
			return nil
		})
		defer close(taken)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		started := make(chan int, 1)
		go func() {
			n := 0
			for ; ; n++ {
				if _, err := near.PublishAsync(ctx, "stuck", make([]byte, 8*kib)); err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("publish %d: %v", n, err)
					}
					break
				}
			}
			started <- n
		}()
		for range 50 {
			healthy(t, near, far)
		}
		cancel()
		n := <-started
		t.Logf("%d of at most %d were under way", n, inFlight)
		if n > inFlight {
			t.Errorf("%d messages under way, the receive maximum is %d", n, inFlight)
		}
	})
}
