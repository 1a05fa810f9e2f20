package mux

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// smallPool has early windows of 1000 bytes for a stream and 1500 for a group.
func smallPool(c *Config) {
	for _, l := range []*frame.Limits{&c.Local, &c.Peer} {
		l.EarlyStream = 1000
		l.EarlyPool = [frame.Groups]uint32{1500, 1500, 1500}
	}
}

func released(groups ...uint64) (n [frame.Groups]uint64) { copy(n[:], groups); return n }

// start runs Start on a goroutine.
func (r *raw) start(ctx context.Context, kind frame.Kind, n int) chan error {
	errc := make(chan error, 1)
	go func() {
		errc <- r.Start(ctx, &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: kind, Name: "m"}, make([]byte, n))
	}()
	synctest.Wait()
	return errc
}

// TestPoolWaits: opens with a body wait for their group's pool, in order, and for no other group's.
func TestPoolWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallPool)
		var errs []chan error
		for _, n := range []int{1000, 400, 900, 50, 0} {
			errs = append(errs, r.start(t.Context(), frame.KindMessage, n))
		}
		other := r.start(t.Context(), frame.KindCall, 1000)
		r.want("OPEN 2 FIN message body 1000 of 1000", "OPEN 4 FIN message body 400 of 400", "OPEN 6 FIN message body 0 of 0", "OPEN 8 FIN call body 1000 of 1000")
		for i, want := range []int{1, 1, 0, 0, 1} {
			if len(errs[i]) != want {
				t.Errorf("open %d: done is %d, want %d", i, len(errs[i]), want)
			}
		}
		if err := <-other; err != nil {
			t.Error(err)
		}
		if err := r.HandleReleased(released(0, 0, 1000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.take() // in whatever order the two are scheduled
		if len(errs[2])+len(errs[3]) != 2 || r.pools.sent[2] != 2350 {
			t.Errorf("%d bytes are booked, 2350 were sent", r.pools.sent[2])
		}
	})
}

// TestPoolHandsOver: one that gives up lets those after it go on.
func TestPoolHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallPool)
		r.start(t.Context(), frame.KindMessage, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		big := r.start(ctx, frame.KindMessage, 900)
		small := r.start(t.Context(), frame.KindMessage, 50)
		if len(small) != 0 {
			t.Fatal("it overtook the one before it")
		}
		cancel()
		if err := <-big; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
		if len(small) != 1 {
			t.Error("it still waits although there is enough for it")
		}
		if r.pools.sent[2] != 1050 {
			t.Errorf("%d bytes are booked, 1050 were sent", r.pools.sent[2])
		}
	})
}

// TestPoolAndClose: nobody starts to wait when the session has ended, not even who was just given a slot.
func TestPoolAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, func(c *Config) { smallPool(c); c.Peer.Messages = 2 })
		first := &Exchange{Sink: make(waitSink, 1)}
		if err := r.Start(t.Context(), first, &Open{Kind: frame.KindMessage}, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		r.start(t.Context(), frame.KindMessage, 400)
		waits := r.start(t.Context(), frame.KindMessage, 900) // for a slot, then it would for the pool
		r.l.Lock()
		first.recvEnd = true
		r.endSendLocked(&first.flow) // its slot goes to the third
		r.l.Unlock()
		r.HandleClose(net.ErrClosed)
		if err := <-waits; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestPoolStream: a stream that has used up the pool goes on when there is some, or with CREDIT, and is
// forgotten when its writer leaves.
func TestPoolStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallPool)
		write := func(id uint64, n int) (*Stream, chan error) {
			st, err := r.OpenStream(t.Context(), &Open{}, nil)
			if err != nil || st.ID() != id {
				t.Fatal(err)
			}
			errc := make(chan error, 1)
			go func() { _, err := st.Write(make([]byte, n)); errc <- err }()
			synctest.Wait()
			return st, errc
		}
		_, e2 := write(2, 1000)
		_, e4 := write(4, 900)
		_, e6 := write(6, 2000)
		st, e8 := write(8, 1)
		r.want("OPEN 2 stream body 1000 of 0", "OPEN 4 stream body 0 of 0", "DATA 4 BLOCKED|EARLY 500", "OPEN 6 stream body 0 of 0", "OPEN 8 stream body 0 of 0", "DATA 6 BLOCKED 0", "DATA 8 BLOCKED 0")
		if len(e2) != 1 || len(e4)+len(e6)+len(e8) != 0 {
			t.Error("the wrong ones wait")
		}
		st.Reset(frame.Aborted, "")
		if err := <-e8; err == nil {
			t.Error("write on a stream that was reset")
		}
		r.l.Lock()
		if n := len(r.pools.flows[0]); n != 2 {
			t.Errorf("%d flows wait for the pool, want 2: one has left", n)
		}
		r.l.Unlock()
		r.want("RESET 8 Aborted")
		r.ok(fCredit(6, 100))
		r.want("DATA 6 BLOCKED 100")
		if err := r.HandleReleased(released(1200)); err != nil {
			t.Fatal(err)
		}
		r.want("DATA 4 EARLY 400", "DATA 6 EARLY 800")
		r.ok(fCredit(6, 1100))
		r.want("DATA 6 1100")
		synctest.Wait()
		if len(e4)+len(e6) != 2 || len(r.pools.flows[0]) != 0 {
			t.Error("somebody waits on")
		}
	})
}

// TestReleasedCounters: counters that go back, or beyond what was sent, are errors.
func TestReleasedCounters(t *testing.T) {
	r := newRaw(t, nil)
	if _, err := r.First().Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		total [frame.Groups]uint64
		ok    bool
	}{{released(0), true}, {released(1001), false}, {released(600), true}, {released(600), true}, {released(599), false},
		{released(600, 1), false}, {released(600, 0, 1), false}, {released(1000), true}} {
		if err := r.HandleReleased(c.total); (err == nil) != c.ok {
			t.Errorf("%v: %v", c.total, err)
		}
	}
}
