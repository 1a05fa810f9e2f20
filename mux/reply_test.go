package mux

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// accepted opens a call of the peer's of n bytes, of which got have come.
func (r *raw) accepted(id uint64, n, got int) *Incoming {
	r.t.Helper()
	var flags frame.Flags
	if n == got {
		flags = flFin
	}
	r.ok(fOpen(id, flags, frame.Open{Kind: frame.KindCall, Size: uint32(n), Body: make([]byte, got)}))
	return r.acc.incoming[len(r.acc.incoming)-1]
}

// TestReplyBeforeBody: a call that is refused before its body is there; the rest is dropped, what it held is
// free at once, and nobody learns of the body.
func TestReplyBeforeBody(t *testing.T) {
	for _, try := range []bool{false, true} {
		r := newRaw(t, nil)
		x := r.accepted(1, 1<<20, 1000)
		r.want("CREDIT 1 1047576")
		h := &frame.Head{Code: frame.Unimplemented}
		if try {
			if !x.TryReply(h, nil) {
				t.Fatal("TryReply failed")
			}
		} else if err := x.Reply(t.Context(), h, nil); err != nil {
			t.Fatal(err)
		}
		if errs := idleBudget(r.Session); len(errs) > 0 {
			t.Error(errs)
		}
		r.want("DATA 1 FIN|HEAD Unimplemented 0", "STOP 1 OK")
		r.ok(fData(1, 0, 500), fData(1, flEarly, 60000), fData(1, flFin, 0))
		if len(r.acc.ready) != 0 || x.Complete() {
			t.Error("the body was announced")
		}
		checkRaw(t, r)
	}
}

// TestReplyInAccept: the same on the reader goroutine, before the session has asked for the body.
func TestReplyInAccept(t *testing.T) {
	r := newRaw(t, nil)
	r.acc.onAccept = func(x *Incoming) { x.TryReply(&frame.Head{Code: frame.NotFound}, nil) }
	r.accepted(1, 1<<20, 1000)
	r.want("DATA 1 FIN|HEAD NotFound 0", "STOP 1 OK")
	r.ok(fData(1, flFin, 0))
	checkRaw(t, r)
}

// TestReplyRacesBody: nothing is read and written at once when an answer meets the end of the body.
func TestReplyRacesBody(t *testing.T) {
	for i := range 200 {
		r := newRaw(t, nil)
		x := r.accepted(1, 2000, 1000)
		var wg sync.WaitGroup
		if i%2 == 0 {
			wg.Go(func() { x.Want() })
		}
		wg.Go(func() { x.Reply(t.Context(), nil, nil) })
		r.ok(fData(1, flEarly|flFin, 1000))
		wg.Wait()
		r.take()
		checkRaw(t, r)
	}
}

// TestReplyThenBody: nobody learns of a body that becomes complete while the answer waits for room.
func TestReplyThenBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newFull(t)
		x := r.accepted(3, 10, 5)
		errc := make(chan error, 1)
		go func() { errc <- x.Reply(t.Context(), nil, make([]byte, 5000)) }()
		synctest.Wait()
		r.ok(fData(3, flFin|flEarly, 5))
		if len(r.acc.ready) != 0 || x.Complete() {
			t.Error("it was announced")
		}
		r.ack()
		r.flush()
		synctest.Wait()
		r.take()
		if err := <-errc; err != nil || r.l.freed[1] != 10 || r.lookup(3) != nil {
			t.Error(err, r.l.freed)
		}
	})
}

// TestReplyPockets: an answer that has waited for room is sent from the pocket that then has enough.
func TestReplyPockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newFull(t)
		r.cfg.Peer.EarlyPool[1] = 1500
		x := r.accepted(3, 1, 1)
		errc := make(chan error, 1)
		go func() { errc <- x.Reply(t.Context(), nil, make([]byte, 1000)) }()
		synctest.Wait()
		r.l.Lock()
		r.pools.sent[1] += 1000 // somebody takes the pool
		r.l.Unlock()
		r.ok(fCredit(3, 1000))
		r.ack()
		r.flush()
		synctest.Wait()
		r.want("DATA 3 FIN|HEAD OK 1000")
		if err := <-errc; err != nil {
			t.Error(err)
		}
	})
}

// TestReplyOnce: only one answer goes out, however many try while the first waits.
func TestReplyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newFull(t)
		x := r.accepted(3, 1, 1)
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- x.Reply(t.Context(), nil, make([]byte, 5000)) }()
		}
		synctest.Wait()
		if len(errs) != 2 {
			t.Fatalf("%d of three Replies have returned, want 2", len(errs))
		}
		if !x.TryReply(nil, nil) {
			t.Error("TryReply says that another try would help")
		}
		for range 2 {
			if err := <-errs; err != ErrReplied {
				t.Error(err)
			}
		}
		r.ack()
		r.flush()
		synctest.Wait()
		r.want("DATA 3 FIN|HEAD|EARLY OK 5000")
		if err := <-errs; err != nil {
			t.Error(err)
		}
		if err := x.Reply(t.Context(), nil, nil); err != ErrReplied {
			t.Error(err)
		}
	})
}

// TestTryReply: what cannot go out at once in one frame is left alone, if it has a body.
func TestTryReply(t *testing.T) {
	r := newRaw(t, smallPool)
	a, b := r.accepted(1, 1, 1), r.accepted(3, 1, 1)
	if a.TryReply(nil, make([]byte, 1001)) {
		t.Error("an answer over the early window went out")
	}
	if !a.TryReply(nil, make([]byte, 1000)) || b.TryReply(nil, make([]byte, 501)) || !b.TryReply(nil, make([]byte, 500)) {
		t.Error("the pool is not what decides")
	}
	r.want("DATA 1 FIN|HEAD|EARLY OK 1000", "DATA 3 FIN|HEAD|EARLY OK 500")
	c := r.accepted(5, 1, 1)
	r.l.limit = 10
	if c.TryReply(nil, make([]byte, 1)) {
		t.Error("an answer went into a full log")
	}
	r.l.limit = 1000
	if !c.TryReply(nil, nil) {
		t.Error("an answer is stuck")
	}
	r.want("DATA 5 FIN|HEAD OK 0")
}

// TestOwedAnswers: answers without a body do not wait for room, each frees its slot, and a peer that takes none of them
// makes nothing grow.
func TestOwedAnswers(t *testing.T) {
	text := strings.Repeat("x", 1000)
	for _, c := range []struct {
		name  string
		head  *frame.Head
		after func(r *raw, x *Incoming) // before there is room
		want  string
	}{
		{"OK", nil, nil, "DATA 3 FIN|HEAD OK 0"},
		{"an error", &frame.Head{Code: frame.NotFound, Text: text}, nil, "DATA 3 FIN|HEAD NotFound 0"},
		{"metadata", &frame.Head{Metadata: labelled(8000)}, nil, "DATA 3 FIN|HEAD OK 0"},
		{"the caller gives up", &frame.Head{Code: frame.NotFound, Text: text}, func(r *raw, x *Incoming) { r.ok(fReset(3, frame.Canceled)) }, "DATA 3 FIN 0"},
		{"answered again", nil, func(r *raw, x *Incoming) {
			if ok, err := x.TryReply(nil, nil), x.Reply(r.t.Context(), nil, []byte("x")); !ok || err != ErrReplied {
				r.t.Error(ok, err)
			}
		}, "DATA 3 FIN|HEAD OK 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := newFull(t)
			x := r.accepted(3, 1, 1)
			r.l.end += controlReserve + 1 // so that it is owed for a while
			if !x.TryReply(c.head, nil) {
				t.Fatal("it has to wait")
			}
			r.wantIdle()
			if c.after != nil {
				c.after(r, x)
			}
			r.wantIdle()
			if r.lookup(3) == nil {
				t.Error("the slot is free before the answer has gone out")
			}
			r.ack()
			r.want(c.want)
			if r.lookup(3) != nil {
				t.Error("the slot is taken")
			}
		})
	}
}

// TestOwedAnswersMany: what a peer causes that takes no answers stays in bounds, and all of them go out in the end.
func TestOwedAnswersMany(t *testing.T) {
	r, _ := newFull(t)
	const n = 1000
	for i := range uint64(n) {
		x := r.accepted(3+2*i, 1, 1)
		if !x.TryReply(&frame.Head{Code: frame.NotFound, Text: strings.Repeat("x", 1000)}, nil) {
			t.Fatal("it has to wait")
		}
	}
	if b, waiting := r.flush(); !waiting || len(b) > controlReserve+2000 {
		t.Errorf("%d bytes of answers are sent, waiting: %v", len(b), waiting)
	}
	r.ack()
	got := r.take()
	if last := got[len(got)-1]; last.h.ID != 1+2*n || r.Count() != 1 {
		t.Errorf("the last answer is %v, %d are open", last, r.Count())
	}
	r.HandleClose(nil)
	if r.out.debts.head != nil {
		t.Error("something is owed")
	}
}

// TestReplyGivenUp: the slot is free when Reply was called, at whatever point of the answer the RESET came.
func TestReplyGivenUp(t *testing.T) {
	for _, when := range []string{"before", "waits for room", "waits for credit"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := newFull(t)
				x := r.accepted(3, 1, 1)
				if when != "waits for room" {
					r.ack()
				}
				if when == "before" {
					r.ok(fReset(3, frame.Canceled))
				}
				errc := make(chan error, 1)
				go func() { errc <- x.Reply(t.Context(), nil, make([]byte, 100<<10)) }()
				synctest.Wait()
				r.take()
				if when != "before" {
					r.ok(fReset(3, frame.Canceled))
					r.ack()
				}
				synctest.Wait()
				r.take()
				var se *StreamError
				if err := <-errc; !errors.As(err, &se) || se.Code != frame.Canceled || !se.Remote {
					t.Error(err)
				}
				if len(r.acc.cancelled) != 1 {
					t.Errorf("%d cancellations", len(r.acc.cancelled))
				}
				r.take()
				if r.lookup(3) != nil {
					t.Error("the slot is taken")
				}
			})
		})
	}
}

// TestReplyContext: an answer that could not be sent in time becomes RESET.
func TestReplyContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		x := r.accepted(1, 1, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		errc := make(chan error, 1)
		go func() { errc <- x.Reply(ctx, &frame.Head{Text: "all is well"}, make([]byte, 1<<20)) }()
		synctest.Wait()
		r.want("DATA 1 HEAD|EARLY OK 65513", "DATA 1 BLOCKED|EARLY 23")
		cancel(io.ErrClosedPipe)
		if err := <-errc; err != io.ErrClosedPipe {
			t.Error(err)
		}
		r.want("RESET 1 Canceled")
		if r.Count() != 0 {
			t.Error("the slot is taken")
		}
	})
}

// TestReplyChecks: an answer that the peer would have to refuse is replaced by one that says why.
func TestReplyChecks(t *testing.T) {
	for _, c := range []struct {
		name string
		h    *frame.Head
		n    int
		code frame.Code
	}{
		{"body", nil, 4<<20 + 1, frame.ResourceExhausted},
		{"detail", &frame.Head{Detail: make([]byte, frame.MaxDetail+1)}, 0, frame.Internal},
		{"metadata", &frame.Head{Metadata: []byte{0}}, 0, frame.Internal},
		{"size", &frame.Head{Size: 77}, 5, frame.OK}, // is the session's business
		{"text", &frame.Head{Text: strings.Repeat("ä", 1000)}, 5, frame.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl, s := newPair(t, nil)
				errc := make(chan error, 1)
				s.acc.fn = func(x *Incoming) { errc <- x.Reply(t.Context(), c.h, make([]byte, c.n)) }
				x, err := call(t.Context(), cl.Session, &Open{Kind: frame.KindCall}, nil)
				if err != nil || x.Err != nil || x.Head.Code != c.code || c.code == frame.OK && len(x.Body) != c.n {
					t.Errorf("%v, %v, %+v", err, x.Err, x.Head)
				}
				if err := <-errc; (err == nil) != (c.code == frame.OK) || err != nil && !errors.Is(err, c.code) {
					t.Error(err)
				}
				checkIdle(t, cl, s)
			})
		})
	}
}
