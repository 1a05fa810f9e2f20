package gantline

import (
	"bytes"
	"context"
	"io"
	"math"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantline-project/gantline/internal/codec"
)

type codecValue struct {
	ID    int64             `json:"id"`
	Name  string            `msgpack:"n"`
	Tags  []string          `json:"tags,omitempty"`
	Attrs map[string]string `json:"attrs"`
	Any   map[string]any
	Blob  []byte
	When  time.Time
	Ratio float64
	Next  *codecValue `json:",omitempty"`
	Skip  int         `json:"-" msgpack:"-"`
}

func sampleValue() codecValue {
	return codecValue{ID: math.MinInt64, Name: "méthode", Tags: []string{"a", ""}, Attrs: map[string]string{"k": "v"},
		Any: map[string]any{"method": "x"}, Blob: []byte{0, 255}, When: time.Unix(1<<31+5, 999_999_999).UTC(), Ratio: 0.1,
		Next: &codecValue{ID: 7, Attrs: map[string]string{}, Any: map[string]any{}, Blob: []byte{}, When: time.Unix(0, 0).UTC()}}
}

func TestCodecRoundTrip(t *testing.T) {
	for _, c := range []Codec{Msgpack, JSON} {
		t.Run(c.Name(), func(t *testing.T) {
			want := sampleValue()
			body, err := c.Append([]byte("head"), want)
			if err != nil || !bytes.HasPrefix(body, []byte("head")) {
				t.Fatalf("Append = %q, %v", body, err)
			}
			var got codecValue
			if err := c.Unmarshal(body[4:], &got); err != nil {
				t.Fatal(err)
			}
			got.When, got.Next.When = got.When.UTC(), got.Next.When.UTC()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestCodecNames(t *testing.T) {
	for _, c := range []Codec{Msgpack, JSON} {
		body, err := c.Append(nil, struct {
			A int `json:"alpha"`
		}{1})
		if err != nil || !bytes.Contains(body, []byte("alpha")) {
			t.Errorf("%s: %q, %v: the json tag does not name the field", c.Name(), body, err)
		}
	}
}

func TestRawCodec(t *testing.T) {
	data := []byte{1, 2, 3}
	for _, v := range []any{data, &data} {
		if got, err := Raw.Append([]byte{0}, v); err != nil || !bytes.Equal(got, []byte{0, 1, 2, 3}) {
			t.Errorf("Append(%T) = %v, %v", v, got, err)
		}
	}
	if got, err := Raw.Append(nil, nil); err != nil || len(got) != 0 {
		t.Errorf("Append(nil) = %v, %v", got, err)
	}
	for _, v := range []any{"text", 1, (*[]byte)(nil), struct{}{}} {
		if _, err := Raw.Append(nil, v); err == nil {
			t.Errorf("Append(%T) succeeded", v)
		}
	}
	var out []byte
	if err := Raw.Unmarshal(data, &out); err != nil || !bytes.Equal(out, data) {
		t.Errorf("Unmarshal = %v, %v", out, err)
	}
	var s string
	if err := Raw.Unmarshal(data, &s); err == nil || !strings.Contains(err.Error(), "*string") {
		t.Errorf("Unmarshal into a string: %v", err)
	}
	if err := Raw.Unmarshal(data, (*[]byte)(nil)); err == nil {
		t.Error("Unmarshal into a nil pointer succeeded")
	}
}

type otherCodec struct{ codec.Raw }

func (otherCodec) ID() uint8 { return codec.JSONID }

// TestCodecByID: a body is decoded if its codec is the End's own or one of those listed, or if there is no list and it is
// built in.
func TestCodecByID(t *testing.T) {
	none := []Codec{}
	for _, tc := range []struct {
		id       uint8
		own      Codec
		accepted []Codec
		want     Codec
	}{
		{0, nil, nil, Raw}, {1, nil, nil, Msgpack}, {2, nil, nil, JSON}, {3, nil, nil, nil}, {200, Msgpack, nil, nil},
		{1, JSON, nil, Msgpack}, {2, otherCodec{}, nil, otherCodec{}}, {1, otherCodec{}, nil, Msgpack},
		{0, Msgpack, none, Raw}, {1, Msgpack, none, Msgpack}, {2, Msgpack, none, nil}, {1, JSON, none, nil}, {2, JSON, none, JSON},
		{1, JSON, []Codec{nil, Msgpack}, Msgpack}, {2, Msgpack, []Codec{otherCodec{}}, otherCodec{}}, {2, JSON, []Codec{otherCodec{}}, JSON},
		{1, JSON, []Codec{otherCodec{}}, nil},
	} {
		got, err := (&Config{Codec: tc.own, Codecs: tc.accepted}).codecByID(tc.id, "m")
		if got != tc.want || (err == nil) != (tc.want != nil) || err != nil && CodeOf(err) != Unimplemented {
			t.Errorf("codecByID(%d) of %v, %v = %v, %v, want %v", tc.id, tc.own, tc.accepted, got, err, tc.want)
		}
	}
}

// TestCodecsAccepted: what comes in a codec that is not accepted runs no handler, and its sender learns why, for all
// that carries values.
func TestCodecsAccepted(t *testing.T) {
	c, s := pair(t, &Config{Codec: JSON}, &Config{Codecs: []Codec{}})
	ctx := t.Context()
	Handle(s, "typed", func(context.Context, int) (int, error) { t.Error("a handler ran"); return 0, nil })
	s.Handle("decode", HandlerFunc(func(_ context.Context, r *Request) ([]byte, error) { var v int; return nil, r.Decode(&v) }))
	HandleStream(s, "stream", func(context.Context, *TypedStream[int, int]) error { t.Error("a handler ran"); return nil })
	defer Topic[int]("topic").Subscribe(s, func(context.Context, int, *Message) error { t.Error("a function ran"); return nil })()
	check := func(what string, err error) {
		t.Helper()
		if CodeOf(err) != Unimplemented {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, method := range []string{"typed", "decode"} {
		_, err := Call[int](ctx, c, method, 1)
		check(method, err)
	}
	cs, err := OpenCall[int, int](ctx, c, "stream")
	must(t, err)
	_, err = cs.Recv(ctx)
	check("stream", err)
	check("topic", Topic[int]("topic").Publish(ctx, c, 1))
	// The other way, and raw bytes, are not concerned.
	Handle(c, "back", func(_ context.Context, v int) (int, error) { return v + 1, nil })
	if n, err := Call[int](ctx, s, "back", 1); n != 2 || err != nil {
		t.Errorf("back: %d, %v", n, err)
	}
}

// turnValue says how many values like it are being decoded at a time.
type turnValue struct{ running, most, ran *atomic.Int32 }

func (v turnValue) MarshalJSON() ([]byte, error) { return bytes.Repeat([]byte("1"), 64<<10), nil }

func (v *turnValue) UnmarshalJSON([]byte) error {
	n := turns.running.Add(1)
	defer turns.running.Add(-1)
	for most := turns.most.Load(); n > most && !turns.most.CompareAndSwap(most, n); most = turns.most.Load() {
	}
	for range 100 {
		runtime.Gosched()
	}
	turns.ran.Add(1)
	return nil
}

var turns = turnValue{new(atomic.Int32), new(atomic.Int32), new(atomic.Int32)}

// TestDecodeInTurn: no more large bodies are decoded at a time than there are processors, by whatever decodes them.
func TestDecodeInTurn(t *testing.T) {
	c, s := pair(t, &Config{Codec: JSON}, &Config{Codec: JSON})
	ctx := t.Context()
	turns.most.Store(0)
	turns.ran.Store(0)
	Handle(s, "typed", func(context.Context, turnValue) (int, error) { return 0, nil })
	s.Handle("decode", HandlerFunc(func(_ context.Context, r *Request) ([]byte, error) { var v turnValue; return []byte("0"), r.Decode(&v) }))
	HandleStream(s, "stream", func(ctx context.Context, ts *TypedStream[int, turnValue]) error { _, err := ts.Recv(ctx); return err })
	defer Topic[turnValue]("topic").Subscribe(s, func(context.Context, turnValue, *Message) error { return nil })()
	var wg sync.WaitGroup
	for range 20 {
		for _, method := range []string{"typed", "decode"} {
			wg.Go(func() { must(t, second(Call[int](ctx, c, method, turns))) })
		}
		wg.Go(func() { must(t, Topic[turnValue]("topic").Publish(ctx, c, turns)) })
		wg.Go(func() {
			cs, err := OpenCall[turnValue, int](ctx, c, "stream")
			must(t, err)
			must(t, cs.Send(ctx, turns))
			if _, err = cs.Recv(ctx); err != io.EOF {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most := int(turns.most.Load()); most > runtime.GOMAXPROCS(0) || turns.ran.Load() != 80 {
		t.Errorf("%d of %d were decoded at a time", most, turns.ran.Load())
	}
}

// panicValue panics in both directions, as a library does on a shape it did not expect.
type panicValue struct{}

func (panicValue) MarshalJSON() ([]byte, error)    { panic("marshal") }
func (*panicValue) UnmarshalJSON([]byte) error     { panic("unmarshal") }
func (panicValue) MarshalMsgpack() ([]byte, error) { panic("marshal") }
func (*panicValue) UnmarshalMsgpack([]byte) error  { panic("unmarshal") }

func TestCodecPanicsBecomeErrors(t *testing.T) {
	for _, c := range []Codec{Msgpack, JSON} {
		if _, err := c.Append(nil, panicValue{}); err == nil || !strings.Contains(err.Error(), "panicked: marshal") {
			t.Errorf("%s: Append: %v", c.Name(), err)
		}
		body := []byte{0x01} // an integer in msgpack
		if c == JSON {
			body = []byte("1")
		}
		if err := c.Unmarshal(body, new(panicValue)); err == nil || !strings.Contains(err.Error(), "panicked: unmarshal") {
			t.Errorf("%s: Unmarshal: %v", c.Name(), err)
		}
	}
	// A map key that cannot be a map key, from the network.
	var m map[any]any
	if err := Msgpack.Unmarshal([]byte{0x81, 0x91, 0x01, 0x01}, &m); err == nil {
		t.Errorf("an array as map key was accepted: %v", m)
	}
}

func TestMsgpackAllocations(t *testing.T) {
	type pair struct{ A, B int }
	buf := make([]byte, 0, 64)
	v := any(pair{1, 2})
	if n := testing.AllocsPerRun(100, func() { buf, _ = Msgpack.Append(buf[:0], v) }); n > 1 {
		t.Errorf("Append allocates %v times", n)
	}
	var out pair
	if n := testing.AllocsPerRun(100, func() { _ = Msgpack.Unmarshal(buf, &out) }); n > 1 {
		t.Errorf("Unmarshal allocates %v times", n)
	}
	if out != (pair{1, 2}) {
		t.Errorf("got %+v", out)
	}
}

func BenchmarkMsgpack(b *testing.B) {
	type pair struct{ A, B int }
	v := any(pair{1, 2})
	var out pair
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = Msgpack.Append(buf[:0], v)
		_ = Msgpack.Unmarshal(buf, &out)
	}
}
