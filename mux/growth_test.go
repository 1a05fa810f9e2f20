package mux

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// reading returns a stream of the peer's that a reader empties as it fills, with a round trip of 100 ms.
func reading(t *testing.T, change func(*Config)) *raw {
	r := newRaw(t, change)
	r.l.rtt = 100 * time.Millisecond
	r.ok(fOpen(1, 0, frame.Open{}))
	go readAll(r.acc.streams[0])
	synctest.Wait()
	return r
}

// send feeds n granted bytes and lets the reader have them.
func (r *raw) send(n int) {
	for n > 0 {
		k := min(n, 64<<10)
		r.ok(fData(1, 0, k))
		n -= k
		synctest.Wait()
	}
}

// blockedAfter feeds BLOCKED that long after what came before.
func (r *raw) blockedAfter(d time.Duration) {
	<-time.After(d)
	r.ok(fData(1, flBlock, 0))
	synctest.Wait()
}

// TestWindow: a reader grants 256 KiB, and again whenever half of it is read.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reading(t, nil)
		r.want("CREDIT 1 262144")
		r.send(64 << 10)
		r.wantIdle()
		r.send(64 << 10)
		r.want("CREDIT 1 131072")
		r.send(256 << 10)
		r.want("CREDIT 1 262144") // two debts of one stream are one frame
		r.acc.streams[0].Reset(frame.Aborted, "")
	})
}

// TestEarlyAfterWindow: early bytes that come when there is a window belong to it as far as it goes; beyond it they
// stay early ones until they are read.
func TestEarlyAfterWindow(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{Body: make([]byte, 10)}))
	st := r.acc.streams[0]
	st.Read(make([]byte, 5))
	r.want("CREDIT 1 262139")
	freed := func(want int) {
		t.Helper()
		if r.l.freed[0] != want {
			t.Errorf("%d bytes are released, want %d", r.l.freed[0], want)
		}
	}
	freed(10)
	r.ok(fData(1, flEarly, 20))
	freed(10)
	st.Read(make([]byte, 15))
	freed(25)
	st.Read(make([]byte, 100))
	freed(30)
	r.ok(fData(1, flEarly, 5))
	freed(35) // there was room for these
	r.ok(fData(1, flEarly, 7))
	freed(35)
	st.Close()
	freed(42)
	r.ok(fData(1, flEarly, 3))
	freed(45)
}

// TestEarlyOfReadStreams: streams that were read once and no more hold their windows, and early bytes up to the pool.
func TestEarlyOfReadStreams(t *testing.T) {
	r := newRaw(t, func(c *Config) { c.StreamBudget = 1 })
	var err error
	held := 0
	for id := uint64(1); err == nil && id < 2*300; id += 2 {
		st := r.read1(id)
		r.take()
		r.ok(fData(id, 0, minWindow))
		err = r.feed(fData(id, flEarly, 60<<10))
		held += st.in.n
	}
	if err == nil || held > 4<<20+300*minWindow {
		t.Errorf("%v, %d bytes are held", err, held)
	}
	r.HandleClose(errLost)
}

// TestWindowGrows only while the rate times the round trip is more than half of it.
func TestWindowGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reading(t, func(c *Config) { c.MaxWindow = 1 << 20 })
		st := r.acc.streams[0]
		window := func() int {
			st.rmu.Lock()
			defer st.rmu.Unlock()
			return st.window
		}
		r.send(256 << 10)
		r.blockedAfter(100 * time.Millisecond)
		if w := window(); w != 256<<10 {
			t.Fatalf("the first BLOCKED made it %d: there is no rate yet", w)
		}
		r.send(256 << 10)
		r.blockedAfter(time.Second) // 26 KiB in a round trip: the sender is slow
		if w := window(); w != 256<<10 {
			t.Fatalf("a slow sender made it %d", w)
		}
		r.send(200 << 10)
		r.blockedAfter(100 * time.Millisecond)
		if w := window(); w != 512<<10 {
			t.Fatalf("200 KiB in a round trip left it at %d", w)
		}
		r.send(400 << 10)
		r.blockedAfter(100 * time.Millisecond)
		r.send(800 << 10)
		r.blockedAfter(100 * time.Millisecond)
		if w := window(); w != 1<<20 {
			t.Fatalf("it is %d, the maximum is 1 MiB", w)
		}
		r.l.rtt = 0
		r.send(800 << 10)
		r.blockedAfter(time.Microsecond)
		if n, _ := st.s.Granted(); n != 1<<20 {
			t.Errorf("%d of the budget is used", n)
		}
		r.take()
		r.ok(fData(1, flFin, 0))
		st.Close()
		r.take()
		checkRaw(t, r)
	})
}

// TestWindowReturned: a stream that both sides have ended and that was read to the end holds nothing, closed
// or not; one that was not read to the end does until it is.
func TestWindowReturned(t *testing.T) {
	r := newRaw(t, nil)
	used := func() int {
		n, _ := r.Granted()
		return n
	}
	for i, end := range []func(st *Stream){
		func(st *Stream) { r.ok(fData(st.ID(), flFin, 0)); readAll(st) },
		func(st *Stream) { r.ok(fData(st.ID(), flFin, 10)); readAll(st) },
		func(st *Stream) { r.ok(fReset(st.ID(), frame.Aborted)) },
		func(st *Stream) { st.CloseRead(); r.ok(fData(st.ID(), 0, 10), fData(st.ID(), flFin, 10)) },
		func(st *Stream) { st.Close(); r.ok(fData(st.ID(), flFin, 10)) },
		func(st *Stream) { st.Reset(frame.Aborted, ""); r.ok(fData(st.ID(), flFin, 10)) },
	} {
		id := uint64(1 + 2*i)
		r.ok(fOpen(id, 0, frame.Open{Body: []byte("x")}))
		st := r.acc.streams[i]
		if _, err := st.Read(make([]byte, 9)); err != nil || used() != DefaultWindow {
			t.Fatalf("%v, %d are reserved", err, used())
		}
		r.take()
		end(st)
		if used() != 0 {
			t.Errorf("end %d: %d stay reserved", i, used())
		}
		st.CloseWrite()
	}
	r.take()
	checkRaw(t, r)
}

// TestBlockedOnce: BLOCKED is said once for each CREDIT.
func TestBlockedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, smallPool)
		r.ok(fOpen(1, 0, frame.Open{}))
		st := r.acc.streams[0]
		write := func(n int) {
			go st.Write(make([]byte, n))
			synctest.Wait()
		}
		write(1500)
		r.want("DATA 1 BLOCKED|EARLY 1000")
		r.ok(fCredit(1, 0))
		r.wantIdle()
		r.ok(fCredit(1, 400))
		r.want("DATA 1 BLOCKED 400")
		r.ok(fCredit(1, 100)) // just what is left
		r.want("DATA 1 100")
		write(1)
		r.want("DATA 1 BLOCKED 0")
		st.SetWriteDeadline(time.Now())
		synctest.Wait()
		st.SetWriteDeadline(time.Time{})
		write(1)
		r.wantIdle() // it was said before
		r.ok(fCredit(1, 1))
		r.want("DATA 1 1")
		st.Reset(frame.Aborted, "")
	})
}
