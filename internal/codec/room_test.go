package codec

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"
	"time"
)

type embeddedStruct struct{ E [1000]byte }

type listStruct []*listStruct

type largeStruct struct {
	A [1000]byte
	B *largeStruct
	C []largeStruct
	M map[string]largeStruct
	*embeddedStruct
}

// largeTargets are types with large elements.
func largeTargets() map[string]func() any {
	targets := map[string]func() any{
		"[]large":          func() any { return new([]largeStruct) },
		"[]*large":         func() any { return new([]*largeStruct) },
		"[]**large":        func() any { return new([]**largeStruct) },
		"[][]large":        func() any { return new([][]largeStruct) },
		"map of []large":   func() any { return new(map[string][]largeStruct) },
		"[]map of large":   func() any { return new([]map[string]largeStruct) },
		"[]map of structs": func() any { return new([]map[string]bombStruct) },
		"large":            func() any { return new(largeStruct) },
		"[9]large":         func() any { return new([9]largeStruct) },
		"[]*plain":         func() any { return new([]*embeddedStruct) },
		"[]*int":           func() any { return new([]*int) },
		"lists":            func() any { return new([]listStruct) },
	}
	for name, f := range bombTargets {
		targets[name] = f
	}
	return targets
}

// tryRoom checks that a body takes at most 64 bytes for each of its own, beyond the room that any has.
func tryRoom(t *testing.T, unmarshal func([]byte, any) error, target string, body []byte) {
	v := largeTargets()[target]()
	var err error
	n := allocated(func() { err = unmarshal(body, v) })
	if limit := uint64(room + 64*len(body)); n > limit {
		t.Errorf("%.20q... into %s: %d KiB for %d KiB (%.200v)", body, target, n>>10, len(body)>>10, err)
	}
}

// TestJSONBombs: the smallest members into the largest types take no more than their bodies pay for.
func TestJSONBombs(t *testing.T) {
	for name := range largeTargets() {
		for _, member := range []string{"{}", "[]", "0", "1", "null", `""`, "[{}]", "[0,0,0]", "[[]]", `{"a":1}`, `{"b":{}}`, `{"B":{"B":{"B":{}}}}`,
			`{"C":[{}]}`, `{"M":{"a":0}}`, `{"":{"":{"":{}}}}`, `{"E":[]}`, `{"e":0}`} {
			for _, size := range []int{30 << 10, 300 << 10} {
				many := string(manyJSON(size, member))
				tryRoom(t, JSON{}.Unmarshal, name, []byte(many))
				tryRoom(t, JSON{}.Unmarshal, name, []byte(`{"c":`+many+"}"))
				tryRoom(t, JSON{}.Unmarshal, name, []byte(`{"\u0043":`+many+"}"))
			}
		}
	}
	for _, name := range []string{"[]large", "[]*large", "[]struct", "any", "[][]large", "[]int64"} {
		for _, member := range []string{"{}", "0", "1", "null", `{"C":[]}`} {
			tryRoom(t, JSON{}.Unmarshal, name, manyJSON(256<<10, member))
		}
	}
}

// manyMsgpack is an array of size bytes, or of as many members as there may be.
func manyMsgpack(size int, member []byte) []byte {
	n := min((size-5)/len(member), maxMsgpackElements/(1+len(member)/2))
	return append(binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n)), bytes.Repeat(member, n)...)
}

// TestMsgpackRoom: the same of msgpack, where an element takes a single byte.
func TestMsgpackRoom(t *testing.T) {
	members := []string{"80", "90", "c0", "00", "a0", "d6ff00000000", "9180", "93000000", "91 91 80", "81 a161 00", "81 a142 80", "81 a142 81 a142 81 a142 80",
		"81 a143 91 80", "81 a14d 81 a161 00", "81 a0 81 a0 81 a0 80", "81 a145 90", "94 c0 80 91 80 80"}
	for name := range largeTargets() {
		for _, member := range members {
			many := manyMsgpack(16<<10, unhex(t, member))
			tryRoom(t, Msgpack{}.Unmarshal, name, many)
			tryRoom(t, Msgpack{}.Unmarshal, name, slices.Concat(unhex(t, "81 a143"), many))
		}
	}
	for _, name := range []string{"[]large", "[]*large", "[]struct", "any", "[][]large", "[]int64"} {
		for _, member := range members[:4] {
			tryRoom(t, Msgpack{}.Unmarshal, name, manyMsgpack(512<<10, unhex(t, member)))
		}
	}
}

// sparseStruct has many fields, most of which are not sent.
type sparseStruct struct {
	ID   int         `json:"id"`
	Rest [40]*string `json:"-" msgpack:"-"`
}

// TestHonestBodies: what was encoded from values comes back, up to the limits.
func TestHonestBodies(t *testing.T) {
	type point struct{ X, Y int }
	type record struct {
		ID     int               `json:"id"`
		Name   string            `json:"name"`
		Tags   []string          `json:"tags,omitempty"`
		Attrs  map[string]string `json:"attrs,omitempty"`
		At     time.Time
		Next   *record   `json:"next,omitempty"`
		Points []point   `json:"points,omitempty"`
		Sparse [8]string `json:"-"`
	}
	var records []record
	var points []point
	var ints []int
	var rows []map[string]int
	var sparse []sparseStruct
	var tree []any
	for i := range 20000 {
		records = append(records, record{ID: i, Name: "n", Tags: []string{"a", "b"}, Attrs: map[string]string{"k": "v"}, At: time.Unix(int64(i), 0).UTC(),
			Next: &record{ID: 1}, Points: []point{{1, 2}, {3, 4}}})
		tree = append(tree, map[string]any{"id": float64(i), "name": "x", "list": []any{"a", true, nil, map[string]any{}}})
	}
	for i := range 20000 {
		rows = append(rows, map[string]int{"a": i & 7})
	}
	for i := range 1000 {
		sparse = append(sparse, sparseStruct{ID: i})
	}
	for i := range 200000 {
		points = append(points, point{i & 7, 1})
	}
	for i := range maxJSONElements {
		ints = append(ints, i&1)
	}
	for _, want := range []any{&records, &points, &ints, &tree, &rows, &sparse} {
		for _, c := range []interface {
			Append([]byte, any) ([]byte, error)
			Unmarshal([]byte, any) error
			Name() string
		}{JSON{}, Msgpack{}} {
			body, err := c.Append(nil, want)
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(reflect.TypeOf(want).Elem())
			err = c.Unmarshal(body, got.Interface())
			same := c == JSON{} || want != any(&tree) && want != any(&records) // msgpack has other numbers and times
			if err != nil || same && !reflect.DeepEqual(got.Interface(), want) {
				t.Errorf("%T of %d KiB of %s: %v", want, len(body)>>10, c.Name(), err)
			}
		}
	}
}
