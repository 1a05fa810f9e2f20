package mux

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantline-project/gantline/frame"
)

// TestHandleClose wakes everything that waits, with the reason; what has arrived stays readable.
func TestHandleClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("why")
		r := newRaw(t, func(c *Config) {
			smallLimits(c)
			smallPool(c)
			c.Peer.Backlog = 2
		})
		r.ok(fOpen(1, 0, frame.Open{Body: []byte("arrived")}), fOpen(3, flFin, frame.Open{Kind: frame.KindCall}), fOpen(5, 0, frame.Open{Kind: frame.KindMessage, Size: 9}))
		st := r.acc.streams[0]
		waiting := map[string]chan error{}
		wait := func(name string, f func() error) {
			errc := make(chan error, 1)
			waiting[name] = errc
			go func() { errc <- f() }()
			synctest.Wait()
		}
		read := func(st *Stream) error { _, err := st.Read(make([]byte, 10)); return err }
		write := func(n int) error { _, err := st.Write(make([]byte, n)); return err }
		done := make(waitSink, 9)
		start := func(o Open, n int) error { return r.Start(t.Context(), &Exchange{Sink: done}, &o, make([]byte, n)) }
		message := Open{Kind: frame.KindMessage, Name: "t"}

		wait("read of the first stream", func() error { return read(r.First()) })
		wait("write for credit", func() error { return write(2000) })
		wait("write for its turn", func() error { return write(1) })
		wait("CloseWrite for its turn", st.CloseWrite)
		wait("reply for credit", func() error { return r.acc.incoming[0].Reply(t.Context(), nil, make([]byte, 5000)) })
		opens(t.Context(), r.Session, 2)
		wait("open for a place", func() error { _, err := r.OpenStream(t.Context(), &Open{}, nil); return err })
		if err := start(message, 1000); err != nil {
			t.Fatal(err)
		}
		wait("start for the pool", func() error { return start(message, 1000) })
		if err := start(message, 0); err != nil {
			t.Fatal(err)
		}
		wait("start for a slot", func() error { return start(message, 0) })
		r.take()
		r.l.limit = 0
		wait("start for room", func() error { return start(Open{Kind: frame.KindCall, Name: "m"}, 0) })
		ended := st.Done()
		for name, errc := range waiting {
			if len(errc) != 0 {
				t.Fatalf("%s does not wait: %v", name, <-errc)
			}
		}
		r.HandleClose(why)
		r.HandleClose(errors.New("again"))
		for name, errc := range waiting {
			if err := <-errc; err != why {
				t.Errorf("%s: %v", name, err)
			}
		}
		<-ended
		for range 2 {
			if x := <-done; x.Err != why || !x.Sent || x.Reusable {
				t.Errorf("exchange: %v, sent %v", x.Err, x.Sent)
			}
		}
		if len(done) != 0 {
			t.Error("Complete was called again, or for what Start refused")
		}
		if !slices.ContainsFunc(r.acc.cancelled, func(x *Incoming) bool { return x.ID() == 5 }) {
			t.Error("the message was not cancelled")
		}
		if n := len(r.acc.ended); n != 4 {
			t.Errorf("EndStream was called %d times, want 4", n)
		}
		p := make([]byte, 10)
		if n, err := st.Read(p); string(p[:n]) != "arrived" || err != nil {
			t.Errorf("read %q, %v", p[:n], err)
		}
		if _, err := st.Read(p); err != why {
			t.Errorf("then %v", err)
		}
		for name, err := range map[string]error{
			"write": write(1), "CloseWrite": st.CloseWrite(), "reply": r.acc.incoming[1].Reply(t.Context(), nil, nil), "start": start(message, 0),
			"open": func() error { _, err := r.OpenStream(t.Context(), &Open{}, nil); return err }(),
		} {
			if err != why {
				t.Errorf("%s afterwards: %v", name, err)
			}
		}
		for _, err := range []error{st.CloseRead(), st.Close(), st.Reset(frame.Aborted, ""), r.First().Close()} {
			if err != nil {
				t.Error(err)
			}
		}
		if r.Fill(); r.Count() != 0 || r.out.reserved != 0 {
			t.Error("something is left")
		}
		r.wantIdle()
	})
}

// TestSent tells whether an exchange that is lost was ever handed to a carrier.
func TestSent(t *testing.T) {
	r := newRaw(t, nil)
	done := make(waitSink, 3)
	for i := range 3 {
		if err := r.Start(t.Context(), &Exchange{Sink: done}, &Open{Kind: frame.KindCall, Depth: uint8(i)}, nil); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			r.take()
		}
	}
	r.HandleClose(io.EOF)
	for range 3 {
		if x := <-done; x.Sent != (x.depth < 2) {
			t.Errorf("exchange %d: sent is %v", x.depth, x.Sent)
		}
	}
}

// TestNeverAnnounced: the acceptor does not learn of the end of what it never got.
func TestNeverAnnounced(t *testing.T) {
	r := newRaw(t, func(c *Config) { c.Local.Body = 10 })
	r.ok(fOpen(1, 0, frame.Open{Kind: frame.KindCall, Size: 11}), fOpen(3, 0, frame.Open{Kind: frame.KindCall, Parent: 1}), fOpen(5, 0, frame.Open{Kind: frame.KindCall, Size: 11}), fReset(5, frame.Canceled))
	r.HandleClose(io.EOF)
	if n := len(r.acc.incoming) + len(r.acc.cancelled); n != 0 {
		t.Errorf("it heard of %d", n)
	}
}

// TestCancelOnClose: calls that were not answered are cancelled, once.
func TestCancelOnClose(t *testing.T) {
	r := newRaw(t, nil)
	for i := range uint64(4) {
		r.ok(fOpen(1+2*i, flFin*frame.Flags(i%2), frame.Open{Kind: frame.KindCall, Size: 5, Body: make([]byte, 5)}))
	}
	r.acc.incoming[0].Reply(t.Context(), nil, nil) // its body may still come
	r.ok(fReset(3, frame.Canceled))
	r.HandleClose(io.EOF)
	if n := len(r.acc.cancelled); n != 3 {
		t.Errorf("%d were cancelled, want 3", n)
	}
}

// TestEndStream tells once how each stream ended.
func TestEndStream(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(r *raw, st *Stream)
		want error
	}{
		"both":          {func(r *raw, st *Stream) { st.CloseWrite(); r.ok(fData(1, flFin, 0)) }, nil},
		"closed":        {func(r *raw, st *Stream) { st.Close(); r.ok(fData(1, flFin, 0)) }, nil},
		"stopped":       {func(r *raw, st *Stream) { r.ok(fData(1, flFin, 0), fStop(1, frame.OK)) }, nil},
		"reset":         {func(r *raw, st *Stream) { r.ok(fReset(1, frame.NotFound)) }, frame.NotFound},
		"reset here":    {func(r *raw, st *Stream) { st.Reset(frame.NotFound, ""); r.take(); r.ok(fData(1, flFin, 0)) }, frame.NotFound},
		"reset by both": {func(r *raw, st *Stream) { st.Reset(frame.NotFound, ""); r.ok(fReset(1, frame.NotFound)) }, frame.NotFound},
		"lost":          {func(r *raw, st *Stream) { r.HandleClose(io.ErrClosedPipe) }, io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRaw(t, func(c *Config) { c.NoFirst = true })
			r.ok(fOpen(1, 0, frame.Open{}))
			r.acc.streams[0].Accept()
			c.end(r, r.acc.streams[0])
			r.take()
			r.HandleClose(io.EOF)
			if len(r.acc.ended) != 1 || !errors.Is(r.acc.ended[0], c.want) {
				t.Errorf("%v, want %v once", r.acc.ended, c.want)
			}
			<-r.acc.streams[0].Done()
		})
	}
}

// TestContexts: operations whose context has ended do nothing; one without an end is not needed.
func TestContexts(t *testing.T) {
	r := newRaw(t, nil)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := r.OpenStream(ctx, &Open{}, nil); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if err := r.Start(ctx, &Exchange{}, &Open{Kind: frame.KindCall}, nil); err != context.DeadlineExceeded {
		t.Error(err)
	}
	r.wantIdle()
	checkRaw(t, r)
}
