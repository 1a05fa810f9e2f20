package gantline

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
)

type sumReq struct{ A, B int }

const sum Method[sumReq, int] = "math.sum"

// TestTypedCall: by every codec, over everything that can handle.
func TestTypedCall(t *testing.T) {
	for _, codec := range []Codec{nil, Msgpack, JSON} {
		router := new(Router)
		c, s := pair(t, &Config{Codec: codec}, &Config{Router: router, OnStream: func(st *Stream) error {
			sum.Handle(st, func(_ context.Context, q sumReq) (int, error) { return q.A + q.B + 2000, nil })
			return nil
		}})
		sum.Handle(router, func(ctx context.Context, q sumReq) (int, error) {
			if q.A < 0 {
				return 0, OutOfRange
			}
			if RequestFromContext(ctx).Method != string(sum) {
				return 0, Internal
			}
			return q.A + q.B, nil
		})
		Handle(s, "sum2", func(_ context.Context, q sumReq) (int, error) { return q.A + q.B + 1000, nil })
		st, err := c.OpenStream(short(t))
		must(t, err)
		for _, test := range []struct {
			call   func() (int, error)
			answer int
		}{
			{func() (int, error) { return sum.Call(short(t), c, sumReq{1, 2}) }, 3},
			{func() (int, error) { return Call[int](short(t), c, "sum2", sumReq{1, 2}) }, 1003},
			{func() (int, error) { return sum.Call(short(t), st, sumReq{1, 2}) }, 2003},
			{func() (int, error) { return sum.Call(short(t), c, sumReq{1, 2}, WithCodec(JSON)) }, 3},
			{func() (int, error) { return sum.Call(short(t), wrapped{c}, sumReq{1, 2}) }, 3},
		} {
			got, err := test.call()
			must(t, err)
			if got != test.answer {
				t.Errorf("answer is %d, want %d", got, test.answer)
			}
		}
		_, err = sum.Call(short(t), c, sumReq{-1, 0})
		want(t, err, OutOfRange)
	}
}

// wrapped is a Caller of somebody else's.
type wrapped struct{ Caller }

func TestTypedErrors(t *testing.T) {
	c, s := pair(t, nil, nil)
	sum.Handle(s, func(context.Context, sumReq) (int, error) { return 1, nil })
	Handle(s, "unencodable", func(context.Context, int) (chan int, error) { return make(chan int), nil })
	ctx := short(t)
	for _, test := range []struct {
		name string
		call func() error
		code Code
		text string
	}{
		{"raw into typed", func() error { _, err := c.Call(ctx, string(sum), []byte("raw")); return err }, InvalidArgument, "raw"},
		{"another type", func() error { _, err := Call[int](ctx, c, string(sum), "text"); return err }, InvalidArgument, "msgpack"},
		{"answer of another type", func() error { _, err := Call[string](ctx, c, string(sum), sumReq{}); return err }, Internal, "answer"},
		{"request cannot be encoded", func() error { _, err := Call[int](ctx, c, string(sum), make(chan int)); return err }, InvalidArgument, "encode"},
		{"answer cannot be encoded", func() error { _, err := Call[int](ctx, c, "unencodable", 1); return err }, Internal, "chan int"},
		{"unknown codec", func() error { _, err := Call[int](ctx, c, string(sum), sumReq{}, WithCodec(alien{JSON})); return err }, Unimplemented, "codec 200"},
	} {
		err := test.call()
		if CodeOf(err) != test.code || !strings.Contains(err.Error(), test.text) || strings.Count(err.Error(), prefix) != 1 {
			t.Errorf("%s: error is %v", test.name, err)
		}
	}
}

// alien is a codec that the peer does not have.
type alien struct{ Codec }

func (alien) ID() uint8 { return 200 }

// TestTypedStreams: the four kinds.
func TestTypedStreams(t *testing.T) {
	c, s := pair(t, nil, nil)
	HandleEach(s, "count", func(_ context.Context, n int) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for i := range n {
				if !yield(fmt.Sprint(i), nil) {
					return
				}
			}
			if n == 13 {
				yield("", OutOfRange)
			}
		}
	})
	HandleStream(s, "total", func(ctx context.Context, st *TypedStream[int, int]) error {
		total := 0
		for n, err := range st.All(ctx) {
			if err != nil {
				return err
			}
			total += n
		}
		return st.Send(ctx, total)
	})
	HandleStream(s, "double", func(ctx context.Context, st *TypedStream[int, int]) error {
		for n, err := range st.All(ctx) {
			if err == nil {
				err = st.Send(ctx, 2*n)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	ctx := short(t)

	for _, n := range []int{0, 1, 13, 1000} { // one request, many answers
		got, failed := 0, error(nil)
		for item, err := range Each[string](ctx, c, "count", n) {
			if failed = err; err == nil && item != fmt.Sprint(got) {
				t.Errorf("item %d is %q", got, item)
			}
			if err == nil {
				got++
			}
		}
		if got != n || n == 13 != (CodeOf(failed) == OutOfRange) {
			t.Errorf("%d of %d items, error %v", got, n, failed)
		}
	}
	for item := range Each[string](ctx, c, "count", 1<<40) { // stops early
		if item == "100" {
			break
		}
	}
	for _, err := range Each[string](ctx, c, "unknown", 1) {
		want(t, err, Unimplemented)
	}
	for _, err := range Each[string](ctx, c, "count", "not a number") {
		want(t, err, InvalidArgument)
	}

	up, err := OpenCall[int, int](ctx, c, "total") // many requests, one answer
	must(t, err)
	for i := range 100 {
		must(t, up.Send(ctx, i))
	}
	must(t, up.CloseSend())
	got, err := up.Recv(ctx)
	must(t, err)
	if got != 4950 {
		t.Errorf("total is %d", got)
	}
	_, err = up.Recv(ctx)
	want(t, err, io.EOF)

	both, err := OpenCall[int, int](ctx, c, "double", WithCodec(JSON))
	must(t, err)
	for i := range 100 {
		must(t, both.Send(ctx, i))
		got, err := both.Recv(ctx)
		must(t, err)
		if got != 2*i {
			t.Errorf("double of %d is %d", i, got)
		}
	}
	both.Cancel()
	_, err = both.Recv(ctx)
	want(t, err, Canceled)
}
