package mux

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
	"github.com/gantline-project/gantline/internal/memnet"
	"github.com/gantline-project/gantline/internal/oddity"
)

// TestYamuxSYNFlood: streams beyond the cap are reset, the session goes on, and slots come back.
func TestYamuxSYNFlood(t *testing.T) {
	e, r := rawPeer(t, false, func(c *YamuxConfig) { c.Limits = frame.Limits{Streams: 16, Backlog: 100} })
	id := uint32(1)
	for range 5 { // in all more than may be refused at a time
		resets := 0
		for range 300 {
			r.send(yamuxWindowUpdate, yamuxSYN, id, 0)
			id += 2
		}
		for _, h := range r.sync() {
			if h.kind != yamuxWindowUpdate || h.flags != yamuxRST {
				t.Fatalf("got %+v", h)
			}
			resets++
		}
		if open := len(e.acc.streams); open != 16 {
			t.Fatalf("%d streams were announced", open)
		}
		for range 16 {
			st := <-e.acc.streams
			r.send(yamuxWindowUpdate, yamuxFIN, uint32(st.ID()), 0)
			st.Close()
		}
		for ends := 0; ends < 16; {
			switch h, _ := r.next(); {
			case h.flags == yamuxRST:
				resets++
			case h.flags&yamuxFIN != 0:
				ends++
			}
		}
		if resets != 300-16 {
			t.Fatalf("%d resets", resets)
		}
		waitNoStreams(t, e)
	}
}

// TestYamuxSYNFloodUnread: a peer that opens on and on without reading is cut off.
func TestYamuxSYNFloodUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, false, func(c *YamuxConfig) { c.Limits = frame.Limits{Streams: 16} })
		b := make([]byte, 0, 100*yamuxHeaderLen)
		for id := uint32(1); e.Err() == nil; b = b[:0] { // the clock stands still meanwhile
			for range 100 {
				b = appendYamux(b, yamuxHeader{yamuxData, yamuxSYN, id, 0})
				id += 2
			}
			if _, err := r.nc.Write(b); err != nil {
				break
			}
			e.mu.Lock()
			n := len(e.streams)
			e.mu.Unlock()
			if n > 30_000 || e.s.Count() > 16+maxRefused+1 {
				t.Fatalf("%d streams are known, %d are in the table", n, e.s.Count())
			}
		}
		<-e.Done()
		if err := e.Err(); !errors.Is(err, ErrYamuxProtocol) && !errors.Is(err, ErrYamuxLost) {
			t.Error(err)
		}
	})
}

// TestYamuxBacklog: streams that wait to be accepted are bounded on their own.
func TestYamuxBacklog(t *testing.T) {
	e, r := rawPeer(t, false, func(c *YamuxConfig) { c.Limits = frame.Limits{Backlog: 2} })
	open := func(id uint32) { r.send(yamuxWindowUpdate, yamuxSYN, id, 0) }
	for id := uint32(1); id < 9; id += 2 {
		open(id)
	}
	r.want(yamuxWindowUpdate, yamuxRST, 5, 0)
	r.want(yamuxWindowUpdate, yamuxRST, 7, 0)
	one := <-e.acc.streams
	one.Accept()
	r.want(yamuxWindowUpdate, yamuxACK, 1, 0)
	open(9)
	open(11)
	r.want(yamuxWindowUpdate, yamuxRST, 11, 0)
	r.send(yamuxWindowUpdate, yamuxRST, 3, 0) // given up, but nobody here knows yet
	open(13)
	r.want(yamuxWindowUpdate, yamuxRST, 13, 0)
	(<-e.acc.streams).Accept()                  // 3
	(<-e.acc.streams).Reset(frame.Canceled, "") // 9
	r.want(yamuxWindowUpdate, yamuxRST, 9, 0)
	open(15)
	open(17)
	open(19)
	r.want(yamuxWindowUpdate, yamuxRST, 19, 0)
	if got := r.sync(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	for _, want := range []uint64{15, 17} {
		if st := <-e.acc.streams; st.ID() != want {
			t.Errorf("stream %d, want %d", st.ID(), want)
		}
	}
}

// TestYamuxOpenWaits: opens of ours wait for the peer to accept, and for a slot.
func TestYamuxOpenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, true, func(c *YamuxConfig) { c.Limits = frame.Limits{Streams: 3, Backlog: 2} })
		e.open(t)
		e.open(t)
		if _, err := e.s.OpenStream(t.Context(), &Open{}, nil); !errors.Is(err, frame.ResourceExhausted) {
			t.Fatalf("open beyond the backlog: %v", err)
		}
		r.send(yamuxWindowUpdate, yamuxACK, 1, 0)
		r.send(yamuxData, 0, 3, 1, 'x') // hashicorp's acceptor does not ACK a stream whose end came first
		e.open(t)
		if _, err := e.s.OpenStream(t.Context(), &Open{}, nil); !errors.Is(err, frame.ResourceExhausted) {
			t.Fatalf("open beyond the slots: %v", err)
		}
		r.send(yamuxWindowUpdate, yamuxRST, 5, 0)
		e.open(t)
	})
}

// TestYamuxPingFlood: a peer that asks and does not read costs neither goroutines nor memory. It is sent away when it asks
// too often.
func TestYamuxPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, r := rawPeer(t, false, nil)
		e.nc.(*memnet.Conn).BlockWrites(true) // as when the peer has not read for long
		ping := appendYamux(nil, yamuxHeader{yamuxPing, yamuxSYN, 0, 7})
		flood := bytes.Repeat(ping, 1<<20/len(ping))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		goroutines := runtime.NumGoroutine()
		for _, n := range []int{1, oddity.MaxCheap - 1} { // the first answer keeps the writer
			if _, err := r.nc.Write(flood[:n*len(ping)]); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		e.l.Lock()
		waiting := e.l.ping.pongDue
		e.l.Unlock()
		if waiting != maxYamuxPongs || e.Err() != nil {
			t.Errorf("%d pongs wait, %v", waiting, e.Err())
		}
		for range 3 {
			if _, err := r.nc.Write(flood); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if n := runtime.NumGoroutine() - goroutines; n > 0 {
			t.Errorf("%d goroutines more", n)
		}
		if n := int64(after.TotalAlloc - before.TotalAlloc); n > 1<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
		<-e.Done() // nothing gets out
		if err := e.Err(); !errors.Is(err, ErrYamuxProtocol) || !strings.Contains(err.Error(), "1000") {
			t.Error(err)
		}
	})
}

// TestYamuxEveryPingIsAnswered as long as they are few.
func TestYamuxEveryPingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := rawPeer(t, false, nil)
		for range 10 {
			for i := range uint32(maxYamuxPongs) {
				r.send(yamuxPing, yamuxSYN, 0, i)
			}
			for i := range uint32(maxYamuxPongs) {
				r.want(yamuxPing, yamuxACK, 0, i)
			}
		}
	})
}

// TestYamuxUnreadMemory: what streams that nobody reads may hold is their windows.
func TestYamuxUnreadMemory(t *testing.T) {
	_, r := rawPeer(t, false, func(c *YamuxConfig) { c.Limits = frame.Limits{Streams: 32} })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	payload := make([]byte, yamuxWindow)
	resets := 0
	for i := range uint32(100) {
		r.send(yamuxData, yamuxSYN, 2*i+1, yamuxWindow, payload...)
	}
	for _, h := range r.sync() {
		if h.flags == yamuxRST {
			resets++
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 33*yamuxWindow+1<<20 {
		t.Errorf("%d streams hold %d bytes", 32, n)
	}
	if resets != 100-32 {
		t.Errorf("%d resets", resets)
	}
}

// endCounter counts the ends that it gets.
type endCounter struct {
	*testAcceptor
	ends atomic.Int32
}

func (a *endCounter) EndStream(*Stream, error) { a.ends.Add(1) }

// TestYamuxBacklogEnds: an acceptor that did not get a stream does not get its end.
func TestYamuxBacklogEnds(t *testing.T) {
	acc := &endCounter{testAcceptor: newTestAcceptor()}
	e, r := rawPeer(t, false, func(c *YamuxConfig) { c.Acceptor, c.Limits.Backlog = acc, 1 })
	for id := uint32(1); id < 7; id += 2 {
		r.send(yamuxWindowUpdate, yamuxSYN, id, 0)
	}
	r.sync()
	r.nc.Close()
	<-e.Done()
	if n := acc.ends.Load(); n != 1 || len(acc.streams) != 1 {
		t.Errorf("told of %d streams and %d ends", len(acc.streams), n)
	}
}
