package mux

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// pay answers every CREDIT with that many bytes, and with FIN when size is reached; it returns how many bytes
// of credit there were.
func (r *raw) pay(size int, got map[uint64]int) (granted int) {
	r.t.Helper()
	for {
		frames := r.take()
		if len(frames) == 0 {
			return granted
		}
		for _, f := range frames {
			if f.h.Type != frame.TypeCredit {
				continue
			}
			n, _ := frame.ParseCredit(f.p)
			granted += int(n)
			for left := min(int(n), size-got[f.h.ID]); left > 0; {
				k := min(left, 64<<10)
				left -= k
				got[f.h.ID] += k
				var flags frame.Flags
				if got[f.h.ID] == size {
					flags = flFin
				}
				r.ok(fData(f.h.ID, flags, k))
			}
		}
	}
}

// smallBudget has 3 bodies of at most 1 MiB at a time.
func smallBudget(c *Config) { c.Local.Body, c.BodyBudget = 1<<20, 3<<20 }

// TestBodiesAreBounded: bodies that nobody takes use up the budget and not more, whether they say their size
// or not, and all of them come in when they are taken.
func TestBodiesAreBounded(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind      frame.Kind
		announced uint32
	}{{"calls", frame.KindCall, 400 << 10}, {"notifies", frame.KindNotify, 400 << 10}, {"messages", frame.KindMessage, 400 << 10}, {"unknown size", frame.KindCall, 0}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRaw(t, smallBudget)
			got := map[uint64]int{}
			const n = 20
			for i := range uint64(n) {
				r.ok(fOpen(1+2*i, 0, frame.Open{Kind: c.kind, Size: c.announced, Body: []byte("x")}))
				got[1+2*i] = 1
				if c.kind == frame.KindMessage {
					r.acc.incoming[i].Want()
				}
			}
			most := 4 << 20
			if granted := r.pay(400<<10, got); granted > most || granted < 700<<10 {
				t.Errorf("%d bytes are granted while nobody takes any", granted)
			}
			taken := 0
			for taken < len(r.acc.ready) {
				x := r.acc.ready[taken]
				if len(x.Body) != 400<<10 {
					t.Fatalf("%d bytes", len(x.Body))
				}
				x.Dispatched()
				taken++
				r.pay(400<<10, got)
			}
			if taken != n {
				t.Errorf("%d bodies of %d came in", taken, n)
			}
			for _, x := range r.acc.incoming {
				x.Reply(t.Context(), nil, nil)
			}
			r.take()
			checkRaw(t, r)
		})
	}
}

// TestEarlyBytesCount: a body of which only the last byte is granted costs what it holds.
func TestEarlyBytesCount(t *testing.T) {
	r := newRaw(t, smallBudget)
	n := 0
	for i := range uint64(1024) {
		if r.peer.earlyIn[1]-r.peer.released[1].Load()+60<<10 > 4<<20 {
			break // the pool is full
		}
		r.ok(fOpen(1+2*i, 0, frame.Open{Kind: frame.KindCall, Size: 60<<10 + 1, Body: make([]byte, 60<<10)}))
		n++
	}
	if held := n * 60 << 10; held > 3<<20+4<<20+60<<10 {
		t.Errorf("%d bytes are held, budget and pool are %d", held, 3<<20+4<<20)
	}
}

// TestBudgetHandsOver: a body that is given up while it waits lets a smaller one after it go on.
func TestBudgetHandsOver(t *testing.T) {
	r := newRaw(t, smallBudget)
	for i, size := range []uint32{1 << 20, 1 << 20, 500 << 10, 1 << 20, 200 << 10} {
		r.ok(fOpen(uint64(1+2*i), 0, frame.Open{Kind: frame.KindCall, Size: size}))
	}
	r.want("CREDIT 1 1048576", "CREDIT 3 1048576", "CREDIT 5 512000")
	r.ok(fReset(7, frame.Canceled))
	r.want("CREDIT 9 204800")
}

// TestLanes: bodies that wait for a handler do not stop those the handler may be waiting for: answers, and
// calls nested deeper; nor do they stop messages, of which those nested deeper do not wait for others.
func TestLanes(t *testing.T) {
	r := newRaw(t, smallBudget)
	got := map[uint64]int{}
	id := uint64(1)
	open := func(kind frame.Kind, depth uint8) *Incoming {
		r.ok(fOpen(id, 0, frame.Open{Kind: kind, Depth: depth, Size: 1 << 20, Body: []byte("x")}))
		got[id] = 1
		id += 2
		x := r.acc.incoming[len(r.acc.incoming)-1]
		x.Want()
		return x
	}
	for range 20 {
		open(frame.KindCall, 0)
	}
	r.pay(1<<20, got)
	if n := len(r.acc.ready); n != 3 {
		t.Fatalf("%d calls are complete, want 3", n)
	}
	done := make(waitSink, 1)
	if err := r.Start(t.Context(), &Exchange{Sink: done}, &Open{Kind: frame.KindCall, Name: "m"}, nil); err != nil {
		t.Fatal(err)
	}
	r.take()
	r.ok(fHead(2, 0, frame.Head{Size: 1 << 20}, 0))
	r.pay(1<<20, got)
	if x := <-done; len(x.Body) != 1<<20 {
		t.Errorf("the answer is %d bytes, %v", len(x.Body), x.Err)
	}
	for depth := range uint8(MaxDepth) {
		open(frame.KindCall, depth+1)
		open(frame.KindMessage, depth+1)
	}
	open(frame.KindMessage, 0)
	r.pay(1<<20, got)
	if n := len(r.acc.ready); n != 3+2*MaxDepth+1 {
		t.Errorf("%d bodies are complete, want %d", n, 3+2*MaxDepth+1)
	}
	for len(r.acc.incoming) > 0 {
		x := r.acc.incoming[0]
		r.acc.incoming = r.acc.incoming[1:]
		x.Reply(t.Context(), nil, nil)
		r.pay(1<<20, got)
		r.ok(fReset(x.ID(), frame.Canceled))
	}
	r.take()
	checkRaw(t, r)
}

// TestMessagesWaitForWant: a message costs its early window until somebody wants it.
func TestMessagesWaitForWant(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindMessage, Size: 100 << 10, Body: make([]byte, 60<<10)}), fData(1, flEarly|flBlock, 4<<10))
	r.ok(fOpen(3, flFin, frame.Open{Kind: frame.KindMessage, Body: make([]byte, 60<<10)}))
	r.wantIdle()
	if r.l.freed[2] != 0 {
		t.Error("early bytes nobody wants are released")
	}
	x := r.acc.incoming[0]
	x.Want()
	x.Want()
	r.want("CREDIT 1 36864")
	if r.l.freed[2] != 64<<10 {
		t.Errorf("%d bytes moved to the grant, want 65536", r.l.freed[2])
	}
	r.ok(fData(1, flFin, 36<<10))
	if len(r.acc.ready) != 1 || len(x.Body) != 100<<10 {
		t.Error("the body is not complete")
	}
	for _, x := range r.acc.incoming {
		x.Dispatched()
		x.Dispatched()
		x.Reply(t.Context(), nil, nil)
	}
	r.take()
	checkRaw(t, r)
}

// TestUnreadStreams: 200 streams that were read once and then never again do not stop calls with 1 MiB bodies
// and answers, nor other streams.
func TestUnreadStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, nil)
		var wg sync.WaitGroup
		var open []*Stream
		for range 200 {
			a, b := openPair(t, c, s)
			open = append(open, a, b)
			wg.Go(func() { a.Write(make([]byte, 4<<20)) })
			b.Read(make([]byte, 1))
		}
		synctest.Wait()
		for range 3 {
			x, err := call(t.Context(), c.Session, &Open{Kind: frame.KindCall, Name: "m"}, make([]byte, 1<<20))
			if err != nil || x.Err != nil || len(x.Body) != 1<<20 {
				t.Fatal(err, x)
			}
		}
		a, b := openPair(t, c, s)
		testTransfer(t, a, b, 200<<10)
		for _, st := range append(open, a, b) {
			st.Close()
		}
		wg.Wait()
		checkIdle(t, c, s)
	})
}

// TestUnreadMemory: 100 streams nobody reads hold little more than the 4 MiB of their early pool between them.
func TestUnreadMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newPair(t, nil)
		var wg sync.WaitGroup
		var open []*Stream
		for i := range 100 {
			a, b := openPair(t, c, s)
			open = append(open, a, b)
			wg.Go(func() {
				for range 1000 {
					if _, err := a.Write(make([]byte, 10+i*100)); err != nil {
						return
					}
				}
			})
		}
		synctest.Wait()
		held := 0
		for _, st := range open {
			for q := st.in.head; q != nil; q = q.next {
				held += len(q.buf)
			}
		}
		if held < 1<<20 || held > 8<<20 {
			t.Errorf("%d bytes are held", held)
		}
		for _, st := range open {
			st.Close()
		}
		wg.Wait()
		checkIdle(t, c, s)
	})
}
