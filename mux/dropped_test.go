package mux

import (
	"context"
	"io"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestDroppedBytes: what comes for a stream that is not read any more is not kept, large frames and small ones, and is
// released.
func TestDroppedBytes(t *testing.T) {
	for _, n := range []int{100, directRead} {
		r := newRaw(t, nil)
		r.ok(fOpen(1, 0, frame.Open{}))
		st := r.acc.streams[0]
		st.Accept()
		if err := st.CloseRead(); err != nil {
			t.Fatal(err)
		}
		r.ok(fData(1, flEarly, n), fData(1, flEarly|flFin, n))
		if st.in.n != 0 || r.l.freed[0] != 2*n {
			t.Errorf("frames of %d: %d bytes are kept, %d released", n, st.in.n, r.l.freed[0])
		}
		st.CloseWrite()
		r.take()
		checkRaw(t, r)
	}
}

// TestDroppedAnswer: the memory of an answer that nobody gets is given back: it is over the limit, or its call is given
// up before all of the call's body was sent.
func TestDroppedAnswer(t *testing.T) {
	t.Run("over the limit", func(t *testing.T) {
		r := newRaw(t, func(c *Config) { c.Local.Body = 2000 })
		if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall}, nil); err != nil {
			t.Fatal(err)
		}
		r.take()
		r.ok(fHead(2, flEarly, frame.Head{Size: 2001}, 900))
		if r.l.freed[1] != 900 {
			t.Errorf("%d bytes were released", r.l.freed[1])
		}
		r.take()
		r.ok(fReset(2, frame.Canceled))
		checkRaw(t, r)
	})
	t.Run("before the body", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRaw(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			errs := r.start(ctx, frame.KindCall, 1<<20)
			r.take()
			r.ok(fHead(2, flEarly, frame.Head{Size: 2000}, 900))
			synctest.Wait()
			cancel()
			if err := <-errs; err != context.Canceled {
				t.Errorf("Start = %v", err)
			}
			r.take()
			r.ok(fReset(2, frame.Canceled))
			checkRaw(t, r)
		})
	})
}

// TestClosedBeforeAccept: a stream that its opener closed before it was accepted ends with that, though nobody
// closes it here.
func TestClosedBeforeAccept(t *testing.T) {
	r := newRaw(t, nil)
	r.ok(fOpen(1, flFin, frame.Open{}), fStop(1, frame.OK))
	r.take()
	st := r.acc.streams[0]
	st.Accept()
	r.take()
	if r.Count() != 0 {
		t.Error("it still holds its place")
	}
	if _, err := st.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read = %v", err)
	}
	checkRaw(t, r)
}

// TestUnsentStream: a stream whose OPEN was the next thing to be sent was not sent.
func TestUnsentStream(t *testing.T) {
	r := newRaw(t, nil)
	var all []*Stream
	for i := range 3 {
		st, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStreamingCall}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, st); i == 0 {
			r.take()
		}
	}
	r.HandleClose(io.EOF)
	for i, st := range all {
		if st.Unsent() != (i > 0) {
			t.Errorf("stream %d: unsent is %v", i, st.Unsent())
		}
	}
}

// TestAnswersWaitTheirTurn: an answer that would fit does not go before what waits for room.
func TestAnswersWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRaw(t, nil)
		r.ok(fOpen(1, flFin, frame.Open{Kind: frame.KindCall}))
		r.l.limit = 200
		ctx, cancel := context.WithCancel(t.Context())
		r.start(ctx, frame.KindCall, 300)
		if r.acc.incoming[0].TryReply(nil, make([]byte, 50)) {
			t.Error("the answer went first")
		}
		cancel()
		synctest.Wait()
		if !r.acc.incoming[0].TryReply(nil, make([]byte, 50)) {
			t.Error("the answer waits for nobody")
		}
	})
}
