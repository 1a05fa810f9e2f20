package server

import (
	"cmp"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoMakesWay: of handshakes that have all places, the one goes that keeps us waiting most.
func TestWhoMakesWay(t *testing.T) {
	const own = "192.0.2.1"
	type one struct {
		ip    string
		ago   float64 // in tenths of a second
		state func(*slot)
		then  func(*slot) // just before the newcomer
	}
	silent := (*slot).reads
	slow := func(sl *slot) { // a byte now and then
		sl.reads()
		sl.got(1)
		sl.reads()
	}
	ours := func(sl *slot) { sl.reads(); sl.got(1) }
	answered := func(sl *slot) { sl.got(1); sl.wrote(); sl.reads() }
	another := func(sl *slot) { sl.got(1); sl.reads() }
	for _, tt := range []struct {
		name string
		all  []one
		want int // -1 = the newcomer waits; of own it is closed
		own  bool
	}{
		{"the oldest silent one", []one{{"", 3, silent, nil}, {"", 5, silent, nil}, {"", 4, silent, nil}}, 1, false},
		{"a silent one before a slow one", []one{{"", 3, silent, nil}, {"", 5, slow, nil}}, 0, false},
		{"a slow one before one that has just come", []one{{"", 1, silent, nil}, {"", 5, slow, nil}}, 1, false},
		{"one that has just come is safe", []one{{"", .1, silent, nil}, {"", .5, slow, nil}}, -1, false},
		{"none while it is our turn", []one{{"", 50, ours, nil}, {"", 30, ours, nil}}, -1, false},
		{"another byte changes nothing", []one{{"", 5, slow, another}, {"", 4, slow, nil}}, 0, false},
		{"an answer begins another turn", []one{{"", 5, slow, answered}, {"", 4, slow, nil}}, 1, false},
		{"who has sent something is not silent any more", []one{{"", 5, silent, another}, {"", 4, silent, nil}}, 1, false},
		{"who waits for its first frame", []one{{"", 9, ours, nil}, {"", 4, (*slot).awaits, nil}, {"", .5, silent, nil}}, 1, false},
		{"of whom has many", []one{{"203.0.113.1", 5, silent, nil}, {"203.0.113.2", 3, silent, nil}, {"203.0.113.2", 3, silent, nil}}, 1, false},
		{"of its own source if that has all of its own", []one{{"203.0.113.1", 9, silent, nil}, {own, 4, silent, nil}, {own, 5, silent, nil}}, 2, true},
		{"of its own source none is slow", []one{{"203.0.113.1", 9, silent, nil}, {own, 9, ours, nil}, {own, 9, ours, nil}}, -1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSlots(Limits{Handshakes: len(tt.all), HandshakesPerSource: 2}, new(atomic.Uint64))
				if tt.own {
					s.limit = 100
				}
				ctx := t.Context()
				addr := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip)} }
				all := make([]*slot, len(tt.all))
				var order []int
				for i := range tt.all {
					order = append(order, i)
				}
				slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(tt.all[j].ago, tt.all[i].ago) })
				start := time.Now()
				for _, i := range order {
					x := tt.all[i]
					<-time.After(time.Until(start.Add(time.Duration(10_000-100*x.ago) * time.Millisecond)))
					all[i] = s.enter(ctx, addr(x.ip), func(bool) { t.Error("no place") })
					x.state(all[i])
				}
				<-time.After(time.Until(start.Add(10 * time.Second)))
				for i, x := range tt.all {
					if x.then != nil {
						x.then(all[i])
					}
				}
				var wg sync.WaitGroup
				for i, sl := range all { // as their goroutines do
					wg.Go(func() {
						<-sl.ctx.Done()
						if evicted := sl.evicted; evicted != (i == tt.want) {
							t.Errorf("%d: evicted %v, want %d", i, evicted, tt.want)
						}
						sl.leave()
					})
				}
				hits := 0
				done := make(chan *slot, 1)
				go func() { done <- s.enter(ctx, addr(own), func(bool) { hits++ }) }()
				synctest.Wait()
				select {
				case sl := <-done:
					if (sl == nil) != (tt.own && tt.want < 0) || sl != nil && tt.want < 0 {
						t.Errorf("the newcomer gets %v", sl)
					}
					if sl != nil {
						sl.leave()
					}
				default:
					if tt.want >= 0 || tt.own {
						t.Error("the newcomer waits")
					}
					all[0].cancel(nil) // ends by itself
					(<-done).leave()
				}
				if hits != 1 {
					t.Errorf("%d hits", hits)
				}
				for _, sl := range all {
					sl.cancel(nil)
				}
				wg.Wait()
				if s.count() != 0 || len(s.bySource) != 0 {
					t.Errorf("%d are left", s.count())
				}
			})
		})
	}
}
