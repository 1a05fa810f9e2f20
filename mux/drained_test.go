package mux

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// drainAcceptor looks at something when the peer drains.
type drainAcceptor struct {
	Acceptor
	drained func()
	settled func()
}

func (a *drainAcceptor) HandleDrain(frame.Drain) func() { a.drained(); return a.settled }

// TestDrainedFirst: the acceptor knows that the peer drains before any open fails with that. It decides what the failure
// means.
func TestDrainedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallLimits)
		errs := opens(t.Context(), r.Session, 4) // two of them wait for a slot
		synctest.Wait()
		sent := len(errs)
		looked := false
		r.Session.acc = &drainAcceptor{Acceptor: r.Session.acc, drained: func() {
			synctest.Wait()
			if looked = true; len(errs) != sent || r.Drained() != nil {
				t.Errorf("%d opens have returned, of %d that could be sent", len(errs), sent)
			}
		}}
		r.ok(fDrain(0))
		for range 4 {
			<-errs
		}
		if !looked || !isUnavailable(r.Drained()) {
			t.Error("nobody knows that the peer drains")
		}
	})
}

// TestDrainedAtOnce: calls and messages that the peer does not serve complete with its DRAIN, in their order, whatever
// was sent of them. Their slots are free when the peer has said RESET.
func TestDrainedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		var log []uint64
		sink := logSink(func(x *Exchange) { log = append(log, x.ID()) })
		start := func(size int) *Exchange {
			x := &Exchange{Sink: sink}
			done := make(chan error, 1)
			go func() { done <- r.Start(t.Context(), x, &Open{Kind: frame.KindMessage, Name: "m"}, make([]byte, size)) }()
			synctest.Wait()
			if size == 10 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			return x
		}
		var all []*Exchange
		for range 20 {
			all = append(all, start(10))
		}
		all = append(all, start(4<<20)) // a part of it is sent, and it waits for credit
		all = append(all, start(10))
		served := all[4].ID()
		called := -1
		r.Session.acc = &drainAcceptor{r.Session.acc, func() { called = len(log) }, func() { called = 100 + len(log) }}
		r.ok(fDrain(served))
		synctest.Wait()
		if len(log) != len(all)-5 || !slices.IsSorted(log) || log[0] <= served || called != 100+len(log) {
			t.Errorf("completed %v, the acceptor knew it at %d", log, called)
		}
		for i, x := range all {
			switch {
			case i < 5 && x.Err != nil:
				t.Errorf("%d is served, and ends with %v", x.ID(), x.Err)
			case i >= 5 && (!isUnavailable(x.Err) || x.Sent || !r.NotServed(x.Err)):
				t.Errorf("%d ends with %v, sent: %v", x.ID(), x.Err, x.Sent)
			}
		}
		if n := r.Count(); n != len(all) {
			t.Errorf("%d are open until the peer has ended them, want %d", n, len(all))
		}
		for i, x := range all {
			switch {
			case i < 5:
				r.ok(fData(x.ID(), frame.FlagHead|flFin, 0))
			case i == 7: // it has run after all, which nobody can tell any more
				r.ok(fData(x.ID(), frame.FlagHead|flFin, 0))
			default:
				r.ok(fReset(x.ID(), frame.Unavailable))
			}
		}
		r.take() // the end of the large one's body goes out
		synctest.Wait()
		if n := r.Count(); n != 0 || len(log) != len(all) || r.opens.slots.inbox.used != 0 {
			t.Errorf("%d are open, %d have completed, %d slots are taken", n, len(log), r.opens.slots.inbox.used)
		}
	})
}

type logSink func(x *Exchange)

func (f logSink) Complete(x *Exchange) { f(x) }

// TestDrainedPool: an open that waits for early window, which a stuck peer would never free, fails when that drains. One
// that is served goes on.
func TestDrainedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, func(c *Config) { c.Peer.EarlyPool = [frame.Groups]uint32{1500, 1500, 1500} })
		start := func(o *Open) chan error {
			errc := make(chan error, 1)
			go func() {
				errc <- r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, o, make([]byte, 1000))
			}()
			synctest.Wait()
			return errc
		}
		st, err := r.OpenStream(t.Context(), &Open{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		first := start(&Open{Kind: frame.KindMessage, Name: "m"})
		waits := start(&Open{Kind: frame.KindMessage, Name: "m"})
		under := start(&Open{Kind: frame.KindMessage, Name: "m", Parent: st.ID()})
		r.ok(fDrain(100))
		synctest.Wait()
		if err := <-first; err != nil || len(under) > 0 {
			t.Errorf("what was begun, or is not the End's: %v", err)
		}
		select {
		case err := <-waits:
			if !isUnavailable(err) {
				t.Error(err)
			}
		default:
			t.Error("it still waits")
		}
		r.HandleClose(errTest)
		<-under
	})
}
