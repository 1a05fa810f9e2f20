package mux

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestFairness: of a hundred streams that all have more to send than fits, none gets more than three frames ahead.
func TestFairness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		const n = 100
		for i := range uint64(n) {
			r.ok(fOpen(1+2*i, 0, frame.Open{}), fCredit(1+2*i, 1<<30))
			go r.acc.streams[i].Write(make([]byte, 8<<20))
		}
		synctest.Wait()
		sent := map[uint64]int{}
		for range 400 { // flushes of two frames
			b, _ := r.flush()
			synctest.Wait()
			for len(b) > 0 {
				h, err := frame.ParseHeader(b)
				if err != nil {
					t.Fatal(err)
				}
				sent[h.ID] += int(h.Length)
				b = b[frame.HeaderLen+int(h.Length):]
			}
		}
		least, most := 1<<40, 0
		for i := range uint64(n) {
			least, most = min(least, sent[1+2*i]), max(most, sent[1+2*i])
		}
		if least == 0 || most > least+3*64<<10 {
			t.Errorf("the least was %d bytes, the most %d", least, most)
		}
		r.HandleClose(nil)
	})
}

// TestSmallGoesFirst: bulk stays outside the log but for 128 KiB, so a small frame has at most that before it.
func TestSmallGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		for i := range uint64(20) {
			r.ok(fOpen(1+2*i, 0, frame.Open{}), fCredit(1+2*i, 1<<30))
			go r.acc.streams[i].Write(make([]byte, 1<<20))
			go r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Name: "bulk"}, make([]byte, 1<<20))
		}
		for i := range 50 {
			synctest.Wait()
			small := &Exchange{Sink: make(waitSink, 1)}
			if err := r.Start(t.Context(), small, &Open{Kind: frame.KindCall, Name: "small"}, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			if n := r.l.Unsent(); n > aheadOfAll+64<<10+8<<10 {
				t.Fatalf("round %d: %d bytes are in the log", i, n)
			}
			if b, _ := r.flush(); len(b) > aheadOfAll+64<<10+8<<10 {
				t.Fatalf("round %d: %d bytes are sent at once", i, len(b))
			}
		}
		r.HandleClose(nil)
	})
}

// TestNobodyJumpsTheQueue: while others wait, who comes with bulk waits too, even if there is room just now.
func TestNobodyJumpsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		for i := range uint64(5) {
			r.ok(fOpen(1+2*i, 0, frame.Open{}), fCredit(1+2*i, 1<<30))
		}
		for _, st := range r.acc.streams[:4] {
			go st.Write(make([]byte, 1<<20))
		}
		synctest.Wait()
		r.l.Lock()
		r.l.log, r.l.sent = r.l.log[:0], r.l.end // a flush took all; Fill comes next
		r.l.Unlock()
		go r.acc.streams[4].Write(make([]byte, sparseWrite+1))
		synctest.Wait()
		if n := r.l.Unsent(); n != 0 {
			t.Errorf("%d bytes were appended", n)
		}
		r.flush()
		r.HandleClose(nil)
	})
}

// TestBulkKeepsShort: bulk of streams and of bodies that wait stays within what the link says it should take, and what
// is left of the log is for small frames.
func TestBulkKeepsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		r.l.keep, r.l.noAck = 256<<10, true
		for i := range uint64(20) {
			r.ok(fOpen(1+2*i, 0, frame.Open{}), fCredit(1+2*i, 1<<30))
			go r.acc.streams[i].Write(make([]byte, 1<<20))
			go r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Name: "bulk"}, make([]byte, 1<<20))
		}
		waiting := false
		for range 10 {
			synctest.Wait()
			_, waiting = r.flush()
		}
		if room := r.l.Bulk(false); room > 0 || room < -(64<<10+8<<10) || !waiting {
			t.Errorf("%d bytes are left for bulk; waiting for them: %v", room, waiting)
		}
		if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, Name: "small"}, make([]byte, 60<<10)); err != nil {
			t.Error(err)
		}
		r.l.Lock()
		r.l.acked = r.l.end
		r.l.Unlock()
		if b, _ := r.flush(); len(b) < aheadOfAll {
			t.Errorf("after an acknowledgement %d bytes are sent", len(b))
		}
		r.HandleClose(nil)
	})
}

// TestBulkGoesDirect: only a flow whose bulk has been the only one for some time may fill the log without waiting for
// its turn.
func TestBulkGoesDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		r.l.ahead = 1 << 20
		r.ok(fOpen(1, 0, frame.Open{}), fCredit(1, 1<<30), fOpen(3, 0, frame.Open{}), fCredit(3, 1<<30))
		const piece = 32 << 10
		direct := func(st *Stream) int { // how much of st goes into the empty log
			for range r.l.limit/piece - 1 {
				go st.Write(make([]byte, piece))
				synctest.Wait()
			}
			n := r.l.Unsent()
			for r.l.Unsent() > 0 || !r.out.ring.empty() {
				r.flush()
				synctest.Wait()
			}
			return n
		}
		few := aheadOfAll + piece
		for range 2 {
			for i, st := range r.acc.streams {
				if n := direct(st); n > few {
					t.Errorf("stream %d, beside the other: %d bytes", i, n)
				}
			}
		}
		for range soleAfter + 1 {
			r.acc.streams[0].Write(make([]byte, piece))
			r.flush()
		}
		if n := direct(r.acc.streams[0]); n <= few {
			t.Errorf("the only one: %d bytes", n)
		}
		if n := direct(r.acc.streams[1]); n > few {
			t.Errorf("the other then: %d bytes", n)
		}
		if n := direct(r.acc.streams[0]); n > few {
			t.Errorf("the first after that: %d bytes", n)
		}
		r.HandleClose(nil)
	})
}

// TestBulkAlone: bulk is alone some time after the last frame that somebody may wait for.
func TestBulkAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		act   func(t *testing.T, r *raw)
		alone bool
	}{
		"nothing":    {func(*testing.T, *raw) {}, true},
		"bulk":       {func(t *testing.T, r *raw) { r.acc.streams[0].Write(make([]byte, sparseWrite+1)) }, true},
		"credit":     {func(t *testing.T, r *raw) { r.acc.streams[0].grantMore(1) }, true},
		"end":        {func(t *testing.T, r *raw) { r.acc.streams[0].Close() }, true},
		"write":      {func(t *testing.T, r *raw) { r.acc.streams[0].Write(make([]byte, sparseWrite)) }, false},
		"call":       {func(t *testing.T, r *raw) { r.start(t.Context(), frame.KindCall, 100) }, false},
		"message":    {func(t *testing.T, r *raw) { r.start(t.Context(), frame.KindMessage, 100) }, false},
		"answer":     {func(t *testing.T, r *raw) { r.accepted(3, 1, 1).Reply(t.Context(), nil, nil) }, false},
		"new stream": {func(t *testing.T, r *raw) { r.OpenStream(t.Context(), &Open{}, nil) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaw(t, nil)
				r.ok(fOpen(1, 0, frame.Open{}), fCredit(1, 1<<30))
				alone := func() bool {
					r.l.Lock()
					defer r.l.Unlock()
					r.bulkLocked()
					return r.l.alone
				}
				if alone() {
					t.Error("alone at first")
				}
				for range aloneAfter + 1 {
					r.flush()
				}
				if !alone() {
					t.Error("not alone after a while")
				}
				tt.act(t, r)
				r.flush()
				if alone() != tt.alone {
					t.Errorf("alone: %v, want %v", !tt.alone, tt.alone)
				}
				r.HandleClose(nil)
			})
		})
	}
}

// TestBulkTakesWhatIsLeft: the first frame of a large body is bulk like the rest of it.
func TestBulkTakesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		for r.l.Unsent() < aheadOfAll-10<<10 {
			if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall}, make([]byte, 5000)); err != nil {
				t.Fatal(err)
			}
		}
		r.start(t.Context(), frame.KindCall, 1<<20)
		if n := r.l.Unsent(); n > aheadOfAll+1<<10 {
			t.Errorf("%d bytes are in the log", n)
		}
		r.flush()
		r.HandleClose(nil)
	})
}

// TestLargeAnswersWaitOutside is the same for answers.
func TestLargeAnswersWaitOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		for i := range uint64(40) {
			x := r.accepted(1+2*i, 1, 1)
			go x.Reply(t.Context(), nil, make([]byte, 100<<10))
		}
		synctest.Wait()
		if n := r.l.Unsent(); n > aheadOfAll+64<<10+8<<10 {
			t.Errorf("%d bytes are in the log", n)
		}
		r.HandleClose(nil)
	})
}

// TestCoalescing: small writes become few frames, the end joins the last of them, and their bytes stay in order.
func TestCoalescing(t *testing.T) {
	r := newRaw(t, nil)
	st, err := r.OpenStream(t.Context(), &Open{Name: "n"}, []byte("ab"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for i := range 1000 {
		p := fmt.Appendf(nil, "%d,", i)
		all = append(all, p...)
		if _, err := st.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	st.CloseWrite()
	out := r.take()
	if len(out) != 1 || out[0].String() != "OPEN 2 FIN stream body 3892 of 0" {
		t.Fatalf("sent %v", out)
	}
	if o, _ := frame.ParseOpen(out[0].p); !bytes.Equal(o.Body, append([]byte("ab"), all...)) {
		t.Error("the bytes are not those that were written")
	}

	r.ok(fOpen(1, 0, frame.Open{}))
	st = r.acc.streams[0]
	for range 13 {
		st.Write(make([]byte, 5000))
	}
	st.CloseWrite()
	r.want("DATA 1 FIN|EARLY 65000")
}

// TestCoalescingKeepsPockets: granted bytes do not join early ones, nor bytes the frame of another stream.
func TestCoalescingKeepsPockets(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{}), fOpen(3, 0, frame.Open{}), fOpen(5, flFin, frame.Open{Kind: frame.KindCall}))
	a, b := r.acc.streams[0], r.acc.streams[1]
	a.Write([]byte("abc"))
	r.ok(fCredit(1, 100))
	a.Write([]byte("de"))
	a.Write([]byte("f"))
	b.Write([]byte("x"))
	a.Write([]byte("g"))
	r.acc.incoming[0].Reply(t.Context(), nil, []byte("answer"))
	a.CloseWrite()
	r.want("DATA 1 EARLY 3", "DATA 1 3", "DATA 3 EARLY 1", "DATA 1 1", "DATA 5 FIN|HEAD|EARLY OK 6", "DATA 1 FIN 0")
	b.Write([]byte("y"))
	b.Close()
	r.want("DATA 3 EARLY 1", "STOP 3 OK", "DATA 3 FIN 0")
}
