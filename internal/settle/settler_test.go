package settle

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// host is a Host that takes its time.
type host struct {
	slow   time.Duration // that a batch takes
	ending atomic.Bool

	mu      sync.Mutex // guards what follows
	batches [][]int
	busy    bool
}

func (h *host) Settle(batch []int) {
	h.mu.Lock()
	if h.busy {
		panic("two batches at a time")
	}
	h.busy = true
	h.mu.Unlock()
	<-time.After(h.slow)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy = false
	h.batches = append(h.batches, slices.Clone(batch))
}

func (h *host) Ending() bool { return h.ending.Load() }

// settled returns all batches.
func (h *host) settled() [][]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.batches
}

// TestSettler: what is added is settled once, in order; what comes during a batch is the next one, also after the end.
func TestSettler(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   []time.Duration // when each message is added
		end  time.Duration   // when, from the start; 0 = never
		want string
		last time.Duration // when nothing is being settled any more
	}{
		{name: "nothing", want: "[]"},
		{name: "one", at: []time.Duration{0}, want: "[[0]]", last: time.Second},
		{name: "while the first is settled", at: []time.Duration{0, 1e8, 2e8, 9e8}, want: "[[0] [1 2 3]]", last: 2e9},
		{name: "afterwards", at: []time.Duration{0, 15e8}, want: "[[0] [1]]", last: 25e8},
		{name: "the end comes first", at: []time.Duration{2e9}, end: 1e9, want: "[[0]]", last: 3e9},
		{name: "the end during a batch", at: []time.Duration{0, 1e8, 15e8}, end: 5e8, want: "[[0] [1] [2]]", last: 3e9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{slow: time.Second}
				s := New(h)
				start := time.Now()
				if tt.end > 0 {
					time.AfterFunc(tt.end, s.End)
				}
				for i, at := range tt.at {
					<-time.After(at - time.Since(start))
					s.Add(i)
					synctest.Wait()
				}
				s.Wait()
				if got := fmt.Sprint(h.settled()); got != tt.want || time.Since(start) != tt.last {
					t.Errorf("settled %s until %v, want %s, %v", got, time.Since(start), tt.want, tt.last)
				}
			})
		})
	}
}

// TestClaim: who gets an outbox that another one has, after what question, and when.
func TestClaim(t *testing.T) {
	var errBusy = errors.New("busy")
	type box struct{ _ int } // not empty: two of them have two addresses
	one, two := new(box), new(box)
	for _, tt := range []struct {
		name    string
		outbox  any
		peer    string
		ending  bool          // the first one is, from the start
		open    int           // messages of the first one's that are to be settled, of 1 s each
		ends    time.Duration // when the first one does
		busy    error         // what the second one says when it is asked
		timeout time.Duration // of the second one
		asked   int
		after   time.Duration // the second one knows
		err     error
	}{
		{name: "another outbox", outbox: two},
		{name: "another peer", outbox: one, peer: "x"},
		{name: "values that cannot be compared", outbox: []int{1}},
		{name: "it will not wait", outbox: one, busy: errBusy, asked: 1, err: errBusy},
		{name: "it waits for one that lives", outbox: one, ends: 2e9, asked: 1, after: 2e9},
		{name: "and is not asked when that ends anyway", outbox: one, ending: true, ends: 2e9, busy: errBusy, after: 2e9},
		{name: "it waits for what is settled still", outbox: one, open: 1, ends: 5e8, asked: 1, after: 1e9},
		{name: "and for what comes then", outbox: one, open: 2, ends: 5e8, asked: 1, after: 2e9},
		{name: "its time is up", outbox: one, ends: 2e9, timeout: 1e9, asked: 1, after: 1e9, err: context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var in Outboxes
				first, second := &host{slow: time.Second}, new(host)
				a, b := New(first), New(second)
				if err := a.Claim(t.Context(), &in, one, "", nil); err != nil {
					t.Fatal(err)
				}
				first.ending.Store(tt.ending)
				for i := range tt.open {
					a.Add(i)
					synctest.Wait()
				}
				start := time.Now()
				time.AfterFunc(max(tt.ends, 1), a.End)
				ctx := t.Context()
				if tt.timeout > 0 {
					timed, cancel := context.WithTimeout(ctx, tt.timeout)
					defer cancel()
					ctx = timed
				}
				asked := 0
				err := b.Claim(ctx, &in, tt.outbox, tt.peer, func() error {
					asked++
					return tt.busy
				})
				if err != tt.err || asked != tt.asked || time.Since(start) != tt.after {
					t.Errorf("%v after %v, asked %d times, want %v after %v, %d", err, time.Since(start), asked, tt.err, tt.after, tt.asked)
				}
				<-time.After(10 * time.Second)
				b.End()
				b.Wait()
				if n := in.Len(); n != 0 {
					t.Errorf("%d outboxes are in use in the end", n)
				}
			})
		})
	}
}

// TestClaimAskedOnce: one that waited for the first, and then has to wait for another, is not asked again.
func TestClaimAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in Outboxes
		asked := new(atomic.Int32)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				s := New(new(host))
				if err := s.Claim(t.Context(), &in, 7, "", func() error { asked.Add(1); return nil }); err != nil {
					t.Error(err)
				}
				<-time.After(time.Second)
				s.End()
			})
		}
		all.Wait()
		synctest.Wait()
		if n := asked.Load(); n != 4 || in.Len() != 0 {
			t.Errorf("asked %d times, and %d outboxes are in use", n, in.Len())
		}
	})
}

// TestClaimTooLate: one that gets the outbox after its end leaves it to others.
func TestClaimTooLate(t *testing.T) {
	var in Outboxes
	s := New(new(host))
	s.End()
	if err := s.Claim(t.Context(), &in, 1, "", nil); err != ErrEnded || in.Len() != 0 {
		t.Errorf("got %v, and %d outboxes are in use", err, in.Len())
	}
	s.Wait()
}

// TestNone: a nil Settler may be ended and waited for.
func TestNone(t *testing.T) {
	var s *Settler[int]
	s.End()
	s.Wait()
}

// quitter ends the goroutine that calls it.
type quitter struct{ host }

func (q *quitter) Settle(batch []int) {
	q.host.Settle(batch)
	runtime.Goexit()
}

// TestSettleGoexit: a Host that ends the goroutine is called again for what comes next, and has its claim until the end.
func TestSettleGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in Outboxes
		q := &quitter{host: host{slow: time.Second}}
		s := New(q)
		if err := s.Claim(t.Context(), &in, 1, "", nil); err != nil {
			t.Fatal(err)
		}
		s.Add(1)
		s.Wait()
		s.Add(2)
		s.Wait()
		if got := fmt.Sprint(q.settled()); got != "[[1] [2]]" || in.Len() != 1 {
			t.Errorf("settled %s, and %d outboxes are in use", got, in.Len())
		}
		s.End()
		s.Wait()
		if in.Len() != 0 {
			t.Error("the outbox is in use still")
		}
	})
}

// TestRace: many add while the Settler ends, and nothing is lost or settled twice.
func TestRace(t *testing.T) {
	var in Outboxes
	h := new(host)
	s := New(h)
	if err := s.Claim(t.Context(), &in, h, "", nil); err != nil {
		t.Fatal(err)
	}
	const each = 500
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range each {
				s.Add(g*each + i)
			}
		})
	}
	all.Go(s.End)
	all.Wait()
	s.Wait()
	got := slices.Concat(h.settled()...)
	for g := range 4 {
		var own []int
		for _, m := range got {
			if m/each == g {
				own = append(own, m)
			}
		}
		if len(own) != each || !slices.IsSorted(own) {
			t.Errorf("%d messages of goroutine %d, in order %v", len(own), g, slices.IsSorted(own))
		}
	}
	if in.Len() != 0 {
		t.Error("the outbox is in use still")
	}
}
