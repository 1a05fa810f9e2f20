package gantline

import (
	"bytes"
	"math"
	"reflect"
	"strings"
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

func TestCodecByID(t *testing.T) {
	for _, tc := range []struct {
		id         uint8
		configured Codec
		want       Codec
	}{
		{0, nil, Raw}, {1, nil, Msgpack}, {2, nil, JSON}, {3, nil, nil}, {200, Msgpack, nil},
		{1, JSON, Msgpack}, {2, otherCodec{}, otherCodec{}},
	} {
		if got := codecByID(tc.id, tc.configured); got != tc.want {
			t.Errorf("codecByID(%d, %v) = %v, want %v", tc.id, tc.configured, got, tc.want)
		}
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
