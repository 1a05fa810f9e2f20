package gantline

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gantline-project/gantline/frame"
)

func TestMetadataMethods(t *testing.T) {
	var none Metadata
	if none.Get("a") != "" || none.Values("a") != nil || none.Clone() != nil {
		t.Error("a nil Metadata is not empty")
	}
	m := Metadata{}
	m.Set("a", "1")
	m.Add("a", "2")
	m.Add("b", "3")
	if m.Get("a") != "1" || !reflect.DeepEqual(m.Values("a"), []string{"1", "2"}) || m.Get("b") != "3" {
		t.Errorf("got %v", m)
	}
	c := m.Clone()
	m.Set("a", "4")
	m["b"][0] = "5"
	m.Del("a")
	if m.Get("a") != "" || c.Get("a") != "1" || c.Get("b") != "3" {
		t.Errorf("clone shares memory: %v, %v", m, c)
	}
}

func TestMetadataRoundTrip(t *testing.T) {
	full := Metadata{}
	for i := range 63 {
		full.Set(fmt.Sprint("key", i), strings.Repeat("v", 100))
	}
	for name, m := range map[string]Metadata{
		"empty":        {},
		"nil":          nil,
		"one":          {"k": {"v"}},
		"empty value":  {"k": {""}},
		"many values":  {"k": {"b", "a", "b"}, "K": {"x"}},
		"binary":       {"\x00\n": {"\xff\x00"}},
		"longest key":  {strings.Repeat("k", 255): {"v"}},
		"all the room": full,
	} {
		t.Run(name, func(t *testing.T) {
			head := frame.AppendMetadata(nil, frame.MetaID, make([]byte, 16))
			block, err := appendMetadata(head, m)
			if err != nil {
				t.Fatal(err)
			}
			if err := frame.CheckMetadata(block); err != nil {
				t.Fatal(err)
			}
			got := parseMetadata(block)
			if len(m) == 0 && got != nil || len(m) > 0 && !reflect.DeepEqual(got, m) {
				t.Errorf("got %v, want %v", got, m)
			}
			if id, ok := frame.MetadataValue(block, frame.MetaID); !ok || len(id) != 16 {
				t.Errorf("the id is %x, %v", id, ok)
			}
			if _, ok := frame.MetadataValue(block, ":none"); ok {
				t.Error("found a key that is not there")
			}
			again, _ := appendMetadata(head[:len(head):len(head)], m)
			if string(again) != string(block) {
				t.Error("encoding is not the same twice")
			}
		})
	}
}

func TestMetadataLimits(t *testing.T) {
	reserved := frame.AppendMetadata(nil, frame.MetaID, make([]byte, 16)) // 22 bytes
	pairs := func(n int) Metadata { return Metadata{"k": make([]string, n)} }
	bytes := func(n int) Metadata { return Metadata{"k": {strings.Repeat("v", n-4)}} } // 1 + "k" + 2
	for _, tc := range []struct {
		name  string
		block []byte
		m     Metadata
		want  string // part of the error; "" = fine
	}{
		{"64 pairs", nil, pairs(64), ""},
		{"65 pairs", nil, pairs(65), "65 pairs, the limit is 64"},
		{"63 pairs and the id", reserved, pairs(63), ""},
		{"64 pairs and the id", reserved, pairs(64), "65 pairs, the limit is 64"},
		{"8192 bytes", nil, bytes(8192), ""},
		{"8193 bytes", nil, bytes(8193), "8193 bytes, the limit is 8192"},
		{"8170 bytes and the id", reserved, bytes(8170), ""},
		{"8171 bytes and the id", reserved, bytes(8171), "8193 bytes, the limit is 8192"},
		{"a value of 70,000 bytes", nil, bytes(70_000), "the limit is 8192"},
		{"empty key", nil, Metadata{"": {"v"}}, "key is empty"},
		{"long key", nil, Metadata{strings.Repeat("k", 256): {"v"}}, "256 bytes, the limit is 255"},
		{"reserved key", nil, Metadata{":id": {"v"}}, "reserved"},
		{"key without values", nil, Metadata{"k": nil}, ""},
	} {
		block, err := appendMetadata(tc.block, tc.m)
		if tc.want == "" {
			if err != nil || frame.CheckMetadata(block) != nil {
				t.Errorf("%s: %v, %v", tc.name, err, frame.CheckMetadata(block))
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, InvalidArgument) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if string(block) != string(tc.block) {
			t.Errorf("%s: the block was changed", tc.name)
		}
	}
}
