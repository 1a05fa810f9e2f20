package frame

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestPairs: pairs of the application come back, those of the protocol stay apart, and equal metadata has equal bytes.
func TestPairs(t *testing.T) {
	block := AppendMetadata(nil, MetaID, make([]byte, 16))
	if got := ParsePairs(block); got != nil {
		t.Errorf("%v of a block that has only the protocol's", got)
	}
	m := map[string][]string{"b": {"2", ""}, "a": {"1"}, "c": nil}
	block, err := AppendPairs(block, m)
	if err != nil || CheckMetadata(block) != nil {
		t.Fatal(err, CheckMetadata(block))
	}
	for range 20 {
		again, _ := AppendPairs(AppendMetadata(nil, MetaID, make([]byte, 16)), maps.Clone(m))
		if !slices.Equal(block, again) {
			t.Fatal("equal metadata has other bytes")
		}
	}
	delete(m, "c")
	if got := ParsePairs(block); !reflect.DeepEqual(got, m) {
		t.Errorf("got %v, want %v", got, m)
	}
	if v, ok := MetadataValue(block, "b"); !ok || string(v) != "2" {
		t.Errorf("b is %q, %v", v, ok)
	}
	if v, ok := MetadataValue(block, "d"); ok {
		t.Errorf("d is %q", v)
	}
}

// TestPairsLimits: what cannot be sent is refused by name, and the block stays as it was.
func TestPairsLimits(t *testing.T) {
	id := AppendMetadata(nil, MetaID, make([]byte, 16)) // 22 bytes
	for want, c := range map[string]struct {
		block []byte
		m     map[string][]string
	}{
		"65 pairs, the limit is 64":      {id, map[string][]string{"k": make([]string, 64)}},
		"8193 bytes, the limit is 8192":  {id, map[string][]string{"k": {strings.Repeat("v", 8193-22-4)}}},
		"key is empty":                   {nil, map[string][]string{"": {"v"}}},
		"256 bytes, the limit is 255":    {nil, map[string][]string{strings.Repeat("k", 256): {"v"}}},
		"which is reserved for the prot": {nil, map[string][]string{":id": {"v"}}},
	} {
		block, err := AppendPairs(c.block, c.m)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if string(block) != string(c.block) {
			t.Errorf("%s: the block was changed", want)
		}
	}
}

func FuzzPairs(f *testing.F) {
	f.Add([]byte("\x01k\x00\x01v"))
	f.Add(AppendMetadata(nil, MetaID, make([]byte, 16)))
	f.Add([]byte("\x01k\x00\x01v\x01k\x00\x00\x02:x\x00\x01y"))
	f.Fuzz(func(t *testing.T, block []byte) {
		if CheckMetadata(block) != nil {
			return
		}
		m := ParsePairs(block)
		again, err := AppendPairs(nil, m)
		if err != nil {
			t.Fatalf("%v cannot be sent again: %v", m, err)
		}
		if got := ParsePairs(again); !reflect.DeepEqual(got, m) {
			t.Errorf("got %v, want %v", got, m)
		}
	})
}
