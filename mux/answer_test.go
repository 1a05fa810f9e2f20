package mux

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/gantline-project/gantline/frame"
)

// TestHeadIsKept: what an answer says is a copy, not the reader's buffer.
func TestHeadIsKept(t *testing.T) {
	r := newRaw(t, nil)
	for i, h := range []frame.Head{{Detail: []byte("detail")}, {Code: frame.Aborted, Text: "text", Detail: []byte("d")}, {Metadata: frame.AppendMetadata(nil, "k", []byte("v"))}} {
		done := make(waitSink, 1)
		if err := r.Start(t.Context(), &Exchange{Sink: done}, &Open{Kind: frame.KindCall}, nil); err != nil {
			t.Fatal(err)
		}
		b := fHead(uint64(2+2*i), flFin|flEarly, h, 5).bytes()
		fr := frame.NewReader(io.MultiReader(bytes.NewReader(b), bytes.NewReader(bytes.Repeat([]byte{0xFF}, 8<<10))), frame.DefaultMaxPayload)
		fh, err := fr.Next()
		if err == nil {
			err = r.HandleFrame(fh, fr)
		}
		if err != nil {
			t.Fatal(err)
		}
		fr.Next()
		x := <-done
		if got := x.Head; got.Code != h.Code || got.Text != h.Text || !bytes.Equal(got.Detail, h.Detail) || !bytes.Equal(got.Metadata, h.Metadata) || string(x.Body) != "ddddd" {
			t.Errorf("got %+v, want %+v", got, h)
		}
	}
}

// TestEarlyAnswer: the answer comes while the body is still being sent; Start returns, and the body ends.
func TestEarlyAnswer(t *testing.T) {
	answer := bytes.Repeat([]byte("answer"), 50000)
	for _, size := range []int{0, 10, len(answer)} {
		for _, n := range []int{100, 100 << 10, 4 << 20} {
			synctest.Test(t, func(t *testing.T) {
				c, s := newPair(t, nil)
				s.acc.accept = func(x *Incoming) { go x.Reply(t.Context(), nil, answer[:size]) }
				s.acc.fn = func(*Incoming) {}
				x, err := call(t.Context(), c.Session, &Open{Kind: frame.KindCall}, make([]byte, n))
				if err != nil || x.Err != nil || !bytes.Equal(x.Body, answer[:size]) {
					t.Errorf("%v, %v, %d bytes", err, x.Err, len(x.Body))
				}
				checkIdle(t, c, s)
			})
		}
	}
}

// userSink is a Sink that runs user code.
type userSink struct{ done bool }

func (s *userSink) Complete(x *Exchange) {
	x.EnterUser()
	s.done = true
	x.LeaveUser()
}

// TestUserCode: user code of a Sink is announced to the link when the reader runs it, and not else.
func TestUserCode(t *testing.T) {
	for name, tt := range map[string]struct {
		end    func(r *raw, x *Exchange)
		reader bool
	}{
		"answered":       {func(r *raw, _ *Exchange) { r.ok(fHead(2, flFin|flEarly, frame.Head{}, 5)) }, true},
		"reset":          {func(r *raw, _ *Exchange) { r.ok(fReset(2, frame.Aborted)) }, true},
		"over the limit": {func(r *raw, _ *Exchange) { r.ok(fHead(2, flFin|flEarly, frame.Head{}, 1001)) }, true},
		"cancelled":      {func(_ *raw, x *Exchange) { x.Cancel(frame.Canceled, "") }, false},
		"session over":   {func(r *raw, _ *Exchange) { r.HandleClose(errors.New("over")) }, false},
	} {
		r := newRaw(t, func(c *Config) { c.Local.Body = 1000 })
		sink := new(userSink)
		x := &Exchange{Sink: sink}
		if err := r.Start(t.Context(), x, &Open{Kind: frame.KindCall}, nil); err != nil {
			t.Fatal(err)
		}
		tt.end(r, x)
		want := 0
		if tt.reader {
			want = 101
		}
		if !sink.done || r.l.users != want {
			t.Errorf("%s: completed: %v, and the link got %d, want %d", name, sink.done, r.l.users, want)
		}
	}
}

// TestNoWait: what cannot go out at once fails, and takes nothing.
func TestNoWait(t *testing.T) {
	r := newRaw(t, func(c *Config) { c.Peer.Calls, c.Peer.Streams, c.Peer.Backlog = 1, 2, 1 })
	call := func(n int) error {
		return r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindCall, NoWait: true}, make([]byte, n))
	}
	stream := func() error {
		_, err := r.OpenStream(t.Context(), &Open{Kind: frame.KindStream, NoWait: true}, nil)
		return err
	}
	for _, step := range []struct {
		what string
		err  error
		want error
	}{
		{"a body that needs credit", call(1 << 20), ErrWouldWait},
		{"a call", call(10), nil},
		{"a call without a slot", call(10), ErrWouldWait},
		{"a stream", stream(), nil},
		{"a stream too many for the peer's backlog", stream(), ErrWouldWait},
	} {
		if step.err != step.want {
			t.Errorf("%s: %v, want %v", step.what, step.err, step.want)
		}
	}
	r.l.limit = 0 // no room
	if err := r.Start(t.Context(), &Exchange{Sink: make(waitSink, 1)}, &Open{Kind: frame.KindMessage, NoWait: true}, nil); err != ErrWouldWait {
		t.Errorf("a message without room: %v", err)
	}
	if n := r.Count(); n != 2 {
		t.Errorf("%d open, want 2", n)
	}
}

// TestBodyLimit: bodies over this side's limit are refused in both directions, however they come.
func TestBodyLimit(t *testing.T) {
	r := newRaw(t, func(c *Config) { c.Local.Body = 1000 })
	r.ok(fOpen(1, flFin, frame.Open{Kind: frame.KindCall, Body: make([]byte, 1000)}))
	r.ok(fOpen(3, flFin, frame.Open{Kind: frame.KindCall, Body: make([]byte, 1001)}), fOpen(5, 0, frame.Open{Kind: frame.KindMessage, Size: 1001}), fData(5, flFin, 0))
	r.want("RESET 3 ResourceExhausted", "RESET 5 ResourceExhausted")
	r.acc.incoming[0].Reply(t.Context(), nil, nil)
	r.want("DATA 1 FIN|HEAD OK 0")
	if len(r.acc.incoming)+len(r.acc.cancelled)+len(r.acc.ready) != 1 {
		t.Error("the acceptor heard of bodies over the limit")
	}
	r.ok(fOpen(7, 0, frame.Open{Kind: frame.KindCall, Body: make([]byte, 500)}))
	r.bad("limit of 1000", fData(7, flEarly, 501)) // size unknown
	for i, f := range []rawFrame{fHead(2, flFin|flEarly, frame.Head{}, 1001), fHead(4, 0, frame.Head{Size: 1001}, 0)} {
		done := make(waitSink, 1)
		if err := r.Start(t.Context(), &Exchange{Sink: done}, &Open{Kind: frame.KindCall}, nil); err != nil {
			t.Fatal(err)
		}
		r.take()
		r.ok(f)
		if x := <-done; !errors.Is(x.Err, frame.ResourceExhausted) || x.Body != nil {
			t.Errorf("%v, %d bytes", x.Err, len(x.Body))
		}
		if i == 0 {
			r.wantIdle() // it has ended
		} else {
			r.want("RESET 4 ResourceExhausted")
			r.ok(fData(4, flFin, 0))
		}
	}
}
