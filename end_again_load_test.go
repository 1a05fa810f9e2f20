package gantline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// moveLog is what the servers have got, by the End that has got it.
type moveLog struct {
	mu       sync.Mutex // guards what follows
	messages map[*End][]uint32
	unmarked map[uint32]int // how often each message came without a mark
	any      map[uint32]int
	notifies map[*End][]uint32
	notified map[uint32]int
	called   map[uint32]int
}

func newMoveLog() *moveLog {
	return &moveLog{messages: map[*End][]uint32{}, unmarked: map[uint32]int{}, any: map[uint32]int{},
		notifies: map[*End][]uint32{}, notified: map[uint32]int{}, called: map[uint32]int{}}
}

func (l *moveLog) setup(e *End) error {
	e.Subscribe("t", func(_ context.Context, m *Message) error {
		n := binary.BigEndian.Uint32(m.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.any[n]++
		if !m.Redelivered {
			l.unmarked[n]++
			l.messages[e] = append(l.messages[e], n)
		}
		return nil
	})
	e.Handle("notify", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
		n := binary.BigEndian.Uint32(req.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.notified[n]++
		l.notifies[e] = append(l.notifies[e], n)
		return nil, nil
	}))
	e.Handle("call", HandlerFunc(func(_ context.Context, req *Request) ([]byte, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.called[binary.BigEndian.Uint32(req.Body)]++
		return req.Body, nil
	}))
	return nil
}

func number(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// TestMoveUnderLoad: messages, notifies and calls by the thousand go on while one server after the other asks the client to
// go on. Nothing is lost, and nothing comes twice without a mark.
func TestMoveUnderLoad(t *testing.T) {
	for _, cuts := range []bool{false, true} {
		for _, dedup := range []bool{false, true} {
			t.Run(fmt.Sprintf("cuts %v, dedup %v", cuts, dedup), func(t *testing.T) {
				bubble(t, func(t *testing.T) { moveUnderLoad(t, cuts, dedup) })
			})
		}
	}
}

func moveUnderLoad(t *testing.T, cuts, dedup bool) {
	l := newMoveLog()
	cfg := Config{Setup: l.setup, Limits: Limits{Messages: 2000}}
	if dedup {
		cfg.Dedup = NewDedup(20_000, time.Hour)
	}
	h := newTestServer(t, &cfg)
	c := h.client(nil)
	ctx := context.Background()
	const each = 10_000
	pace := func(n int) { // so that it takes some of the bubble's time
		if n%128 == 0 {
			<-time.After(10 * time.Millisecond)
		}
	}
	var work sync.WaitGroup
	work.Go(func() {
		var pending []*Publication
		for n := range each {
			p, err := c.PublishAsync(ctx, "t", number(n))
			if err != nil {
				t.Errorf("message %d: %v", n, err)
				return
			}
			pending = append(pending, p)
			pace(n)
		}
		for n, p := range pending {
			if err := p.Wait(ctx); err != nil {
				t.Errorf("message %d: %v", n, err)
			}
		}
	})
	work.Go(func() {
		for n := range each {
			if err := c.Notify(ctx, "notify", number(n)); err != nil {
				t.Errorf("notify %d: %v", n, err)
				return
			}
			pace(n)
		}
	})
	unknown := map[int]bool{}
	for g := range 4 {
		work.Go(func() {
			for n := g; n < each/4; n += 4 {
				pace(4 * n)
				_, err := c.Call(ctx, "call", number(n))
				if err != nil && (!cuts || !errors.Is(err, ErrUnknownOutcome)) {
					t.Errorf("call %d: %v", n, err)
				}
				if err != nil {
					l.mu.Lock()
					unknown[n] = true
					l.mu.Unlock()
				}
			}
		})
	}
	work.Go(func() {
		for n := each; n < each+each/4; n++ {
			if _, err := c.Go(ctx, "call", number(n), Idempotent()).Wait(ctx); err != nil {
				t.Errorf("idempotent call %d: %v", n, err)
			}
			pace(4 * n)
		}
	})
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	moves, r := 0, rand.New(rand.NewPCG(1, 2))
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
			<-time.After(time.Duration(1+r.IntN(4)) * 10 * time.Millisecond) // as the work goes on
			h.mu.Lock()
			s := h.ends[len(h.ends)-1]
			h.mu.Unlock()
			for range r.IntN(300) {
				runtime.Gosched()
			}
			if !s.line.Draining() {
				moves++
				go s.Shutdown(ctx)
			}
			if cuts && r.IntN(4) == 0 {
				h.cut()
			}
		}
	}
	must(t, c.Shutdown(ctx))
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range uint32(each) {
		if l.any[n] < 1 || l.unmarked[n] > 1 || !cuts && l.any[n] != 1 || dedup && l.any[n] != 1 {
			t.Errorf("message %d came %d times, %d of them without a mark", n, l.any[n], l.unmarked[n])
		}
		if l.notified[n] > 1 || !cuts && l.notified[n] != 1 {
			t.Errorf("notify %d came %d times", n, l.notified[n])
		}
		if n < each/4 && (l.called[n] > 1 || l.called[n] < 1 && !unknown[int(n)]) {
			t.Errorf("call %d ran %d times, unknown: %v", n, l.called[n], unknown[int(n)])
		}
	}
	for n := uint32(each); n < each+each/4; n++ {
		if l.called[n] < 1 || !cuts && l.called[n] != 1 {
			t.Errorf("idempotent call %d ran %d times", n, l.called[n])
		}
	}
	if !cuts {
		for _, all := range []map[*End][]uint32{l.messages, l.notifies} {
			for _, got := range all {
				if !slices.IsSorted(got) {
					t.Errorf("one End got them in the order %v", got)
				}
			}
		}
	}
	t.Logf("%d moves, %d sessions; messages came to %d Ends", moves, c.Stats().Sessions, len(l.messages))
}

// TestMoveLeavesNothing: an End that has moved a thousand times holds its newest session and no other.
func TestMoveLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestServer(t, &Config{Setup: func(e *End) error { e.Handle("m", echo); return nil }})
		c := h.client(&Config{OnPeerMethod: func(*End, string, bool) {}, OnState: func(*End, State) {}})
		heap := func() uint64 {
			var m runtime.MemStats
			h.mu.Lock()
			h.ends, h.carriers = slices.Clone(h.ends[len(h.ends)-1:]), slices.Clone(h.carriers[len(h.carriers)-1:])
			h.sessions = new(Sessions) // it keeps a little of each
			h.mu.Unlock()
			for range 3 {
				runtime.GC()
			}
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		var olds []weak.Pointer[session]
		moves := func(n int) {
			for range n {
				synctest.Wait()
				h.mu.Lock()
				s := h.ends[len(h.ends)-1]
				h.mu.Unlock()
				olds = append(olds, weak.Make(c.session()))
				_, err := c.Call(t.Context(), "m", nil)
				must(t, err)
				must(t, c.Publish(t.Context(), "m", nil, NoAck()))
				must(t, s.Shutdown(t.Context()))
				<-time.After(2 * time.Second)
			}
		}
		moves(100)
		before, goroutines := heap(), runtime.NumGoroutine()
		moves(1000)
		after := heap()
		if n := c.Stats().Sessions; n != 1101 {
			t.Errorf("%d sessions, %d of them live", n, len(c.line.Close()))
		}
		alive := 0
		for _, p := range olds[1:] { // the first one has the bytes of the End's own stream
			if p.Value() != nil {
				alive++
			}
		}
		if alive > 0 {
			t.Errorf("%d of %d older sessions are still held", alive, len(olds))
		}
		if now := runtime.NumGoroutine(); now > goroutines {
			t.Errorf("%d goroutines after %d", now, goroutines)
		}
		if after > before+512<<10 {
			t.Errorf("1000 moves hold %d KiB", (after-before)>>10)
		}
		t.Logf("%d KiB after 100 moves, %d KiB after 1100", before>>10, after>>10)
	})
}
